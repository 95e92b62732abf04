"""Logging: structured lines on standard error, old log files cleared away."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import structlog


def log_to_stderr() -> None:
    """Send structlog's lines to standard error, unless the program has chosen otherwise."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def purge_logs(folder: Path, older_than_days: float) -> None:
    """Remove log files that have not changed for so long."""
    limit = time.time() - older_than_days * 86400
    for path in folder.glob("*.log"):
        try:
            if path.stat().st_mtime < limit:
                path.unlink()
        except OSError:  # another server was quicker
            continue
