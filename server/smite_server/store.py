"""The jobs and their mattes in SQLite; survives kill -9 of any process, and a power cut.

Several servers of one user share the file (WAL). Every job has an owner, the server that runs it;
others only read it, until its server has gone (`Store.adopt`). What counts (a job, its states,
its mattes, its checkpoint) is on the disk when a method returns; progress is not waited for.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadPath, DiskFull, InternalError, UnknownJob

from . import queue
from .jobs import Job, Matte, State, check_transition
from .queue import Waiting
from .store_rows import COLUMNS, OPEN, from_row, marks, to_column
from .store_schema import SCHEMA_VERSION, STEPS

BUSY_SECONDS = 10.0

_FINAL = tuple(state.value for state in State if state.final)
_CHANGEABLE = frozenset(COLUMNS) - {"job", "kind", "name", "spec", "created", "state"}
_PROGRESS = frozenset({"stage", "done", "total", "seconds_left"})
"""Columns whose loss in a power cut costs nothing."""


class Store:
    """The store of one server; for one thread.

    ``server`` is the id under which new jobs are owned, ``private`` whether it is the server of
    one command; ``max_running_per_user`` bounds what `next_queued` gives, 0: no bound;
    ``steady`` is the clock of `uptime`. Raises BadPath when the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        server: str,
        *,
        private: bool = False,
        max_running_per_user: int = 0,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self.private = private
        self._max_running = max_running_per_user
        self._turn = itertools.count(1)
        self.served: dict[str, int] = {}
        self._durable = False
        self._steady, self._begun = steady, steady()
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            self._open_schema(path)
            (self._up_before,) = self._db.execute("SELECT seconds FROM uptime").fetchone()
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
            for step in STEPS[version:]:
                for statement in step.strip().rstrip(";").split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Write all or nothing; ``durable``: it is on the disk at the end of the context.

        Raises DiskFull, InternalError when SQLite cannot write; nothing is changed then.
        """
        if durable != self._durable:
            # In WAL mode FULL adds a sync of the log to each commit, which also keeps all
            # commits before it.
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as problem:
            self._roll_back()
            raise _unwritten(problem) from problem
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # a full disk may have ended it already
            self._db.execute("ROLLBACK")

    def add(self, job: Job) -> Job:
        """Store a new job of this server, last among its equals, and return it."""
        stored = replace(job, server=self.server, private=self.private, created=time.time())
        columns = ", ".join(("number", *COLUMNS))
        marks = ", ".join("?" for _ in COLUMNS)
        with self._transaction():
            self._db.execute(
                f"INSERT INTO jobs ({columns}) VALUES"
                f" ((SELECT COALESCE(MAX(number), 0) + 1 FROM jobs), {marks})",
                [to_column(name, getattr(stored, name)) for name in COLUMNS],
            )
            # Not below any rank: a job that another server's number goes before waits behind it.
            self._db.execute(
                "UPDATE jobs SET rank = MAX(number, (SELECT MAX(rank) + 1 FROM jobs))"
                " WHERE job = ?",
                (stored.job,),
            )
        return self.find(stored.job)

    def find(self, job: str) -> Job:
        """Return a job. Raises UnknownJob."""
        row = self._db.execute("SELECT * FROM jobs WHERE job = ?", (job,)).fetchone()
        if row is None:
            raise UnknownJob(f"There is no job {job}; `smite jobs` lists those there are.")
        return from_row(row)

    def change(self, job: str, **changes: Any) -> Job:
        """Change columns of a job, without its state, and return it."""
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise ValueError(f"not columns that change: {sorted(unknown)}")
        with self._transaction(durable=not _PROGRESS.issuperset(changes)):
            self._update(job, changes)
        return self.find(job)

    def move(self, job: str, state: State, **changes: Any) -> Job:
        """Bring a job into another state and return it. Raises InternalError if it may not."""
        with self._transaction():
            before = self.find(job)
            check_transition(job, before.state, state)
            self._update(job, {"state": state.value, **_moment(before, state), **changes})
            if state.final:
                ended = (self._note_uptime(), job)
                self._db.execute("UPDATE jobs SET ended_at = ? WHERE job = ?", ended)
        found = self.find(job)
        if state is State.RUNNING and found.server == self.server:
            self.served[found.user] = next(self._turn)
        return found

    def _update(self, job: str, changes: dict[str, Any]) -> None:
        names = ", ".join(f"{name} = ?" for name in changes)
        values = [to_column(*change) for change in changes.items()] + [job]
        self._db.execute(f"UPDATE jobs SET {names} WHERE job = ?", values)

    def adopt(self, jobs: Sequence[Job], **changes: Any) -> list[Job]:
        """Take jobs of servers that have gone, and return those that are this server's now.

        One that ran is queued again, and goes on from its checkpoint. A job whose owner or state
        is another by now is left out: another server was quicker. Only ``jobs`` whose servers
        hold no lock may be given: those never come back.
        """
        taken = []
        with self._transaction():
            for job in jobs:
                now = self.find(job.job)
                if (now.server, now.state) != (job.server, job.state):
                    continue
                mine = {"server": self.server, "private": self.private, "device": "", **changes}
                if now.state is State.RUNNING:
                    mine |= {"state": State.QUEUED, "stage": "waiting", "seconds_left": None}
                self._update(job.job, mine)
                taken.append(job.job)
        return [self.find(job) for job in taken]

    def revive(self, job: Job, **changes: Any) -> Job | None:
        """Queue a job that has failed or was cancelled again, last among its equals, as this one's.

        Returns None when it is in another state, or another server's, by now.
        """
        with self._transaction():
            now = self.find(job.job)
            if (now.server, now.state) != (job.server, job.state):
                return None
            check_transition(job.job, now.state, State.QUEUED)
            (rank,) = self._db.execute("SELECT MAX(rank) + 1 FROM jobs").fetchone()
            mine = {"server": self.server, "private": self.private, "state": State.QUEUED}
            again = {"rank": rank, "attempts": 0, "stage": "waiting", "ready": True}
            self._update(job.job, {**mine, **again, **_moment(now, State.QUEUED), **changes})
        return self.find(job.job)

    def next_queued(self) -> Job | None:
        """Return this server's job whose turn it is (`queue`), of those that have all they need."""
        waiting, running = self._standing(ready=True)
        found = queue.next_of(waiting, running, self.served, self._max_running)
        return None if found is None else self.find(found.job)

    def places(self) -> tuple[list[Waiting], int]:
        """Return this server's queued jobs in the order of their turns, and how many run.

        Those that wait for their files have no turn yet.
        """
        waiting, running = self._standing(ready=True)
        return queue.in_order(waiting, running, self.served), sum(running.values())

    def _standing(self, *, ready: bool) -> tuple[list[Waiting], dict[str, int]]:
        """Return this server's queued jobs, only ready ones if asked, and its users' running."""
        rows = self._db.execute(
            "SELECT job, user, lane, priority, rank FROM jobs"
            f" WHERE server = ? AND state = 'queued'{' AND ready = 1' if ready else ''}",
            (self.server,),
        )
        running = self._db.execute(
            "SELECT user, COUNT(*) FROM jobs WHERE server = ? AND state = 'running' GROUP BY user",
            (self.server,),
        )
        return [Waiting(**dict(row)) for row in rows], dict(running.fetchall())

    def equals(self, job: Job) -> list[Waiting]:
        """Return the queued jobs among which ``job`` has its rank, itself among them."""
        waiting, _ = self._standing(ready=False)
        wanted = (job.user, job.lane, job.priority)
        return [found for found in waiting if (found.user, found.lane, found.priority) == wanted]

    def rank(self, ranks: dict[str, float]) -> None:
        """Give jobs other ranks, all or none."""
        with self._transaction():
            for job, rank in ranks.items():
                self._update(job, {"rank": rank})

    def count_open(self, user: str | None = None) -> int:
        """Return how many of this server's jobs have not ended: all, or a user's."""
        condition = "" if user is None else " AND user = ?"
        (count,) = self._db.execute(
            f"SELECT COUNT(*) FROM jobs WHERE server = ? AND state IN ({marks(OPEN)}){condition}",
            (self.server, *OPEN, *(() if user is None else (user,))),
        ).fetchone()
        return int(count)

    def same_work(self, key: str) -> Job | None:
        """Return this server's unfinished job with this key, if there is one."""
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE server = ? AND key = ? AND state IN ({marks(OPEN)})"
            " ORDER BY number LIMIT 1",
            (self.server, key, *OPEN),
        )
        return next(map(from_row, rows), None)

    def failed_work(self, key: str, user: str, errors: Collection[str]) -> Job | None:
        """Return a user's newest job with this key, of any server, if it failed so."""
        row = self._db.execute(
            "SELECT * FROM jobs WHERE key = ? AND user = ? ORDER BY number DESC LIMIT 1",
            (key, user),
        ).fetchone()
        found = None if row is None else from_row(row)
        if found is None or found.state is not State.FAILED or found.error not in errors:
            return None
        return found

    def open_jobs(self, *, own: bool = True) -> list[Job]:
        """Return the jobs that have not ended, oldest first: this server's, or the others'."""
        sign = "=" if own else "<>"
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE server {sign} ? AND state IN ({marks(OPEN)})"
            " ORDER BY number",
            (self.server, *OPEN),
        )
        return [from_row(row) for row in rows]

    def list_jobs(self, *, ended: bool, limit: int) -> list[Job]:
        """Return jobs of all servers, newest first; those that have ended if ``ended``."""
        states = tuple(state.value for state in State) if ended else OPEN
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE state IN ({marks(states)}) ORDER BY number DESC LIMIT ?",
            (*states, limit),
        )
        return [from_row(row) for row in rows]

    def ended(self) -> list[tuple[str, float]]:
        """Return the ended jobs of all servers and their ends in `uptime`, the oldest first."""
        rows = self._db.execute(
            "SELECT job, ended_at FROM jobs"
            f" WHERE state IN ({marks(_FINAL)}) ORDER BY ended_at, number",
            _FINAL,
        )
        return [(row["job"], row["ended_at"]) for row in rows]

    def uptime(self) -> float:
        """Return the seconds that servers of this file have been up, in all; never falls."""
        with self._transaction(durable=False):
            return self._note_uptime()

    def _note_uptime(self) -> float:
        mine = self._up_before + self._steady() - self._begun
        self._db.execute("UPDATE uptime SET seconds = MAX(seconds, ?)", (mine,))
        (seconds,) = self._db.execute("SELECT seconds FROM uptime").fetchone()
        return float(seconds)

    def names(self) -> set[str]:
        """Return the ids of all jobs."""
        return {job for (job,) in self._db.execute("SELECT job FROM jobs")}

    @contextmanager
    def while_ended(self, job: str) -> Iterator[bool]:
        """Say whether a job has ended or is none, and keep it so within the context."""
        with self._transaction():
            row = self._db.execute("SELECT state FROM jobs WHERE job = ?", (job,)).fetchone()
            yield row is None or State(row["state"]).final

    def forget(self, job: str) -> None:
        """Remove a job that has ended, and what is known of its mattes."""
        with self._transaction():
            removed = self._db.execute(
                f"DELETE FROM jobs WHERE job = ? AND state IN ({marks(_FINAL)})", (job, *_FINAL)
            )
            if removed.rowcount:
                self._db.execute("DELETE FROM mattes WHERE job = ?", (job,))

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


def _moment(before: Job, state: State) -> dict[str, Any]:
    """Return what a change of state notes or clears by itself."""
    now = time.time()
    if state is State.RUNNING:
        return {"started": now}
    if state.final:
        return {"finished": now}
    if not before.state.final:
        return {}
    return {"finished": None, "error": "", "message": "", "seconds_left": None, "device": ""}


def _unwritten(problem: sqlite3.OperationalError) -> DiskFull | InternalError:
    if problem.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
        return DiskFull("The disk of the server's job store is full; make room there.")
    return InternalError(f"The server's job store cannot be written ({problem}).")
