"""Which job belongs to which node: remembered beside the script, so that it is found again.

A node saves its `JobPlace` as text in a knob; as a script may be closed unsaved after a button was
pressed, it is also kept in a file of this user, by script and node.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Dict, Optional

from .preferences import write_json
from .sentences import HostProblem

MOST_REMEMBERED = 300
MAX_FILE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class JobPlace:
    """Where a node's job is: its server and id, and what is needed to go on with it.

    ``out`` is this machine's folder for mattes, ``received`` whether they come as bytes; ``print``
    tells the request from others (`delivery.fingerprint`).
    """

    server: str
    job: str
    kind: str
    out: str = ""
    received: bool = False
    version: int = 0
    print: str = ""

    def to_text(self) -> str:
        """Return the place as one line for a knob."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Optional[JobPlace]:
        """Return the place that a knob holds; None where it holds none that can be read."""
        try:
            values = json.loads(text) if text.strip() else None
        except ValueError:
            return None
        return cls.from_values(values)

    @classmethod
    def from_values(cls, values: Any) -> Optional[JobPlace]:
        """Return the place of a JSON object, None where it is none."""
        if not isinstance(values, dict):
            return None
        known = {info.name: values[info.name] for info in fields(cls) if info.name in values}
        try:
            place = cls(**known)
        except TypeError:
            return None
        kinds = {info.name: type(getattr(cls("", "", ""), info.name)) for info in fields(cls)}
        good = all(type(getattr(place, name)) is kind for name, kind in kinds.items())
        return place if good and place.job else None


class JobMemory:
    """The file of remembered jobs; a damaged one is begun anew. For any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def find(self, key: str) -> Optional[JobPlace]:
        """Return what is remembered under a key."""
        with self._lock:
            entry = self._read().get(key)
        return JobPlace.from_values(entry["place"]) if isinstance(entry, dict) else None

    def keep(self, key: str, place: JobPlace) -> None:
        """Remember a place; the oldest are forgotten. What cannot be written is not remembered."""
        with self._lock:
            found = self._read()
            found.pop(key, None)
            found[key] = {"place": asdict(place), "when": time.time()}
            for old in list(found)[: max(0, len(found) - MOST_REMEMBERED)]:
                del found[old]
            self._write(found)

    def forget(self, key: str) -> None:
        """Remember nothing under a key any more."""
        with self._lock:
            found = self._read()
            if found.pop(key, None) is not None:
                self._write(found)

    def _read(self) -> Dict[str, Any]:
        try:
            if self._path.stat().st_size > MAX_FILE_BYTES:
                return {}
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        good = isinstance(found, dict)
        return {
            key: entry
            for key, entry in (found.items() if good else ())
            if isinstance(entry, dict) and "place" in entry
        }

    def _write(self, found: Dict[str, Any]) -> None:
        try:
            write_json(self._path, found)
        except HostProblem:
            return


def memory_key(script: str, node: str) -> str:
    """Return the key of a node in a script."""
    return f"{script}::{node}"
