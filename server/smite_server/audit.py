"""The audit log: who did what and when, one JSON object on a line, for studios that must know.

``LOGS/audit.jsonl``, for its owner's eyes only, appended to and flushed line by line, renamed to
``audit.jsonl.1`` and so on when it is full. Nothing that a stranger sends can forge a line (JSON
escapes control characters), make one long (strings and lists are cut), or flood it: of the same
event of the same peer a bounded number is written in a while, and then how many there were. A
disk that is full stops the log, not the server.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

FILE_NAME = "audit.jsonl"
MAX_STRING = 512
MAX_ITEMS = 16
SAME_IN_A_WHILE = 30
WHILE_SECONDS = 60.0
MAX_REMEMBERED = 4096


class AuditLog:
    """The audit log of a server. May be written to from several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 16 * 1024 * 1024,
        keep: int = 8,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = folder / FILE_NAME
        self._max_bytes = max_bytes
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._failing = False

    def write(self, event: str, *, by: str = "", most: int = SAME_IN_A_WHILE, **facts: Any) -> None:
        """Write one line: what happened, and its facts, without those that are empty.

        ``by`` says whose lines of this event are counted, where a stranger could flood the log;
        without it every line is written. ``most`` of them are written in `WHILE_SECONDS`.
        """
        with self._lock:
            now = self._clock()
            skipped = self._count(event, by, most, now)
            if skipped is None:
                return
            line: dict[str, Any] = {
                "when": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
                "what": event,
            }
            line.update({name: _cut(value) for name, value in facts.items() if value or value == 0})
            if skipped:
                line["unwritten_before"] = skipped
            self._append(json.dumps(line, ensure_ascii=True) + "\n")

    def _count(self, event: str, by: str, most: int, now: float) -> int | None:
        """Return how many of the same were left out before this one; None: leave this out."""
        if not by:
            return 0
        begun, count = self._seen.pop((event, by), (now, 0))
        skipped = 0
        if not 0.0 <= now - begun < WHILE_SECONDS:
            skipped = max(0, count - most)
            begun, count = now, 0
        self._seen[event, by] = (begun, count + 1)
        while len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return None if count >= most else skipped

    def _append(self, line: str) -> None:
        try:
            self._rotate(len(line))
            descriptor = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(line)
        except OSError as problem:
            if not self._failing:
                log.warning("the audit log cannot be written", why=str(problem))
            self._failing = True
        else:
            self._failing = False

    def _rotate(self, coming: int) -> None:
        if not self.path.exists() or self.path.stat().st_size + coming <= self._max_bytes:
            return
        for number in range(self._keep - 1, 0, -1):
            older = self.path.with_name(f"{FILE_NAME}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{FILE_NAME}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{FILE_NAME}.1"))


def _cut(value: Any) -> Any:
    """Return ``value`` short enough for a line."""
    if isinstance(value, (list, tuple)):
        return [_cut(entry) for entry in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {str(key)[:64]: _cut(entry) for key, entry in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    return str(value)[:MAX_STRING]
