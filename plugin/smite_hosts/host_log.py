"""The plugin's log file, which a menu opens: rotated, for threads too, never the host's console."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 2 * 1024 * 1024
KEPT = 3
LOGGER = "smite_hosts"


def open_log(folder: Path, name: str, level: str = "info") -> logging.Logger:
    """Return the logger of a host's plugin; its file is ``folder``/``name``.log.

    A folder that cannot be written to costs the log and nothing else. May be called again, with
    another level.
    """
    logger = logging.getLogger(f"{LOGGER}.{name}")
    logger.setLevel(level.upper())
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_handler(folder / f"{name}.log"))
    return logger


def log_file(folder: Path, name: str) -> Path:
    """Return where the log file lies."""
    return folder / f"{name}.log"


def close_log(logger: logging.Logger) -> None:
    """Close the logger's file."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _handler(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", delay=True
        )
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s: %(message)s"))
    return handler
