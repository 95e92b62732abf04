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
    another level or folder.
    """
    logger = logging.getLogger(f"{LOGGER}.{name}")
    logger.setLevel(level.upper())
    logger.propagate = False
    path = log_file(folder, name)
    if not any(_writes_to(handler, path) for handler in logger.handlers):
        close_log(logger)
        logger.addHandler(_handler(path))
    return logger


def log_file(folder: Path, name: str) -> Path:
    """Return where the log file lies."""
    return folder / f"{name}.log"


def close_log(logger: logging.Logger) -> None:
    """Close the logger's file."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _writes_to(handler: logging.Handler, path: Path) -> bool:
    return isinstance(handler, logging.FileHandler) and Path(handler.baseFilename) == path


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
