"""Logging: structured lines on standard error and in the server's own file; old files cleared.

Every line that is written while a request is answered carries its job and user (`name_in_log`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from structlog.typing import Processor

from .config import Log

LOGGER = "smite"
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
)


class Logging:
    """Sends structlog's lines to standard error, and to a file once `to_file` names it.

    As a context it ends with its handlers closed and structlog as it was before.
    """

    def __init__(self, config: Log) -> None:
        self._config = config
        self._logger = logging.getLogger(LOGGER)
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> Self:
        self._logger.setLevel(self._config.level.upper())
        self._logger.propagate = False
        self._add(logging.StreamHandler(sys.stderr), as_json=self._config.format == "json")
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *_SHARED,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=lambda *_names: self._logger,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        structlog.reset_defaults()
        for handler in self._handlers:
            self._logger.removeHandler(handler)
            handler.close()

    def to_file(self, path: Path) -> None:
        """Write JSON lines to ``path`` too; older ones become ``path.1``, ``path.2``."""
        handler = RotatingFileHandler(
            path,
            maxBytes=self._config.max_bytes,
            backupCount=self._config.files,
            encoding="utf-8",
            delay=True,
        )
        self._add(handler, as_json=True)

    def _add(self, handler: logging.Handler, *, as_json: bool) -> None:
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
        if not as_json:
            last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_SHARED,
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            )
        )
        self._handlers.append(handler)
        self._logger.addHandler(handler)


def log_to_stderr() -> None:
    """Log lines for people on standard error for the rest of this process: a worker's way."""
    Logging(Log()).__enter__()


@contextmanager
def log_context() -> Iterator[None]:
    """Keep what `name_in_log` names inside the context to the lines written in it."""
    before = structlog.contextvars.get_contextvars()
    try:
        yield
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**before)


def name_in_log(**names: Any) -> None:
    """Write these names, where they are not empty, with the lines that follow in this context."""
    found = {name: value for name, value in names.items() if value}
    structlog.contextvars.bind_contextvars(**found)


def purge_logs(folder: Path, older_than_days: float) -> None:
    """Remove log files that have not changed for so long."""
    limit = time.time() - older_than_days * 86400
    for path in folder.glob("*.log*"):
        try:
            if path.stat().st_mtime < limit:
                path.unlink()
        except OSError:  # another server was quicker
            continue
