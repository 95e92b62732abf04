"""The engine's own error classes: the fake raises the same."""

from __future__ import annotations

from smite_engine.errors import *  # noqa: F403
from smite_engine.errors import OutOfDeviceMemoryError as OutOfDeviceMemoryError
