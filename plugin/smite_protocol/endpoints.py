"""Endpoints: ``tcp://127.0.0.1:5771``. Without keys only this machine; with keys any host."""

from __future__ import annotations

import ipaddress
import re

from .errors import EndpointRefused

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5771"
_ENDPOINT = re.compile(r"tcp://(\[[0-9A-Fa-f:.]{2,45}\]|[^:/\s\[\]]{1,253}):(\d{1,5}|\*)")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


def check_endpoint(endpoint: str, *, any_port: bool = False, encrypted: bool = False) -> str:
    """Return ``endpoint`` with its host in one form.

    ``any_port`` is for a server: port 0 picks a free one, and the host may be ``*``, all
    interfaces. ``encrypted`` says that there are keys; without them the host must be this machine.
    Raises EndpointRefused when it is malformed, or leaves this machine without keys.
    """
    found = _ENDPOINT.fullmatch(endpoint.strip())
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
    host = _host_in_one_form(host, endpoint)
    if not encrypted and not is_loopback(host):
        raise EndpointRefused(
            f"The endpoint {endpoint} is not on this machine; without keys only loopback endpoints"
            f" like {DEFAULT_ENDPOINT} are allowed: make keys with `smite keys server` and `smite"
            " keys user NAME`, and give the user's file with --key."
        )
    if host in _EVERY_INTERFACE and not any_port:
        raise EndpointRefused(
            f"The endpoint {endpoint} stands for all interfaces of a server; name the server's"
            " machine."
        )
    return f"tcp://{host}:{port}"


def leaves_this_machine(endpoint: str) -> bool:
    """Return whether an endpoint is well formed and not a loopback one. Raises EndpointRefused."""
    host = check_endpoint(endpoint, any_port=True, encrypted=True)[len("tcp://") :]
    return not is_loopback(host.rpartition(":")[0])


def is_ipv6(endpoint: str) -> bool:
    """Return whether a checked endpoint has an IPv6 address: its socket needs zmq's IPV6 option."""
    return "[" in endpoint


def on_this_machine(endpoint: str) -> str:
    """Return a server's endpoint as its own machine reaches it: all interfaces become loopback."""
    host, _, port = endpoint[len("tcp://") :].rpartition(":")
    return f"tcp://{_EVERY_INTERFACE.get(host, host)}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is a loopback address, bare or in brackets; a name is none."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_in_one_form(host: str, endpoint: str) -> str:
    """Return ``localhost`` and addresses as addresses, names in lower case."""
    if host == "*":
        return "0.0.0.0"
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        if re.fullmatch(r"[0-9.]+", host):
            return str(ipaddress.IPv4Address(host))
    except ValueError as problem:
        raise EndpointRefused(
            f"The host of {endpoint} is no address ({problem}); write it like {DEFAULT_ENDPOINT}."
        ) from problem
    if not _HOST_NAME.fullmatch(host):
        raise EndpointRefused(
            f"The host of {endpoint} is no name of a machine; use letters, digits, '-' and '.'."
        )
    return host.lower()
