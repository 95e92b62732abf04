"""What goes wrong with a request, as the reply that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from smite_protocol.errors import BadMessage, InternalError, SmiteError, VersionMismatch
from smite_protocol.messages import PROTOCOL_MAX, PROTOCOL_MIN, ErrorReply, Hello
from smite_protocol.wire import Header

from . import __version__

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")


def tried(call: Callable[[], Answer]) -> Answer | ErrorReply:
    """Return what ``call`` does, as an error reply what it raises."""
    try:
        return call()
    except SmiteError as problem:
        return ErrorReply(code=problem.code, message=problem.message[:4096])
    except Exception as problem:
        log.exception("request failed", type=type(problem).__name__)
        return ErrorReply(
            code=InternalError.code,
            message=f"The server failed at this request ({type(problem).__name__}: {problem});"
            " its log has the details."[:4096],
        )


def check_version(header: Header) -> None:
    """Raise VersionMismatch when a hello shares no protocol version with this server.

    Looked at before the other fields, which other versions may have changed.
    """
    if header.type != Hello.type:
        return
    low, high = (header.body.get(name) for name in ("protocol_min", "protocol_max"))
    if not isinstance(low, int) or not isinstance(high, int):
        raise BadMessage("A hello must have protocol_min and protocol_max as whole numbers.")
    if low > PROTOCOL_MAX or high < PROTOCOL_MIN:
        client = f"{low}" if low == high else f"{low} to {high}"
        raise VersionMismatch(
            f"The client speaks protocol {client} and this server (smite-comp {__version__})"
            f" {PROTOCOL_MIN} to {PROTOCOL_MAX}; install the same smite-comp on both."
        )
