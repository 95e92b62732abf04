"""The jobs and their mattes in SQLite; survives kill -9 of any process.

Several servers of one user share the file (WAL). Every job has an owner, the server that runs it;
others only read it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadPath, UnknownJob

from .jobs import Job, Matte, State, check_transition

BUSY_SECONDS = 10.0

_VERSION_1 = """
CREATE TABLE jobs (
    job TEXT PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    spec TEXT NOT NULL, resolved TEXT NOT NULL, key TEXT NOT NULL, ready INTEGER NOT NULL,
    state TEXT NOT NULL, stage TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    seconds_left REAL, error TEXT NOT NULL, message TEXT NOT NULL, created REAL NOT NULL,
    started REAL, finished REAL, server TEXT NOT NULL, client TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (server, state, number);
CREATE INDEX jobs_by_number ON jobs (number);
CREATE TABLE mattes (
    job TEXT NOT NULL, seq INTEGER NOT NULL, frame INTEGER NOT NULL, part TEXT NOT NULL,
    slug TEXT NOT NULL, path TEXT NOT NULL, relative TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
"""
_VERSION_2 = """
ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE jobs ADD COLUMN rank REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN window INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT '';
UPDATE jobs SET rank = number;
CREATE UNIQUE INDEX mattes_once ON mattes (job, frame, slug);
"""
_STEPS = (_VERSION_1, _VERSION_2)
"""What makes each version of the one before; a new file takes all steps."""
SCHEMA_VERSION = len(_STEPS)
_JSON_COLUMNS = ("spec", "resolved", "result")
_COLUMNS = tuple(Job.__dataclass_fields__)
_OPEN = tuple(state.value for state in State if not state.final)
_CHANGEABLE = frozenset(_COLUMNS) - {"job", "kind", "name", "spec", "created", "state"}


class Store:
    """The store of one server; for one thread.

    ``server`` is the id under which new jobs are owned. Raises BadPath when the file cannot be
    used.
    """

    def __init__(self, path: Path, server: str) -> None:
        self.server = server
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            self._open_schema(path)
        except sqlite3.Error as problem:
            raise BadPath(
                f"The job store {path} cannot be used ({problem}); move it away, or choose"
                " another folder."
            ) from problem
        self._db.row_factory = sqlite3.Row

    def _open_schema(self, path: Path) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise BadPath(f"The job store {path} is of a newer SMITE; update this installation.")
        if version < SCHEMA_VERSION:
            self._bring_up()

    def _bring_up(self) -> None:
        """Make the tables, or change those of an older version; another server may be at it too."""
        with self._transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            for step in _STEPS[version:]:
                for statement in step.strip().rstrip(";").split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add(self, job: Job) -> Job:
        """Store a new job of this server, last among its equals, and return it."""
        stored = replace(job, server=self.server, created=time.time())
        columns = ", ".join(("number", *_COLUMNS))
        marks = ", ".join("?" for _ in _COLUMNS)
        with self._transaction():
            self._db.execute(
                f"INSERT INTO jobs ({columns}) VALUES"
                f" ((SELECT COALESCE(MAX(number), 0) + 1 FROM jobs), {marks})",
                [_to_column(name, getattr(stored, name)) for name in _COLUMNS],
            )
            self._db.execute("UPDATE jobs SET rank = number WHERE job = ?", (stored.job,))
        return self.find(stored.job)

    def find(self, job: str) -> Job:
        """Return a job. Raises UnknownJob."""
        row = self._db.execute("SELECT * FROM jobs WHERE job = ?", (job,)).fetchone()
        if row is None:
            raise UnknownJob(f"There is no job {job}; `smite jobs` lists those there are.")
        return _from_row(row)

    def change(self, job: str, **changes: Any) -> Job:
        """Change columns of a job, without its state, and return it."""
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise ValueError(f"not columns that change: {sorted(unknown)}")
        with self._transaction():
            self._update(job, changes)
        return self.find(job)

    def move(self, job: str, state: State, **changes: Any) -> Job:
        """Bring a job into another state and return it. Raises InternalError if it may not."""
        now = time.time()
        with self._transaction():
            check_transition(job, self.find(job).state, state)
            moment = {"started": now} if state is State.RUNNING else {}
            moment |= {"finished": now} if state.final else {}
            self._update(job, {"state": state.value, **moment, **changes})
        return self.find(job)

    def _update(self, job: str, changes: dict[str, Any]) -> None:
        settings = ", ".join(f"{name} = ?" for name in changes)
        values = [_to_column(name, value) for name, value in changes.items()]
        self._db.execute(f"UPDATE jobs SET {settings} WHERE job = ?", [*values, job])

    def next_queued(self) -> Job | None:
        """Return this server's oldest job that is queued and has all it needs."""
        row = self._db.execute(
            "SELECT * FROM jobs WHERE server = ? AND state = 'queued' AND ready = 1"
            " ORDER BY number LIMIT 1",
            (self.server,),
        ).fetchone()
        return None if row is None else _from_row(row)

    def same_work(self, key: str) -> Job | None:
        """Return this server's unfinished job with this key, if there is one."""
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE server = ? AND key = ? AND state IN ({_marks(_OPEN)})"
            " ORDER BY number LIMIT 1",
            (self.server, key, *_OPEN),
        )
        row = rows.fetchone()
        return None if row is None else _from_row(row)

    def open_jobs(self, *, own: bool = True) -> list[Job]:
        """Return the jobs that have not ended, oldest first: this server's, or the others'."""
        sign = "=" if own else "<>"
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE server {sign} ? AND state IN ({_marks(_OPEN)})"
            " ORDER BY number",
            (self.server, *_OPEN),
        )
        return [_from_row(row) for row in rows]

    def list_jobs(self, *, ended: bool, limit: int) -> list[Job]:
        """Return jobs of all servers, newest first; those that have ended if ``ended``."""
        states = tuple(state.value for state in State) if ended else _OPEN
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE state IN ({_marks(states)}) ORDER BY number DESC LIMIT ?",
            (*states, limit),
        )
        return [_from_row(row) for row in rows]

    def add_mattes(self, mattes: Sequence[Matte]) -> list[Matte]:
        """Store finished mattes of one job, all or none; return the new ones, numbered.

        A matte that is there already, as a window that is made again after a crash has them,
        keeps its number.
        """
        if not mattes:
            return []
        job = mattes[0].job
        with self._transaction():
            mattes = [matte for matte in mattes if not self._has(matte)]
            (last,) = self._db.execute(
                "SELECT COALESCE(MAX(seq), 0) FROM mattes WHERE job = ?", (job,)
            ).fetchone()
            numbered = [replace(matte, seq=last + 1 + n) for n, matte in enumerate(mattes)]
            self._db.executemany(
                "INSERT INTO mattes (job, seq, frame, part, slug, path, relative)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(m.job, m.seq, m.frame, m.part, m.slug, m.path, m.relative) for m in numbered],
            )
        return numbered

    def _has(self, matte: Matte) -> bool:
        found = self._db.execute(
            "SELECT 1 FROM mattes WHERE job = ? AND frame = ? AND slug = ?",
            (matte.job, matte.frame, matte.slug),
        )
        return found.fetchone() is not None

    def mattes_after(self, job: str, seq: int, limit: int) -> list[Matte]:
        """Return mattes of a job with a higher ``seq``, in order."""
        rows = self._db.execute(
            "SELECT job, seq, frame, part, slug, path, relative FROM mattes"
            " WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
            (job, seq, limit),
        )
        return [Matte(**dict(row)) for row in rows]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" for _ in values)


def _to_column(name: str, value: Any) -> Any:
    if name in _JSON_COLUMNS:
        return json.dumps(value, sort_keys=True)
    if isinstance(value, State):
        return value.value
    return int(value) if isinstance(value, bool) else value


def _from_row(row: sqlite3.Row) -> Job:
    found = {name: row[name] for name in _COLUMNS}
    for name in _JSON_COLUMNS:
        found[name] = json.loads(found[name])
    found["state"] = State(found["state"])
    found["ready"] = bool(found["ready"])
    return Job(**found)
