"""What clients send, on disk until the job has ended: files as they are, pixels with a header.

Layout: ``SPOOL/JOB/plate``, ``SPOOL/JOB/refs`` and, for mattes that go back as bytes,
``SPOOL/JOB/out``. A pixel file is ``FRAME.pixels``: the magic, the header's length (4 bytes,
little endian), a msgpack header (`pixel_header`), then the values.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgpack

from smite_protocol.errors import BadInput, BadMessage, DiskFull, InternalError, TooLarge
from smite_protocol.fields import to_map
from smite_protocol.messages import PutFile, PutPixels
from smite_protocol.uploads import SIZES
from smite_protocol.wire import Buffer

from .config import Limits

PIXEL_MAGIC = b"SMITEPX1"
PIXEL_SUFFIX = ".pixels"
MAX_DEPTH = 3
_NAME = re.compile(r"[^/\\\x00-\x1f:*?\"<>|]{1,200}")


@dataclass
class _Upload:
    """What has been sent of one job."""

    roles: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    bytes: int = 0


class Spool:
    """The uploads of a server's jobs."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._uploads: dict[str, _Upload] = {}

    def folder_of(self, job: str, role: str) -> Path:
        """Return the folder of a job's plate, refs or out."""
        return self._folder / job / role

    def open(self, job: str, roles: tuple[str, ...]) -> None:
        """Make room for a job's uploads."""
        for role in roles:
            self.folder_of(job, role).mkdir(parents=True, exist_ok=True)
        self._uploads[job] = _Upload(roles)

    def put_file(self, message: PutFile) -> int:
        """Store one file; return how many there are. Raises BadInput, TooLarge, DiskFull."""
        upload = self._upload(message.job, message.part_of)
        parts = message.path.split("/")
        if len(parts) > MAX_DEPTH or not all(_is_plain(part) for part in parts):
            raise BadInput(
                f"The file name {message.path[:80]!r} is refused; send plain relative names, at"
                f" most {MAX_DEPTH} levels deep."
            )
        target = self.folder_of(message.job, message.part_of).joinpath(*parts)
        return self._write(upload, f"{message.part_of}/{message.path}", target, [message.data])

    def put_pixels(self, message: PutPixels) -> int:
        """Store one frame; return how many there are. Raises BadInput, TooLarge, DiskFull."""
        upload = self._upload(message.job, "plate")
        check_pixels(message)
        header = msgpack.packb(to_map(message), use_bin_type=True)
        name = f"{message.frame}{PIXEL_SUFFIX}"
        start = PIXEL_MAGIC + len(header).to_bytes(4, "little") + header
        target = self.folder_of(message.job, "plate") / name
        return self._write(upload, f"plate/{name}", target, [start, message.data])

    def finish(self, job: str) -> str:
        """Close a job's uploads; return the fingerprint of all that was sent.

        Raises BadInput when something is still missing.
        """
        upload = self._uploads.get(job)
        if upload is None:
            raise BadInput(f"Job {job} waits for no files.")
        for role in upload.roles:
            if not any(name.startswith(f"{role}/") for name in upload.files):
                raise BadInput(f"Job {job} has no {role} yet; send it before ending the upload.")
        del self._uploads[job]
        return hashlib.sha256(repr(sorted(upload.files.items())).encode()).hexdigest()

    def is_open(self, job: str) -> bool:
        """Return whether a job still waits for uploads."""
        return job in self._uploads

    def remove(self, job: str, *, outputs: bool = False) -> None:
        """Remove what was sent for a job; with ``outputs`` its mattes too."""
        self._uploads.pop(job, None)
        for role in ("plate", "refs"):
            shutil.rmtree(self.folder_of(job, role), ignore_errors=True)
        if outputs or not self.folder_of(job, "out").exists():
            shutil.rmtree(self._folder / job, ignore_errors=True)

    def purge(self, older_than_days: float) -> None:
        """Remove the folders of jobs that have not changed for so long."""
        limit = time.time() - older_than_days * 86400
        for entry in self._folder.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry.stat().st_mtime < limit:
                shutil.rmtree(entry, ignore_errors=True)

    def _upload(self, job: str, role: str) -> _Upload:
        upload = self._uploads.get(job)
        if upload is None or role not in upload.roles:
            raise BadInput(f"Job {job} waits for no {role}; it names a path, or has it all.")
        return upload

    def _write(self, upload: _Upload, name: str, target: Path, pieces: list[Buffer | None]) -> int:
        data = [piece for piece in pieces if piece is not None]
        if len(data) != len(pieces):
            raise BadMessage(f"{name} came without its bytes; send them as the second frame.")
        size = sum(memoryview(piece).nbytes for piece in data)
        self._check_room(upload, name, size)
        digest = hashlib.sha256()
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                for piece in data:
                    digest.update(piece)
                    file.write(piece)
            part.replace(target)
        except OSError as problem:
            part.unlink(missing_ok=True)
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"The server's disk is full: {name} ({size} bytes) does not fit in"
                    f" {self._folder}; make room, or start it with another --spool."
                ) from problem
            raise InternalError(f"{name} cannot be stored: {problem}.") from problem
        upload.files[name] = digest.hexdigest()
        upload.bytes += size
        return len(upload.files)

    def _check_room(self, upload: _Upload, name: str, size: int) -> None:
        limits = self._limits
        if name in upload.files:
            raise BadInput(f"{name} was sent already; send every file once.")
        if size > limits.max_file_bytes:
            raise TooLarge(f"{name} has {size} bytes; at most {limits.max_file_bytes} are taken.")
        if len(upload.files) >= limits.max_frames:
            raise TooLarge(f"A job may send {limits.max_frames} files; {name} is one too many.")
        if upload.bytes + size > limits.max_upload_bytes:
            raise TooLarge(
                f"A job may send {limits.max_upload_bytes} bytes; {name} would exceed them."
            )


def check_pixels(message: PutPixels) -> None:
    """Raise BadInput unless a frame's pixels, shape and windows agree."""
    height, width, channels = message.shape
    label = f"Frame {message.frame}"
    if message.data is None:
        raise BadMessage(f"{label} came without its pixels; send them as the second frame.")
    if not 1 <= channels <= 4:
        raise BadInput(f"{label} has {channels} channels; send 1 to 4.")
    wanted = height * width * channels * SIZES[message.dtype]
    size = memoryview(message.data).nbytes
    if size != wanted:
        raise BadInput(f"{label} has {size} bytes; its shape and type take {wanted}.")
    for name in ("data", "display"):
        x0, y0, x1, y1 = getattr(message.geometry, name)
        if x1 <= x0 or y1 <= y0:
            raise BadInput(f"{label} has an empty {name} window ({x0}, {y0}, {x1}, {y1}).")
    x0, y0, x1, y1 = message.geometry.data
    if (x1 - x0, y1 - y0) != (width, height):
        raise BadInput(
            f"{label} has {width} x {height} pixels and a data window of {x1 - x0} x {y1 - y0};"
            " they must be the same."
        )


def _is_plain(part: str) -> bool:
    return bool(_NAME.fullmatch(part)) and not part.startswith(".") and part.strip() == part
