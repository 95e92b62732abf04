"""Every message of the protocol, by its name on the wire.

PROTOCOL.md describes the same messages; a test holds the two together. A class variable ``type``
is the message's name on the wire. Fields are declared with `wire_field`; a `payload_field` is the
raw frame that follows the header.
"""

from __future__ import annotations

from typing import Dict, Type

from .events import Event, Finished, MatteReady, Progress, StateChanged
from .records import (
    DTYPES,
    FINAL_STATES,
    KINDS,
    LANES,
    ROLES,
    STATES,
    GeometryInfo,
    JobInfo,
    Message,
    ModelInfo,
    Payload,
)
from .replies import (
    Alive,
    ErrorReply,
    JobList,
    JobReply,
    ModelList,
    Received,
    Submitted,
    Welcome,
)
from .requests import (
    Acknowledge,
    Cancel,
    EndUpload,
    GetJob,
    Goodbye,
    Heartbeat,
    Hello,
    ListJobs,
    ListModels,
    Pause,
    PutFile,
    PutPixels,
    Reorder,
    Resume,
    Retry,
    Submit,
    Unwatch,
    Watch,
)
from .specs import DoctorSpec, EvaluateSpec, LearnSpec, SegmentSpec, Spec

PROTOCOL_MIN = 1
PROTOCOL_MAX = 3

MESSAGES: Dict[str, Type[Message]] = {
    found.type: found for found in Message.__subclasses__() if found.type
}
"""Message classes by their name on the wire."""

__all__ = [
    "DTYPES",
    "FINAL_STATES",
    "KINDS",
    "LANES",
    "MESSAGES",
    "PROTOCOL_MAX",
    "PROTOCOL_MIN",
    "ROLES",
    "STATES",
    "Acknowledge",
    "Alive",
    "Cancel",
    "DoctorSpec",
    "EndUpload",
    "ErrorReply",
    "EvaluateSpec",
    "Event",
    "Finished",
    "GeometryInfo",
    "GetJob",
    "Goodbye",
    "Heartbeat",
    "Hello",
    "JobInfo",
    "JobList",
    "JobReply",
    "LearnSpec",
    "ListJobs",
    "ListModels",
    "MatteReady",
    "Message",
    "ModelInfo",
    "ModelList",
    "Pause",
    "Payload",
    "Progress",
    "PutFile",
    "PutPixels",
    "Received",
    "Reorder",
    "Resume",
    "Retry",
    "SegmentSpec",
    "Spec",
    "StateChanged",
    "Submit",
    "Submitted",
    "Unwatch",
    "Watch",
    "Welcome",
]
