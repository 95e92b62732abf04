"""Servers of a command's own: started when no ``--server`` is named, gone when they are done.

A private server listens on a random loopback port, wants a secret token, may only touch the
folders of its command, and shares jobs and part models with all servers of this user. It ends
when its jobs are finished and no client is left; the client may have been killed.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smite_protocol.client import Client
from smite_protocol.endpoints import check_endpoint, on_this_machine
from smite_protocol.errors import ServerUnreachable, SmiteError, UnknownJob, error_from_code

from .config import ServerConfig, smite_home
from .key_files import keys_for
from .registry import LiveServer, live_servers
from .serving import serve
from .store import Store
from .worker_process import last_words

__all__ = ["connect_or_start", "find_job_server", "live_servers", "start_private"]

START_SECONDS = 30.0


@contextmanager
def connect_or_start(
    server: str | LiveServer | None = None,
    roots: Sequence[Path] = (),
    *,
    backbone: str = "embedded",
    device: str = "auto",
    threads: int = 0,
    engine: str = "smite_engine",
) -> Iterator[Client]:
    """Give a client of ``server``, else of a private server that may touch ``roots`` only.

    ``server`` is an endpoint or one of `live_servers`. Raises ServerUnreachable within a few
    seconds, EndpointRefused, VersionMismatch, NotAuthorised.
    """
    if server is None:
        config = ServerConfig(
            endpoint="tcp://127.0.0.1:0",
            backbone=backbone,
            device=device,
            roots=tuple(Path(root) for root in roots),
            threads=threads,
            private=True,
            token=secrets.token_hex(24),
            engine=engine,
        )
        server = start_private(config)
    live = server if isinstance(server, LiveServer) else _live_at(server)
    endpoint = on_this_machine(live.endpoint) if live is not None else str(server)
    token = live.token if live is not None else ""
    encrypted = live.encrypted if live is not None else None
    keys = keys_for(endpoint, smite_home(), encrypted=encrypted)
    with Client(endpoint, token=token, name=f"smite command {os.getpid()}", keys=keys) as client:
        yield client


def find_job_server(job: str) -> LiveServer | None:
    """Return the live server that owns a job; None when it has gone, or there is no such job."""
    config = ServerConfig()
    if not config.store_file.exists():
        return None
    store = Store(config.store_file, "reader")
    try:
        owner = store.find(job).server
    except UnknownJob:
        return None
    finally:
        store.close()
    return next((live for live in live_servers() if live.server == owner), None)


def _live_at(endpoint: str) -> LiveServer | None:
    """Return this user's live server at an endpoint, for its token."""
    wanted = check_endpoint(endpoint, encrypted=True)
    return next((live for live in live_servers() if on_this_machine(live.endpoint) == wanted), None)


def start_private(config: ServerConfig) -> LiveServer:
    """Start a private server and return it once it answers.

    Raises its own error when it cannot start, ServerUnreachable when it takes too long.
    """
    config.make_folders()
    log_file = config.log_folder / f"private-{secrets.token_hex(4)}.log"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "smite_server.private"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout as answers, process.stdin as orders:
        orders.write(json.dumps(config.to_dict()).encode())
        orders.close()
        line = _first_line(process, answers)
    if not line:
        process.kill()
        process.wait()
        raise ServerUnreachable(
            f"A private server could not be started{last_words(log_file)}; see {log_file}."
        )
    answer = json.loads(line)
    if "error" in answer:
        process.wait()
        raise error_from_code(answer["error"], answer["message"])
    _reap_later(process)
    return LiveServer(**{**answer, "roots": tuple(answer["roots"])})


def _first_line(process: subprocess.Popen[bytes], answers: Any) -> bytes:
    """Return the first line a starting server writes; empty when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    if sys.platform == "win32":
        return bytes(answers.readline())
    while time.monotonic() < deadline:
        if select.select([answers], [], [], 0.2)[0]:
            return bytes(answers.readline())
        if process.poll() is not None:
            return bytes(answers.readline())
    return b""


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    """Let go of a server that outlives this command, without a warning about it."""
    process.returncode = 0


def main() -> int:
    """Run a private server; its configuration comes on standard input."""
    config = ServerConfig.from_dict(json.loads(sys.stdin.buffer.read()))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def ready(live: LiveServer) -> None:
        answers.write(json.dumps(asdict(live)) + "\n")
        answers.close()

    try:
        return serve(config, ready)
    except SmiteError as problem:
        sys.stderr.write(f"{problem.code}: {problem.message}\n")
        if not answers.closed:
            answers.write(json.dumps({"error": problem.code, "message": problem.message}) + "\n")
            answers.close()
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
