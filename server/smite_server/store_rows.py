"""Jobs as rows of the store, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from .jobs import Job, State

COLUMNS = tuple(Job.__dataclass_fields__)
JSON_COLUMNS = ("spec", "resolved", "result")
OPEN = tuple(state.value for state in State if not state.final)
"""States of jobs that have not ended."""


def marks(values: Sequence[str]) -> str:
    """Return so many placeholders."""
    return ", ".join("?" for _ in values)


def to_column(name: str, value: Any) -> Any:
    """Return a field of a job as its column holds it."""
    if name in JSON_COLUMNS:
        return json.dumps(value, sort_keys=True)
    if isinstance(value, State):
        return value.value
    return int(value) if isinstance(value, bool) else value


def from_row(row: sqlite3.Row) -> Job:
    """Return the job of a row with all columns."""
    found = {name: row[name] for name in COLUMNS}
    for name in JSON_COLUMNS:
        found[name] = json.loads(found[name])
    found["state"] = State(found["state"])
    for name in ("ready", "private"):
        found[name] = bool(found[name])
    return Job(**found)
