"""Mattes that come as bytes: written below a folder of this machine, whole or not at all."""

from __future__ import annotations

import errno
import secrets
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Union

from .errors import BadMessage, DiskFull, MatteFailed
from .events import MatteReady


class MatteReceiver:
    """Writes the mattes that a server sends as bytes below a folder of this machine."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.written = 0

    def accept(self, matte: MatteReady) -> None:
        """Write one matte, whole or not at all. Raises BadMessage, DiskFull, MatteFailed."""
        if matte.data is None:
            return
        self.write(matte.path, memoryview(matte.data))
        self.written += 1

    def write(self, name: str, data: Union[bytes, memoryview]) -> Path:
        """Write a file under its relative ``name``; return its path."""
        target = self.out / safe_name(name)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(target)
        except OSError as problem:
            with suppress(OSError):
                partial.unlink()
            kind = DiskFull if problem.errno == errno.ENOSPC else MatteFailed
            raise kind(f"{target} cannot be written ({problem.strerror}).") from problem
        return target


def safe_name(name: str) -> PurePosixPath:
    """Return a file name that a server sent, if it stays below a folder. Raises BadMessage."""
    path = PurePosixPath(name)
    odd = "\\" in name or ":" in name or "\0" in name
    if odd or not path.parts or path.is_absolute() or ".." in path.parts:
        raise BadMessage(f"The server sent a file with the name {name!r}, which is not allowed.")
    return path
