"""Endpoints: ``tcp://127.0.0.1:5771``. Only this machine, until connections are encrypted."""

from __future__ import annotations

import ipaddress
import re

from .errors import EndpointRefused

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5771"


def check_endpoint(endpoint: str, *, any_port: bool = False) -> str:
    """Return ``endpoint`` with its host as a loopback address.

    ``any_port`` allows port 0 (a server picks a free one). Raises EndpointRefused when it is
    malformed or not on this machine.
    """
    found = re.fullmatch(r"tcp://([^:/\s]+):(\d{1,5}|\*)", endpoint.strip())
    if not found:
        raise EndpointRefused(
            f"The endpoint {endpoint[:80]!r} cannot be read; write it like {DEFAULT_ENDPOINT}."
        )
    host, port_text = found.groups()
    port = 0 if port_text == "*" else int(port_text)
    if port > 65535 or (port == 0 and not any_port):
        raise EndpointRefused(
            f"The port of {endpoint} must be from {0 if any_port else 1} to 65535."
        )
    if host == "localhost":
        host = "127.0.0.1"
    try:
        loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise EndpointRefused(
            f"The endpoint {endpoint} is not on this machine; connections are not encrypted yet,"
            f" so only loopback endpoints like {DEFAULT_ENDPOINT} are allowed."
        )
    return f"tcp://{host}:{port}"
