"""A worker's place in the server, and what is known of the job that it has."""

from __future__ import annotations

from dataclasses import dataclass

from .jobs import State
from .worker_process import WorkerProcess


@dataclass
class Running:
    """A job that a worker has.

    Attributes:
        sent: Whether the worker was up and got it.
        window: Frames of its windows; 0 while the worker has not told.
        kill_at: When a cancelled one is ended by force; None when it is not cancelled.
        stopping: The state it goes to at its next checkpoint; None when it was not asked to stop.
    """

    job: str
    sent: bool = False
    window: int = 0
    kill_at: float | None = None
    stopping: State | None = None


@dataclass
class Slot:
    """A worker and the job that it has."""

    process: WorkerProcess
    running: Running | None = None

    @property
    def free(self) -> bool:
        """Whether it may get a job."""
        return self.running is None and (self.process.running or self.process.may_start)
