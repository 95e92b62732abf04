"""Files that are there after a power cut: bytes first, then the name, both on the disk itself."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from smite_protocol.wire import Buffer

_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR)
"""What file systems that keep names by themselves, many of networks, answer to a folder's sync."""


def write_synced(path: Path, *pieces: Buffer) -> None:
    """Write a new file, piece by piece; wait until its bytes are on the disk. Raises OSError."""
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until the bytes of a written file are on the disk. Raises OSError."""
    _sync(path, os.O_RDWR)


def sync_folders(folders: Iterable[Path]) -> None:
    """Wait until the names in each folder, once, are on the disk. Raises OSError.

    Windows has no such call, and some network file systems refuse it; they are left alone.
    """
    if os.name == "nt":
        return
    for folder in dict.fromkeys(folders):
        try:
            _sync(folder, os.O_RDONLY)
        except OSError as problem:
            if problem.errno not in _NO_FOLDER_SYNC:
                raise


def make_synced_folder(folder: Path) -> None:
    """Make a folder, with those above it, that is there after a power cut. Raises OSError."""
    new = [folder] if not folder.exists() else []
    new += [above for above in folder.parents if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    sync_folders(made.parent for made in new)


def replace_synced(source: Path, target: Path) -> None:
    """Give a written and synced file its name for good. Raises OSError; ``source`` is then gone."""
    try:
        source.replace(target)
        sync_folders([target.parent])
    finally:
        with contextlib.suppress(OSError):
            source.unlink(missing_ok=True)


def _sync(path: Path, how: int) -> None:
    descriptor = os.open(path, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
