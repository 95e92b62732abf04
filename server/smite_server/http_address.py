"""The address of the status page: loopback only, as it asks nobody who they are."""

from __future__ import annotations

import re

from smite_protocol.endpoints import is_loopback
from smite_protocol.errors import EndpointRefused

EXAMPLE = "127.0.0.1:5772"


def check_http_address(address: str) -> str:
    """Return ``HOST:PORT`` with the host as an address; port 0 picks a free one; empty: none.

    Raises EndpointRefused when it is malformed or not a loopback address.
    """
    if not address.strip():
        return ""
    host, port = split_address(address.strip())
    if host == "localhost":
        host = "127.0.0.1"
    if not is_loopback(host):
        raise EndpointRefused(
            f"The status page cannot be served at {address[:80]}: it asks nobody who they are, so"
            f" only loopback addresses like {EXAMPLE} are allowed."
        )
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``[HOST]:PORT``. Raises EndpointRefused."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/\s]+)):(\d{1,5})", address)
    if found is None or int(found[3]) > 65535:
        raise EndpointRefused(
            f"The address {address[:80]!r} cannot be read; write it like {EXAMPLE}."
        )
    return found[1] or found[2], int(found[3])
