"""Result files that are complete or not there at all, also after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from smite_server.durable import make_synced_folder, sync_folders, write_synced
from smite_server.pixel_errors import FullDiskError, MatteError

__all__ = ["WholeFiles", "write_whole"]

_STALE_SECONDS = 3600.0


class WholeFiles:
    """Writes files, each in one step: a reader sees the old one, the new one, or none.

    The bytes go to a temporary name in the same folder, which is then renamed. Folders are synced
    by `settle`, once for all files of a frame.

    Args:
        job: whose files these are. Two servers may run one job for a moment, after one was killed:
            never under one temporary name; and what the job left half written is cleared.
    """

    def __init__(self, job: str = "") -> None:
        self._mark = f"{job}."
        self._prepared: set[Path] = set()

    def write(self, path: Path, data: bytes) -> None:
        """Writes one file, and makes its folder.

        Raises:
            FullDiskError: no room.
            MatteError: no right to write, a file larger than allowed; nothing stays behind.
        """
        self._prepare(path.parent)
        _replace(path, data, self._mark)

    def settle(self, paths: Iterable[Path]) -> None:
        """Makes the names of written files last through a power cut. Raises MatteError."""
        for folder in dict.fromkeys(path.parent for path in paths):
            with _told(folder):
                sync_folders([folder])

    def _prepare(self, folder: Path) -> None:
        """Makes the folder, and once clears what a killed process left there.

        That is what this very job left, or anybody long ago.
        """
        if folder in self._prepared:
            return
        try:
            make_synced_folder(folder)
            for leftover in folder.glob(".*.smite-tmp*"):
                own = len(self._mark) > 1 and f".smite-tmp{self._mark}" in leftover.name
                if own or time.time() - leftover.lstat().st_mtime > _STALE_SECONDS:
                    leftover.unlink(missing_ok=True)
        except OSError as error:
            raise MatteError(
                f"the output folder cannot be made ({error.strerror})", folder
            ) from None
        self._prepared.add(folder)


def write_whole(path: Path, data: bytes) -> None:
    """Writes one file in one step into a folder that is there; it lasts when this returns.

    Raises:
        MatteError: as `WholeFiles.write`.
    """
    _replace(path, data)
    with _told(path):
        sync_folders([path.parent])


def _replace(path: Path, data: bytes, mark: str = "") -> None:
    temporary = path.with_name(f".{path.name}.smite-tmp{mark}{os.getpid()}")
    try:
        with _told(path):
            write_synced(temporary, data)
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tells what goes wrong with writing `path` as a MatteError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FullDiskError(
                "the disk is full", path, "make room and run again; finished frames are kept"
            ) from None
        if error.errno == errno.EFBIG:
            raise MatteError(
                "the file is larger than this process may write",
                path,
                "raise the limit (ulimit -f) and run again; finished frames are kept",
            ) from None
        raise MatteError(f"the file cannot be written ({error.strerror})", path) from None
