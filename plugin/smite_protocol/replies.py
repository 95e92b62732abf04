"""What a server answers."""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Tuple

from .errors import SmiteError, error_from_code
from .fields import wire_field
from .records import STATES, JobInfo, Message, ModelInfo, job_field
from .specs import PATH_LENGTH


@dataclass(frozen=True)
class Welcome(Message):
    """Answers hello."""

    type: ClassVar[str] = "welcome"
    role: ClassVar[str] = "reply"
    protocol: int = wire_field("protocol version of this session", low=1, high=10_000)
    server_version: str = wire_field("version of the server program", length=64)
    server: str = wire_field("id of the server", length=128)
    backbone: str = wire_field("backbone it was started with", length=PATH_LENGTH)
    device: str = wire_field("device it was started with", length=64)
    max_file_bytes: int = wire_field("largest file or frame it takes", low=1)
    max_frames: int = wire_field("most files or frames of one job", low=1)
    max_upload_bytes: int = wire_field("most bytes of one job's files and frames", low=1)
    heartbeat_seconds: float = wire_field("send a heartbeat this often", low=0.05, high=60.0)
    client_timeout_seconds: float = wire_field("silent clients are dropped after", low=0.1)
    roots: Tuple[str, ...] = wire_field(
        "folders it may touch, also as clients of its path map see them; none: it accepts no paths",
        default=(),
        length=PATH_LENGTH,
    )
    private: bool = wire_field("whether it ends with its clients", default=False)
    user: str = wire_field("who the server takes the client for", default="", since=2, length=64)


@dataclass(frozen=True)
class Submitted(Message):
    """Answers submit and end_upload."""

    type: ClassVar[str] = "submitted"
    role: ClassVar[str] = "reply"
    job: str = job_field()
    state: str = wire_field("state of the job", choices=STATES)
    attached: bool = wire_field("whether the same job was there already", default=False)
    wants: Tuple[str, ...] = wire_field("what must be sent before it is queued", default=())


@dataclass(frozen=True)
class Received(Message):
    """Answers put_file and put_pixels: it is on the server's disk; send the next."""

    type: ClassVar[str] = "received"
    role: ClassVar[str] = "reply"
    job: str = job_field()
    count: int = wire_field("files and frames so far", low=0)


@dataclass(frozen=True)
class JobReply(Message):
    """Answers get_job, watch, cancel, pause, resume, retry and reorder."""

    type: ClassVar[str] = "job"
    role: ClassVar[str] = "reply"
    info: JobInfo = wire_field("the job")


@dataclass(frozen=True)
class JobList(Message):
    """Answers list_jobs."""

    type: ClassVar[str] = "job_list"
    role: ClassVar[str] = "reply"
    jobs: Tuple[JobInfo, ...] = wire_field("newest first", items=1000)


@dataclass(frozen=True)
class ModelList(Message):
    """Answers list_models."""

    type: ClassVar[str] = "model_list"
    role: ClassVar[str] = "reply"
    models: Tuple[ModelInfo, ...] = wire_field("by name", items=1000)


@dataclass(frozen=True)
class Alive(Message):
    """Answers heartbeat: the server lives."""

    type: ClassVar[str] = "alive"
    role: ClassVar[str] = "reply"


@dataclass(frozen=True)
class ErrorReply(Message):
    """Answers any request that could not be done."""

    type: ClassVar[str] = "error"
    role: ClassVar[str] = "reply"
    code: str = wire_field("code of the error", length=64)
    message: str = wire_field("one sentence for a person", length=4096)

    def error(self) -> SmiteError:
        """Return the exception this reply stands for."""
        return error_from_code(self.code, self.message)
