"""Measured rows in a JSON file that several processes fill, and that a killed run goes on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

T = TypeVar("T")
Row = dict[str, Any]


def key_of(identity: Mapping[str, Any]) -> str:
    """Name of a row: a hash of everything that decides its figures."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Rows:
    """The rows of one file; what another process has added meanwhile is kept.

    A row is the identity's own fields, ``key``, ``at`` (UTC, ISO 8601) and what was measured.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_suffix(".lock.tmp.json"))
        path.parent.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[Row]:
        """Every row there is, sorted by what it is about."""
        if not self.path.is_file():
            return []
        rows: list[Row] = json.loads(self.path.read_text(encoding="utf-8"))["rows"]
        return rows

    def has(self, identity: Mapping[str, Any]) -> bool:
        """Whether a row was measured already."""
        key = key_of(identity)
        return any(row["key"] == key for row in self.all())

    def add(self, identity: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
        """Puts a row in, in place of an older one; the file is whole at every moment."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        new: Row = {**identity, "key": key_of(identity), "at": at, **measured}
        with self._lock:
            rows = [row for row in self.all() if row["key"] != new["key"]]
            rows = sorted([*rows, new], key=_order)
            temporary = self.path.with_suffix(".tmp.json")
            text = json.dumps({"rows": rows}, indent=1, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")
            temporary.replace(self.path)


def _order(row: Row) -> tuple[str, int, str, int]:
    return row["row"], row["references"], row["method"], row["seed"]


def read_share(text: str) -> tuple[int, int]:
    """``2/3`` -> (2, 3). Raises ValueError unless 1 <= I <= N."""
    part, _, parts = text.partition("/")
    share = (int(part), int(parts))
    if not 1 <= share[0] <= share[1]:
        raise ValueError(f"a share is I/N with I of 1 to N, not {text}")
    return share


def share_of(items: Sequence[T], share: tuple[int, int]) -> list[T]:
    """The items of process I of N: every N-th, so that long and short ones are mixed."""
    return list(items[share[0] - 1 :: share[1]])
