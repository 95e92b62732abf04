"""The job store as the status page reads it: a connection of its own that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from smite_protocol.errors import BadPath

from .jobs import State
from .store import Store
from .store_rows import OPEN, marks

BUSY_SECONDS = 2.0


class JobTimes(NamedTuple):
    """What metrics read of a job; times are of the clock, in seconds."""

    job: str
    number: int
    kind: str
    lane: str
    state: State
    ready: bool
    error: str
    created: float
    started: float | None
    finished: float | None


class StoreReader(Store):
    """A store that is only read, by the thread that opened it. Raises BadPath.

    It never waits for the router, nor the router for it: SQLite's write-ahead log lets both go on.
    ``served`` is what the server's own store remembers of its users' turns.
    """

    def __init__(self, path: Path, server: str, *, served: Mapping[str, int] | None = None) -> None:
        self.server = server
        self.served = dict(served or {})
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS
            )
        except sqlite3.Error as problem:
            raise BadPath(f"The job store {path} cannot be read ({problem}).") from problem
        self._db.row_factory = sqlite3.Row

    def times(self, after: int, jobs: Iterable[str] = ()) -> list[JobTimes]:
        """Return this server's jobs numbered above ``after``, those not ended, and ``jobs``."""
        wanted = list(jobs)
        rows = self._db.execute(
            "SELECT job, number, kind, lane, state, ready, error, created, started, finished"
            f" FROM jobs WHERE server = ? AND (number > ? OR state IN ({marks(OPEN)})"
            f" OR job IN ({marks(wanted)})) ORDER BY number",
            (self.server, after, *OPEN, *wanted),
        )
        return [
            JobTimes(**{**dict(row), "state": State(row["state"]), "ready": bool(row["ready"])})
            for row in rows
        ]

    def last_number(self) -> int:
        """Return the number of the newest job of all servers."""
        (found,) = self._db.execute("SELECT COALESCE(MAX(number), 0) FROM jobs").fetchone()
        return int(found)

    def matte_count(self, job: str) -> tuple[int, int]:
        """Return how many mattes and frames of a job there are."""
        mattes, frames = self._db.execute(
            "SELECT COUNT(*), COUNT(DISTINCT frame) FROM mattes WHERE job = ?", (job,)
        ).fetchone()
        return int(mattes), int(frames)

    def ahead(self) -> dict[str, int]:
        """Return how many of this server's jobs run or wait before each that waits."""
        order, running = self.places()
        return {entry.job: running + place for place, entry in enumerate(order)}
