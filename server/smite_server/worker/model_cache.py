"""Part models that were read, most recently used last, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Key = tuple[str, int, int]
"""Path, time of change (ns) and size: another file under the same name is another key."""


@dataclass(frozen=True)
class _Kept:
    model: Any
    bytes: int


class ModelCache:
    """Keeps part models; the least recently used ones go first.

    ``budget`` is in bytes of their files, which hold little else than their numbers; a larger
    model is not kept at all.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: dict[Key, _Kept] = {}

    def get(self, path: Path, load: Callable[[Path], Any]) -> Any:
        """Return the model in the file at ``path``, from here or by ``load``."""
        key = _key(path)
        kept = self._kept.pop(key, None) if key is not None else None
        if kept is None:
            kept = _Kept(load(path), 0 if key is None else key[2])
        if key is not None and kept.bytes <= self._budget:
            self._kept[key] = kept
            self._shrink()
        return kept.model

    def clear(self) -> bool:
        """Let go of all; return whether there was anything."""
        found = bool(self._kept)
        self._kept.clear()
        return found

    def _shrink(self) -> None:
        while sum(kept.bytes for kept in self._kept.values()) > self._budget:
            self._kept.pop(next(iter(self._kept)))


def _key(path: Path) -> Key | None:
    """Return None for a file that cannot be looked at: loading it says what is wrong."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (str(path), status.st_mtime_ns, status.st_size)
