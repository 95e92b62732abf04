"""The live servers of this user on this machine: one locked file each.

A server holds a lock on its file as long as it lives, so a file whose lock can be taken belongs
to a server that has gone, also after kill -9. The file holds endpoint and token, for its owner's
eyes only.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from smite_protocol.errors import BadPath

from .config import runtime_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MAX_FILE_BYTES = 65536
_LOCK_OFFSET = 1 << 20
"""Where Windows locks a byte: behind the text, so that others can read it."""


@dataclass(frozen=True)
class LiveServer:
    """A server that runs now."""

    server: str
    endpoint: str
    token: str
    pid: int
    private: bool
    started: float
    roots: tuple[str, ...] = ()
    http: str = ""
    encrypted: bool = False


def host_name() -> str:
    """Return this machine's name, fit for an id."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:48] or "host"


def new_server_id() -> str:
    """Return an id that no other server has."""
    return f"{host_name()}.{os.getpid()}.{secrets.token_hex(4)}"


@contextmanager
def registered(server: LiveServer) -> Iterator[Path]:
    """Register a server for as long as the context lasts. Raises BadPath."""
    folder = runtime_folder()
    path = folder / f"{server.server}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    except OSError as problem:
        raise BadPath(
            f"The server cannot register itself in {folder} ({problem.strerror})."
        ) from problem
    with os.fdopen(descriptor, "w+", encoding="utf-8") as file:
        _try_lock(file)
        file.write(json.dumps(asdict(server)))
        file.flush()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def live_servers() -> list[LiveServer]:
    """Return the servers that run now, newest first; clears the files of those that do not."""
    folder = runtime_folder()
    found = []
    for path in folder.glob(f"{host_name()}.*.json") if folder.is_dir() else ():
        server = _read(path)
        if server is not None:
            found.append(server)
    return sorted(found, key=lambda server: -server.started)


def is_alive(server: str) -> bool:
    """Return whether a server runs; of other machines' servers it is assumed."""
    if server.split(".")[0] != host_name():
        return True
    path = runtime_folder() / f"{server}.json"
    return path.exists() and _read(path) is not None


def _read(path: Path) -> LiveServer | None:
    """Return the live server of a file; None, and the file is removed, when it has gone."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            if _try_lock(file):
                _clear(path)
                return None
            data = json.loads(file.read(MAX_FILE_BYTES))
            return LiveServer(**{**data, "roots": tuple(data.get("roots", ()))})
    except (OSError, ValueError, TypeError):
        return None


def _clear(path: Path) -> None:
    """Remove the file of a server that has gone, unless one is just registering."""
    if time.time() - path.stat().st_mtime > 2.0 or path.stat().st_size > 0:
        path.unlink(missing_ok=True)


def _try_lock(file: IO[str]) -> bool:
    """Take the lock of a file without waiting; return whether it was free."""
    try:
        if sys.platform == "win32":
            file.seek(_LOCK_OFFSET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        return False
    return True
