"""The SMITE server: jobs over ZeroMQ, one worker process per device."""

from __future__ import annotations

__version__ = "0.1.0"
