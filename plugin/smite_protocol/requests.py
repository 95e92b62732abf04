"""What a client sends."""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from .fields import payload_field, wire_field
from .records import (
    DTYPES,
    MAX_PRIORITY,
    ROLES,
    GeometryInfo,
    Message,
    Payload,
    checksum_field,
    job_field,
    priority_field,
)
from .specs import Spec


@dataclass(frozen=True)
class Hello(Message):
    """Opens a session; the first message of every connection."""

    type: ClassVar[str] = "hello"
    role: ClassVar[str] = "request"
    protocol_min: int = wire_field("lowest protocol version of the client", low=1, high=10_000)
    protocol_max: int = wire_field("highest protocol version of the client", low=1, high=10_000)
    client: str = wire_field("id of the client, the same on all its connections", length=64)
    name: str = wire_field("program and version, for logs", default="", length=128)
    token: str = wire_field("secret of a private server", default="", length=128)
    user: str = wire_field(
        "who asks, where keys do not tell; the server may trust it for fairness only",
        default="",
        since=2,
        length=64,
    )


@dataclass(frozen=True)
class Submit(Message):
    """Asks for a job."""

    type: ClassVar[str] = "submit"
    role: ClassVar[str] = "request"
    spec: Spec = wire_field("what to do")
    priority: int = priority_field()
    batch: bool = wire_field(
        "whether nobody waits for it: it runs after all jobs that somebody waits for",
        default=False,
        since=2,
    )


@dataclass(frozen=True)
class PutFile(Message):
    """Sends one file of the plate or the references, as it is on disk."""

    type: ClassVar[str] = "put_file"
    role: ClassVar[str] = "request"
    job: str = job_field()
    part_of: str = wire_field("what the file belongs to", choices=ROLES)
    path: str = wire_field("relative name, parts joined by `/`", length=512)
    checksum: Optional[int] = checksum_field()
    data: Payload = payload_field()


@dataclass(frozen=True)
class PutPixels(Message):
    """Sends one frame of the plate as pixels."""

    type: ClassVar[str] = "put_pixels"
    role: ClassVar[str] = "request"
    job: str = job_field()
    frame: int = wire_field("frame number", low=-1_000_000, high=100_000_000)
    shape: Tuple[int, int, int] = wire_field("height, width, channels", low=1, high=65536)
    dtype: str = wire_field("type of a value, little endian", choices=DTYPES)
    geometry: GeometryInfo = wire_field("where the pixels lie")
    colour_space: Optional[str] = wire_field("colour space", default=None, length=128)
    checksum: Optional[int] = checksum_field()
    data: Payload = payload_field()


@dataclass(frozen=True)
class EndUpload(Message):
    """Says that all files and frames of a job are sent; the job is queued."""

    type: ClassVar[str] = "end_upload"
    role: ClassVar[str] = "request"
    job: str = job_field()


@dataclass(frozen=True)
class Watch(Message):
    """Asks for a job's events: first the mattes there are, then everything as it happens."""

    type: ClassVar[str] = "watch"
    role: ClassVar[str] = "request"
    job: str = job_field()
    after: int = wire_field("only mattes with a higher `seq`", default=0, low=0)
    credit: int = wire_field(
        "most bytes of mattes sent ahead of `acknowledge`; 0: as the server does",
        default=0,
        since=2,
        low=0,
        high=2**40,
    )


@dataclass(frozen=True)
class Unwatch(Message):
    """Ends the events of a job."""

    type: ClassVar[str] = "unwatch"
    role: ClassVar[str] = "notice"
    job: str = job_field()


@dataclass(frozen=True)
class Acknowledge(Message):
    """Says that matte events up to ``seq`` are used; the server sends a bounded number ahead."""

    type: ClassVar[str] = "acknowledge"
    role: ClassVar[str] = "notice"
    job: str = job_field()
    seq: int = wire_field("highest used `seq`", low=0)


@dataclass(frozen=True)
class Cancel(Message):
    """Stops a job."""

    type: ClassVar[str] = "cancel"
    role: ClassVar[str] = "request"
    job: str = job_field()


@dataclass(frozen=True)
class Pause(Message):
    """Stops a job for a while: at once in the queue, after its window when it runs."""

    type: ClassVar[str] = "pause"
    role: ClassVar[str] = "request"
    since: ClassVar[int] = 2
    job: str = job_field()


@dataclass(frozen=True)
class Resume(Message):
    """Puts a paused job back into the queue."""

    type: ClassVar[str] = "resume"
    role: ClassVar[str] = "request"
    since: ClassVar[int] = 2
    job: str = job_field()


@dataclass(frozen=True)
class Retry(Message):
    """Queues a failed or cancelled job again; finished windows are not made again."""

    type: ClassVar[str] = "retry"
    role: ClassVar[str] = "request"
    since: ClassVar[int] = 2
    job: str = job_field()


@dataclass(frozen=True)
class Reorder(Message):
    """Gives a job that has not ended another priority, or another place among its equals."""

    type: ClassVar[str] = "reorder"
    role: ClassVar[str] = "request"
    since: ClassVar[int] = 2
    job: str = job_field()
    priority: Optional[int] = wire_field(
        "new priority; none: as it was", default=None, low=-MAX_PRIORITY, high=MAX_PRIORITY
    )
    before: Optional[str] = wire_field(
        "id of the job to wait just before; empty: first; none: as it was",
        default=None,
        length=32,
    )


@dataclass(frozen=True)
class GetJob(Message):
    """Asks for one job."""

    type: ClassVar[str] = "get_job"
    role: ClassVar[str] = "request"
    job: str = job_field()


@dataclass(frozen=True)
class ListJobs(Message):
    """Asks for the jobs, newest first; results are left out."""

    type: ClassVar[str] = "list_jobs"
    role: ClassVar[str] = "request"
    all: bool = wire_field("also the ended ones", default=True)
    limit: int = wire_field("at most this many", default=200, low=1, high=1000)


@dataclass(frozen=True)
class ListModels(Message):
    """Asks for the part models in the server's folder."""

    type: ClassVar[str] = "list_models"
    role: ClassVar[str] = "request"


@dataclass(frozen=True)
class Heartbeat(Message):
    """Says that the client lives; sent every few seconds, also while it waits."""

    type: ClassVar[str] = "heartbeat"
    role: ClassVar[str] = "request"


@dataclass(frozen=True)
class Goodbye(Message):
    """Ends the client's session; its jobs go on."""

    type: ClassVar[str] = "goodbye"
    role: ClassVar[str] = "notice"
