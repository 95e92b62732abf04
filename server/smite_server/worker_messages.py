"""What the server and its worker process say to each other, over a loopback socket.

Same framing as the public protocol (`smite_protocol.wire`), other messages; no raw frames.
"""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Dict, Optional, Tuple  # noqa: UP035  (the codec reads these)

from smite_protocol.fields import wire_field
from smite_protocol.messages import KINDS, Message
from smite_protocol.records import job_field
from smite_protocol.specs import PATH_LENGTH
from smite_protocol.wire import Buffer, decode_header, decode_message

ADDRESS_VARIABLE = "SMITE_WORKER_ADDRESS"
TOKEN_VARIABLE = "SMITE_WORKER_TOKEN"


class WorkerMessage(Message):
    """Base of the worker's messages; not part of the public protocol."""


@dataclass(frozen=True)
class WorkerReady(WorkerMessage):
    """The worker's first message; ``token`` is the secret it was started with."""

    type: ClassVar[str] = "worker_ready"
    token: str = wire_field("secret", length=128)
    pid: int = wire_field("process", low=1)


@dataclass(frozen=True)
class WorkerAlive(WorkerMessage):
    """The process runs; told every second, over a socket of its own, whatever the job does."""

    type: ClassVar[str] = "worker_alive"
    token: str = wire_field("secret", length=128)


@dataclass(frozen=True)
class WorkerRun(WorkerMessage):
    """Run a job, from its checkpoint where there is one."""

    type: ClassVar[str] = "worker_run"
    job: str = job_field()
    kind: str = wire_field("kind of job", choices=KINDS)
    spec: Dict[str, Any] = wire_field("the spec's map")  # noqa: UP006
    resolved: Dict[str, Any] = wire_field("the resolved inputs")  # noqa: UP006
    checkpoint: str = wire_field("file in the job's state folder", default="", length=255)
    window: int = wire_field("most frames of a window, 0 as set", default=0, low=0)


@dataclass(frozen=True)
class WorkerCancel(WorkerMessage):
    """Stop the job."""

    type: ClassVar[str] = "worker_cancel"
    job: str = job_field()


@dataclass(frozen=True)
class WorkerPause(WorkerMessage):
    """Stop the job at its next checkpoint; one without windows at once."""

    type: ClassVar[str] = "worker_pause"
    job: str = job_field()


@dataclass(frozen=True)
class WorkerStop(WorkerMessage):
    """End the process."""

    type: ClassVar[str] = "worker_stop"


@dataclass(frozen=True)
class WorkerProgress(WorkerMessage):
    """How far the job is."""

    type: ClassVar[str] = "worker_progress"
    job: str = job_field()
    stage: str = wire_field("stage", length=128)
    done: int = wire_field("steps done", low=0)
    total: int = wire_field("steps, 0 if unknown", low=0)
    seconds_left: Optional[float] = wire_field("estimate", default=None, low=0)  # noqa: UP045
    memory_used: Optional[int] = wire_field("bytes on the device", default=None, low=0)  # noqa: UP045
    memory_total: Optional[int] = wire_field("bytes it has", default=None, low=0)  # noqa: UP045


CHECKPOINT_SUFFIX = ".safetensors"
"""Of the files that a job's checkpoints are; what else lies beside them is the worker's own."""


@dataclass(frozen=True)
class MatteFile:
    """One finished matte."""

    part: str = wire_field("name of the part", length=128)
    slug: str = wire_field("slug of the part", length=63)
    path: str = wire_field("absolute file", length=PATH_LENGTH)
    relative: str = wire_field("name below the output folder", length=PATH_LENGTH)


@dataclass(frozen=True)
class WorkerMattes(WorkerMessage):
    """All mattes of one frame are on disk."""

    type: ClassVar[str] = "worker_mattes"
    job: str = job_field()
    frame: int = wire_field("frame number")
    mattes: Tuple[MatteFile, ...] = wire_field("the mattes", items=256)  # noqa: UP006


@dataclass(frozen=True)
class WorkerWindow(WorkerMessage):
    """The windows have so many frames; told at the start, and when the worker halves them."""

    type: ClassVar[str] = "worker_window"
    job: str = job_field()
    window: int = wire_field("frames", low=1)


@dataclass(frozen=True)
class WorkerCheckpoint(WorkerMessage):
    """A window is finished: its mattes were told, and the job can go on from this file."""

    type: ClassVar[str] = "worker_checkpoint"
    job: str = job_field()
    file: str = wire_field("file in the job's state folder", length=255)


@dataclass(frozen=True)
class WorkerPaused(WorkerMessage):
    """The job was asked to pause, and has stopped."""

    type: ClassVar[str] = "worker_paused"
    job: str = job_field()


@dataclass(frozen=True)
class WorkerDone(WorkerMessage):
    """The job is done."""

    type: ClassVar[str] = "worker_done"
    job: str = job_field()
    result: Dict[str, Any] = wire_field("result", items=4096)  # noqa: UP006


@dataclass(frozen=True)
class WorkerFailed(WorkerMessage):
    """The job failed, or stopped because it was cancelled (code ``job_cancelled``)."""

    type: ClassVar[str] = "worker_failed"
    job: str = job_field()
    code: str = wire_field("error code", length=64)
    message: str = wire_field("one sentence", length=4096)


WORKER_MESSAGES: dict[str, type[Message]] = {
    found.type: found for found in WorkerMessage.__subclasses__()
}


def decode_worker_message(frames: Sequence[Buffer]) -> Message:
    """Return the worker message of ``frames``. Raises BadMessage."""
    return decode_message(decode_header(frames), frames, max_payload=0, known=WORKER_MESSAGES)
