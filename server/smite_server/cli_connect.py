"""Which server a command talks to: the one named, a live one that knows the job, or a private one.

Everything that the command line uses of `private` goes through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smite_protocol.client import Client
from smite_protocol.errors import ServerUnreachable

from . import private
from .config import smite_home
from .key_files import find_client_key
from .registry import LiveServer


@contextmanager
def server_for_work(
    server: str | None, roots: Sequence[Path], *, backbone: str, device: str
) -> Iterator[Client]:
    """Give a client of the named server, else of a private one that may touch ``roots``."""
    with private.connect_or_start(
        server, roots=tuple(roots), backbone=backbone, device=device
    ) as client:
        yield client


@contextmanager
def server_for_job(server: str | None, job: str) -> Iterator[Client]:
    """Give a client of the server that runs a job, or of any that can read its history."""
    if server:
        with private.connect_or_start(server) as client:
            yield client
        return
    with _client_of(private.find_job_server(job)) as client:
        yield client


@contextmanager
def server_for_reading(server: str | None) -> Iterator[Client]:
    """Give a client of any server of this user: all of them read the same jobs and models."""
    if server:
        with private.connect_or_start(server) as client:
            yield client
        return
    lasting = [live for live in private.live_servers() if not live.private and _may_use(live)]
    with _client_of(lasting[0] if lasting else None) as client:
        yield client


def _may_use(live: LiveServer) -> bool:
    """Return whether a server wants no key, or there is one."""
    return not live.encrypted or find_client_key(smite_home()) is not None


@contextmanager
def _client_of(live: LiveServer | None) -> Iterator[Client]:
    """Give a client of a live server; of a new private one, where it has just ended."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(private.connect_or_start(live))
        except ServerUnreachable:
            if live is None:
                raise
            client = stack.enter_context(private.connect_or_start())
        yield client
