"""What a server tells those who watch a job."""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, Optional, Union

from .errors import JobCancelled, JobFailed, error_from_code
from .fields import payload_field, wire_field
from .records import FINAL_STATES, STATES, Message, Payload, checksum_field, job_field
from .specs import PATH_LENGTH

ABOUT_SHOT = -1_000_000
"""Instead of a frame number: of files about the whole shot, such as its report."""


@dataclass(frozen=True)
class Progress(Message):
    """How far a job is; only the latest is sent to a slow client."""

    type: ClassVar[str] = "progress"
    role: ClassVar[str] = "event"
    job: str = job_field()
    stage: str = wire_field("what is being done", length=128)
    done: int = wire_field("steps done of this stage", low=0)
    total: int = wire_field("steps of this stage, 0 if unknown", low=0)
    seconds_left: Optional[float] = wire_field("estimate, if there is one", default=None, low=0)
    ahead: Optional[int] = wire_field(
        "jobs that run before it, while it waits", default=None, since=2, low=0
    )


@dataclass(frozen=True)
class MatteReady(Message):
    """One matte is finished; its file is complete.

    ``data`` holds the EXR file's bytes when the job has no ``out`` folder.
    """

    type: ClassVar[str] = "matte_ready"
    role: ClassVar[str] = "event"
    job: str = job_field()
    seq: int = wire_field("number of the matte within the job, from 1", low=1)
    frame: int = wire_field(
        "frame number; -1000000 for files about the whole shot", low=ABOUT_SHOT, high=100_000_000
    )
    part: str = wire_field("name of the part", length=128)
    slug: str = wire_field("slug of the part", length=63)
    path: str = wire_field(
        "absolute file on the server; relative name when the bytes follow", length=PATH_LENGTH
    )
    checksum: Optional[int] = checksum_field()
    data: Payload = payload_field()


@dataclass(frozen=True)
class StateChanged(Message):
    """A job has another state."""

    type: ClassVar[str] = "state_changed"
    role: ClassVar[str] = "event"
    job: str = job_field()
    state: str = wire_field("the new state", choices=STATES)
    message: str = wire_field("why, where there is a reason", default="", length=4096)


@dataclass(frozen=True)
class Finished(Message):
    """The last event of a job: all its mattes have been sent."""

    type: ClassVar[str] = "finished"
    role: ClassVar[str] = "event"
    job: str = job_field()
    state: str = wire_field("the final state", choices=FINAL_STATES)
    result: Dict[str, Any] = wire_field("result of a job that is done", default={}, items=4096)
    error: str = wire_field("error code of a failed job", default="", length=64)
    message: str = wire_field("why it failed or was cancelled", default="", length=4096)

    def raise_for_state(self) -> None:
        """Raise the job's error, a `SmiteError`, unless it is done."""
        if self.state == "cancelled":
            raise JobCancelled(self.message or f"Job {self.job} was cancelled.")
        if self.state == "failed":
            if not self.error:
                raise JobFailed(self.message or f"Job {self.job} failed.")
            raise error_from_code(self.error, self.message)


Event = Union[Progress, MatteReady, StateChanged, Finished]
