"""Messages as multipart frames: a small msgpack header, then at most one raw frame.

The header is a map of exactly four keys: ``v`` (protocol version), ``t`` (message type), ``i``
(number of the request that this is or answers; 0 for notices and events) and ``b`` (the fields).
The raw frame holds file bytes or pixels; it is neither copied nor looked into here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Type, Union

import msgpack

from .errors import BadMessage, TooLarge
from .fields import from_map, has_payload, to_map
from .messages import MESSAGES, PROTOCOL_MAX, Message
from .scan import check_packed

MAX_HEADER_BYTES = 4 * 1024 * 1024
ZERO_COPY_BYTES = 64 * 1024
"""Frames from this size on are handed to zmq without a copy."""

Buffer = Union[bytes, bytearray, memoryview]
_KEYS = {"v", "t", "i", "b"}


@dataclass(frozen=True)
class Header:
    """A header that is well formed; its fields are not checked yet."""

    version: int
    type: str
    request: int
    body: Dict[str, Any]


def encode(message: Message, *, request: int = 0, version: int = PROTOCOL_MAX) -> List[Buffer]:
    """Return the frames of ``message`` for a session of protocol ``version``.

    Raises BadMessage when a field breaks its limits or the session does not know the message,
    TooLarge when the header does.
    """
    if message.since > version:
        raise BadMessage(f"The message {message.type} is unknown to protocol {version}.")
    header = {"v": version, "t": message.type, "i": request, "b": to_map(message, version)}
    packed: bytes = msgpack.packb(header, use_bin_type=True)
    if len(packed) > MAX_HEADER_BYTES:
        raise TooLarge(f"The header of {message.type} is over {MAX_HEADER_BYTES} bytes.")
    payload = getattr(message, "data", None) if has_payload(type(message)) else None
    return [packed] if payload is None else [packed, payload]


def decode_header(frames: Sequence[Buffer]) -> Header:
    """Return the checked header of a message.

    Raises BadMessage for anything that is not one, before its fields are looked at.
    """
    if not 1 <= len(frames) <= 2:
        raise BadMessage(f"A message has {len(frames)} frames; it must have 1 or 2.")
    size = memoryview(frames[0]).nbytes
    if size > MAX_HEADER_BYTES:
        raise BadMessage(f"A header has {size} bytes; at most {MAX_HEADER_BYTES} are allowed.")
    header = _unpack(bytes(frames[0]))
    if not isinstance(header, dict) or set(header) != _KEYS:
        raise BadMessage("A header must be a map of the keys v, t, i and b.")
    version, name, request, body = (header[key] for key in ("v", "t", "i", "b"))
    for label, value in (("v", version), ("i", request)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
            raise BadMessage(f"The header's {label} must be a whole number, not negative.")
    if not isinstance(name, str) or not isinstance(body, dict):
        raise BadMessage("The header's t must be a name and its b a map.")
    return Header(version, name, request, body)


def decode_message(
    header: Header,
    frames: Sequence[Buffer],
    *,
    max_payload: int,
    known: Mapping[str, Type[Message]] = MESSAGES,
) -> Message:
    """Return the message of a header and its frames; ``known`` are the types it may have.

    Raises BadMessage for unknown types and fields that break their limits, TooLarge for a raw
    frame of more than ``max_payload`` bytes.
    """
    record = known.get(header.type)
    if record is None:
        raise BadMessage(f"The message type {header.type[:40]!r} is unknown.")
    message = from_map(record, header.body)
    if len(frames) == 1:
        return message
    if not has_payload(record):
        raise BadMessage(f"A {header.type} message has a raw frame; it must have none.")
    payload = memoryview(frames[1])
    if payload.nbytes > max_payload:
        raise TooLarge(
            f"The raw frame of {header.type} has {payload.nbytes} bytes; at most {max_payload}"
            " are allowed."
        )
    return replace(message, data=payload)  # type: ignore[call-arg]


def decode(frames: Sequence[Buffer], *, max_payload: int) -> Tuple[Header, Message]:
    """Return header and message; see `decode_header` and `decode_message`."""
    header = decode_header(frames)
    return header, decode_message(header, frames, max_payload=max_payload)


def _unpack(packed: bytes) -> Any:
    """Return what ``packed`` holds, after `check_packed` has bounded what it may ask for."""
    check_packed(packed)
    try:
        return msgpack.unpackb(
            packed,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_unique,
            max_str_len=len(packed),
            max_array_len=len(packed),
            max_map_len=len(packed),
            max_bin_len=0,
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as problem:
        raise BadMessage("A header is not valid msgpack.") from problem


def _unique(pairs: List[Tuple[Any, Any]]) -> Dict[Any, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadMessage("A header has the same key twice.")
    return found
