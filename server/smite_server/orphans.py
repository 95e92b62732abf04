"""The jobs that servers left unfinished when they died.

A server that somebody started (`smite serve`) takes over what another such server of the same
home left, if it could run it: the same backbone, engine and spool, and roots that hold the job's.
What nobody can run fails after a while. A command's private server ends with its command, so its
jobs fail with it, and a private server takes over nothing; submitting the same work again goes on
where the job was (`submitting`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from smite_protocol.errors import ServerStopped, SmiteError

from .config import ServerConfig
from .jobs import Job, State
from .registry import is_alive
from .spool import Spool
from .store import Store

log = structlog.get_logger(__name__)

LEFT_ALONE = "waiting for its server"


def surroundings(config: ServerConfig) -> dict[str, str]:
    """Return what a job's result and files depend on, besides the job; kept with each job."""
    return {
        "backbone": config.backbone,
        "engine": config.engine,
        "spool": str(config.spool_folder),
    }


def can_run(job: Job, config: ServerConfig) -> bool:
    """Return whether a server may run a job that another one accepted."""
    inside = all(
        any(Path(root).is_relative_to(own) for own in config.roots)
        for root in job.resolved.get("roots", ())
    )
    return inside and job.resolved.get("made_for") == surroundings(config)


class Orphans:
    """Looks after the unfinished jobs of dead servers."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        spool: Spool,
        *,
        alive: Callable[[str], bool] = is_alive,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._store = store
        self._spool = spool
        self._alive = alive
        self._clock = clock
        self._first_seen: dict[str, float] = {}

    def look(self) -> list[str]:
        """Take over or fail what dead servers left; return the jobs that have changed."""
        left = self._left()
        now = self._clock()
        seen = {job.job: self._first_seen.get(job.job, now) for job in left}
        self._first_seen = seen
        patience = self._config.timing.orphan_patience
        mine = [job for job in left if self._takes(job)]
        lost = [
            job
            for job in left
            if job.private
            or (
                not self._config.private
                and job not in mine
                and now - self._first_seen[job.job] >= patience
            )
        ]
        changed = [self._take_over(job) for job in self._store.adopt(mine)] if mine else []
        changed += [self._fail(job) for job in self._store.adopt(lost)] if lost else []
        return changed

    def claim(self, job: Job) -> Job:
        """Return a job as this server's if its own one has gone; else as it is."""
        if job.server == self._store.server or job.state.final or self._alive(job.server):
            return job
        taken = self._store.adopt([job])
        return taken[0] if taken else self._store.find(job.job)

    def described(self, job: Job) -> Job:
        """Return a job as clients should see it: one whose server has gone does not run."""
        if job.server == self._store.server or job.state.final or self._alive(job.server):
            return job
        state = State.QUEUED if job.state is State.RUNNING else job.state
        return replace(job, state=state, stage=LEFT_ALONE, seconds_left=None, device="")

    def _left(self) -> list[Job]:
        alive: dict[str, bool] = {}
        return [
            job
            for job in self._store.open_jobs(own=False)
            if not alive.setdefault(job.server, self._alive(job.server))
        ]

    def _takes(self, job: Job) -> bool:
        return not self._config.private and not job.private and can_run(job, self._config)

    def _take_over(self, job: Job) -> str:
        log.info("job taken over", job=job.job, state=job.state.value)
        if not job.ready:
            try:
                self._spool.reopen(job)
            except SmiteError as problem:
                self._end(job, problem)
        return job.job

    def _fail(self, job: Job) -> str:
        self._end(
            job,
            ServerStopped(
                "The server of this job ended before the job did; submit it again, and it goes on"
                " where it was."
            ),
        )
        return job.job

    def _end(self, job: Job, problem: SmiteError) -> None:
        ended = self._store.move(
            job.job, State.FAILED, error=problem.code, message=problem.message[:4000]
        )
        self._spool.close(ended)
