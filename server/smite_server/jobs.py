"""Jobs: their states, and which state may follow which."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from smite_protocol.errors import InternalError
from smite_protocol.messages import JobInfo

from .path_mapping import seen_by_client


class State(StrEnum):
    """The states of a job."""

    QUEUED = "queued"
    """Waits for a worker, or for its files and frames."""
    RUNNING = "running"
    """A worker has it."""
    PAUSED = "paused"
    """Stopped for a while; goes back to the queue."""
    DONE = "done"
    """Finished; its result is stored."""
    FAILED = "failed"
    """Could not be finished; its error is stored."""
    CANCELLED = "cancelled"
    """Stopped because somebody asked."""

    @property
    def final(self) -> bool:
        """Whether a job in this state has ended; one that failed may still be tried again."""
        return self in _FINAL


_FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED})
TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
    # Back to the queue: another server has taken it over, or another worker tries it.
    State.RUNNING: frozenset(
        {State.QUEUED, State.PAUSED, State.DONE, State.FAILED, State.CANCELLED}
    ),
    State.PAUSED: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
"""The states that may follow each state."""


def check_transition(job: str, before: State, after: State) -> None:
    """Raise InternalError unless ``after`` may follow ``before``."""
    if after not in TRANSITIONS[before]:
        raise InternalError(f"Job {job} is {before.value} and cannot become {after.value}.")


def new_job_id() -> str:
    """Return an id that no other job has: 12 hex digits."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class Job:
    """A row of the store.

    ``spec`` is the spec's wire map; ``resolved`` the checked inputs: absolute, resolved paths.
    ``key`` identifies the work; empty while uploads are missing. ``ready`` says that nothing is
    missing and the worker may have it.

    Attributes:
        lane: Which queue it waits in, one of `LANES`; an earlier lane runs first.
        rank: Its place among jobs of one lane and priority; the store begins with its number.
        attempts: How often a worker has begun it since its last finished window or orderly stop.
        window: Most frames of a window, after one that did not fit in memory; 0: as its settings.
        checkpoint: File of the last finished window, in `SPOOL/JOB/state`; empty: none.
        device: Of the worker that has it.
        private: Whether its server is the private one of a command: nobody takes its jobs over.
    """

    job: str
    kind: str
    name: str
    spec: dict[str, Any]
    resolved: dict[str, Any]
    key: str = ""
    ready: bool = True
    state: State = State.QUEUED
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    error: str = ""
    message: str = ""
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    server: str = ""
    client: str = ""
    user: str = ""
    priority: int = 0
    lane: str = "normal"
    rank: float = 0.0
    attempts: int = 0
    window: int = 0
    checkpoint: str = ""
    device: str = ""
    private: bool = False
    result: dict[str, Any] = field(default_factory=dict)

    def info(self, *, with_result: bool = True, ahead: int | None = None) -> JobInfo:
        """Return what clients are told of this job, with ``ahead`` jobs to run before it."""
        return JobInfo(
            job=self.job,
            kind=self.kind,
            state=self.state.value,
            name=self.name,
            stage=self.stage,
            done=self.done,
            total=self.total,
            seconds_left=self.seconds_left,
            error=self.error,
            message=self.message,
            created=self.created,
            started=self.started,
            finished=self.finished,
            server=self.server,
            result=seen_by_client(self.resolved, self.result) if with_result else {},
            user=self.user,
            priority=self.priority,
            lane=self.lane,
            ahead=ahead,
            attempts=self.attempts,
            device=self.device,
        )


@dataclass(frozen=True)
class Matte:
    """A finished matte of a job; ``seq`` counts from 1 within the job.

    ``path`` is absolute; ``relative`` is its name below the job's output folder.
    """

    job: str
    seq: int
    frame: int
    part: str
    slug: str
    path: str
    relative: str
