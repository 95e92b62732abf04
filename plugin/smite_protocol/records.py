"""What messages are made of: names, states, and the records that they hold."""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, Optional, Tuple, Union

from .fields import wire_field
from .specs import PATH_LENGTH

LANES = ("interactive", "normal", "batch")
STATES = ("queued", "running", "paused", "done", "failed", "cancelled")
FINAL_STATES = ("done", "failed", "cancelled")
KINDS = ("learn", "segment", "evaluate", "doctor")
ROLES = ("plate", "refs")
DTYPES = ("uint8", "uint16", "float16", "float32")

JOB_ID = r"[a-z0-9]{8,32}"
Payload = Union[bytes, bytearray, memoryview, None]


MAX_PRIORITY = 100


def priority_field() -> Any:
    """Declare the field for a job's priority."""
    return wire_field(
        "jobs of a higher priority run first",
        default=0,
        since=2,
        low=-MAX_PRIORITY,
        high=MAX_PRIORITY,
    )


def checksum_field() -> Any:
    """Declare the field for the CRC-32 of a message's raw frame."""
    return wire_field(
        "CRC-32 (zlib's) of the raw frame", default=None, since=2, low=0, high=2**32 - 1
    )


def job_field() -> Any:
    """Declare the field that names a job."""
    return wire_field("id of the job", length=32, pattern=JOB_ID, says="a job's id")


@dataclass(frozen=True)
class Message:
    """Base of all messages."""

    type: ClassVar[str] = ""
    role: ClassVar[str] = ""
    """``request``, ``notice`` (a request without a reply), ``reply`` or ``event``."""
    since: ClassVar[int] = 1
    """The protocol version that the message came with."""


@dataclass(frozen=True)
class JobInfo:
    """A job as the server knows it."""

    job: str = job_field()
    kind: str = wire_field("kind of job", choices=KINDS)
    state: str = wire_field("state of the job", choices=STATES)
    name: str = wire_field("shot, model or clip name", default="", length=256)
    stage: str = wire_field("what is being done", default="", length=128)
    done: int = wire_field("steps done of this stage", default=0, low=0)
    total: int = wire_field("steps of this stage, 0 if unknown", default=0, low=0)
    seconds_left: Optional[float] = wire_field("estimate, if there is one", default=None, low=0)
    error: str = wire_field("error code of a failed job", default="", length=64)
    message: str = wire_field("why it failed or was cancelled", default="", length=4096)
    created: float = wire_field("when submitted, seconds since 1970", default=0.0, low=0)
    started: Optional[float] = wire_field("when started", default=None, low=0)
    finished: Optional[float] = wire_field("when finished", default=None, low=0)
    server: str = wire_field("id of the server that owns it", default="", length=128)
    result: Dict[str, Any] = wire_field("result of a finished job", default={}, items=4096)
    user: str = wire_field("who submitted it", default="", since=2, length=64)
    priority: int = priority_field()
    lane: str = wire_field("which queue it waits in", default="normal", since=2, choices=LANES)
    ahead: Optional[int] = wire_field(
        "jobs that run before it; none: it does not wait", default=None, since=2, low=0
    )
    attempts: int = wire_field("how often a worker has begun it", default=0, since=2, low=0)
    device: str = wire_field("device that runs it", default="", since=2, length=64)

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINAL_STATES


@dataclass(frozen=True)
class ModelInfo:
    """A part model in the server's models folder."""

    name: str = wire_field("name to use in jobs", length=64)
    path: str = wire_field("file on the server", length=PATH_LENGTH)
    bytes: int = wire_field("size of the file", low=0)
    modified: float = wire_field("when written, seconds since 1970", low=0)
    parts: Tuple[str, ...] = wire_field("part names, where known", default=(), items=255)


@dataclass(frozen=True)
class GeometryInfo:
    """Where a sent frame's pixels lie; windows are x0, y0, x1, y1, minimum in, maximum out."""

    display: Tuple[int, int, int, int] = wire_field("display window", low=-65536, high=131072)
    data: Tuple[int, int, int, int] = wire_field("data window", low=-65536, high=131072)
    pixel_aspect: float = wire_field("pixel width / height", default=1.0, low=0.05, high=20.0)
