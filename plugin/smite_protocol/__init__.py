"""The SMITE protocol and its client: standard library, msgpack and zmq only.

PROTOCOL.md, next to this file, is the specification.
"""

from __future__ import annotations

from .client import Client
from .endpoints import DEFAULT_ENDPOINT, check_endpoint
from .errors import SmiteError, error_codes, error_from_code
from .messages import (
    FINAL_STATES,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    DoctorSpec,
    EvaluateSpec,
    Event,
    Finished,
    GeometryInfo,
    JobInfo,
    LearnSpec,
    MatteReady,
    ModelInfo,
    Progress,
    SegmentSpec,
    Spec,
    StateChanged,
    Welcome,
)
from .states import ConnectionState, ConnectionStatus
from .uploads import WireFile, WireFrame, files_of_plate, files_of_references

__all__ = [
    "DEFAULT_ENDPOINT",
    "FINAL_STATES",
    "PROTOCOL_MAX",
    "PROTOCOL_MIN",
    "Client",
    "ConnectionState",
    "ConnectionStatus",
    "DoctorSpec",
    "EvaluateSpec",
    "Event",
    "Finished",
    "GeometryInfo",
    "JobInfo",
    "LearnSpec",
    "MatteReady",
    "ModelInfo",
    "Progress",
    "SegmentSpec",
    "SmiteError",
    "Spec",
    "StateChanged",
    "Welcome",
    "WireFile",
    "WireFrame",
    "check_endpoint",
    "error_codes",
    "error_from_code",
    "files_of_plate",
    "files_of_references",
]
