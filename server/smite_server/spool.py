"""What clients send, on disk until the job has ended: files as they are, pixels with a header.

Layout: ``SPOOL/JOB/plate``, ``SPOOL/JOB/refs``, ``SPOOL/JOB/sent`` (the list of both, see
`manifest`), ``SPOOL/JOB/state`` (the worker's checkpoint) and, for mattes that go back as bytes,
``SPOOL/JOB/out``. A pixel file is ``FRAME.pixels``: the magic, the header's length (4 bytes,
little endian), a msgpack header (the map of `PutPixels`), then the values.

What `put_file` and `put_pixels` have returned from survives a power cut, and is found again by
`reopen`.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgpack

from smite_protocol.checksums import is_whole
from smite_protocol.errors import (
    BadChecksum,
    BadInput,
    BadMessage,
    DiskFull,
    InternalError,
    TooLarge,
)
from smite_protocol.fields import to_map
from smite_protocol.messages import ROLES, PutFile, PutPixels
from smite_protocol.uploads import SIZES
from smite_protocol.wire import Buffer

from . import manifest
from .config import Limits
from .durable import make_synced_folder, sync_folders, write_synced
from .jobs import Job, State
from .manifest import Sent, add_to_manifest, read_manifest, rewrite_manifest
from .thumbnails import THUMBNAIL

PIXEL_MAGIC = b"SMITEPX1"
PIXEL_SUFFIX = ".pixels"
MAX_DEPTH = 3
_NAME = re.compile(r"[^/\\\x00-\x1f:*?\"<>|]{1,200}")


@dataclass
class _Upload:
    """What has been sent of one job."""

    roles: tuple[str, ...]
    files: dict[str, Sent] = field(default_factory=dict)
    bytes: int = 0


class Spool:
    """The uploads of a server's jobs.

    `put_file` and `put_pixels` may be called by another thread (`writing`), one at a time. A job
    must not be finished meanwhile; one may be closed, and is then closed again afterwards.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._uploads: dict[str, _Upload] = {}

    def folder_of(self, job: str, role: str) -> Path:
        """Return the folder of a job's plate, refs, state or out."""
        return self._folder / job / role

    def roles_of(self, job: Job) -> tuple[str, ...]:
        """Return what a job was sent, or is to be sent, instead of named by path."""
        return tuple(
            role for role in ROLES if job.resolved.get(role) == str(self.folder_of(job.job, role))
        )

    def open(self, job: str, roles: tuple[str, ...]) -> None:
        """Make room for a job's uploads. Raises DiskFull, InternalError."""
        try:
            for role in roles:
                make_synced_folder(self.folder_of(job, role))
        except OSError as problem:
            raise self._unwritten(f"The upload of job {job}", problem) from problem
        self._uploads[job] = _Upload(roles)

    def reopen(self, job: Job) -> int:
        """Go on with a job's uploads after a restart; return how many files are there.

        Raises DiskFull, InternalError.
        """
        if job.job in self._uploads:
            return len(self._uploads[job.job].files)
        self.open(job.job, self.roles_of(job))
        upload = self._uploads[job.job]
        try:
            upload.files = read_manifest(self._folder / job.job)
            rewrite_manifest(self._folder / job.job, upload.files)
        except OSError as problem:
            del self._uploads[job.job]
            raise self._unwritten(f"The upload of job {job.job}", problem) from problem
        self._sweep(job.job, upload)
        upload.bytes = sum(sent.size for sent in upload.files.values())
        return len(upload.files)

    def _sweep(self, job: str, upload: _Upload) -> None:
        """Remove files that were not sent wholly: the client sends them again."""
        top = self._folder / job
        for role in upload.roles:
            for path in list((top / role).rglob("*")):
                if path.is_file() and path.relative_to(top).as_posix() not in upload.files:
                    path.unlink(missing_ok=True)

    def has_uploads(self, job: Job) -> bool:
        """Return whether all that a job was sent is there (still)."""
        sent = read_manifest(self._folder / job.job)
        return all(any(name.startswith(f"{role}/") for name in sent) for role in self.roles_of(job))

    def put_file(self, message: PutFile) -> int:
        """Store one file; return how many there are.

        The same file with the same content may be sent again. Raises BadInput, BadChecksum,
        TooLarge, DiskFull.
        """
        upload = self._upload(message.job, message.part_of)
        parts = message.path.split("/")
        if len(parts) > MAX_DEPTH or not all(_is_plain(part) for part in parts):
            raise BadInput(
                f"The file name {message.path[:80]!r} is refused; send plain relative names, at"
                f" most {MAX_DEPTH} levels deep."
            )
        name = f"{message.part_of}/{message.path}"
        if message.data is None:
            raise BadMessage(f"{name} came without its bytes; send them as the second frame.")
        check_checksum(name, message.data, message.checksum)
        return self._put(message.job, upload, name, [message.data])

    def put_pixels(self, message: PutPixels) -> int:
        """Store one frame; return how many there are.

        The same frame with the same pixels may be sent again. Raises BadInput, BadChecksum,
        TooLarge, DiskFull.
        """
        upload = self._upload(message.job, "plate")
        pixels = check_pixels(message)
        check_checksum(f"Frame {message.frame}", pixels, message.checksum)
        header = msgpack.packb(to_map(replace(message, checksum=None)), use_bin_type=True)
        start = PIXEL_MAGIC + len(header).to_bytes(4, "little") + header
        name = f"plate/{message.frame}{PIXEL_SUFFIX}"
        return self._put(message.job, upload, name, [start, pixels])

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
        files = sorted((name, sent.digest) for name, sent in upload.files.items())
        return hashlib.sha256(repr(files).encode()).hexdigest()

    def is_open(self, job: str) -> bool:
        """Return whether a job still waits for uploads."""
        return job in self._uploads

    def close(self, job: Job) -> None:
        """Remove what an ended job needs no more.

        One that failed or was cancelled keeps all, so that it can be tried again and go on where
        it was, unless it was never sent wholly; mattes that go back as bytes stay for those who
        have yet to fetch them. `retention` clears what is kept.
        """
        self._uploads.pop(job.job, None)
        if job.state in (State.FAILED, State.CANCELLED) and job.key:
            return
        top = self._folder / job.job
        for name in (*ROLES, "state"):
            shutil.rmtree(top / name, ignore_errors=True)
        for name in (manifest.NAME, THUMBNAIL):
            (top / name).unlink(missing_ok=True)
        if not (top / "out").exists():
            shutil.rmtree(top, ignore_errors=True)

    def discard(self, job: str) -> None:
        """Remove all that lies here of a job."""
        self._uploads.pop(job, None)
        shutil.rmtree(self._folder / job, ignore_errors=True)

    def _upload(self, job: str, role: str) -> _Upload:
        upload = self._uploads.get(job)
        if upload is None or role not in upload.roles:
            raise BadInput(f"Job {job} waits for no {role}; it names a path, or has it all.")
        return upload

    def _put(self, job: str, upload: _Upload, name: str, pieces: list[Buffer]) -> int:
        """Store a file, unless it is there; return how many there are."""
        size = sum(memoryview(piece).nbytes for piece in pieces)
        before = upload.files.get(name)
        if before is None:
            self._check_room(upload, name, size)
            upload.files[name] = self._write(job, name, pieces, size)
            upload.bytes += size
        elif before != Sent(size, _digest(pieces)):
            raise BadInput(
                f"{name} was sent already, with other content; send every file once, or the same"
                " again."
            )
        return len(upload.files)

    def _write(self, job: str, name: str, pieces: list[Buffer], size: int) -> Sent:
        """Write a file so that it is there after a power cut, all or nothing.

        Its digest is made meanwhile by another thread, which takes nearly as long.
        """
        digest = self._hashing.submit(_digest, pieces)
        top = self._folder / job
        target = top.joinpath(*name.split("/"))
        part = target.with_name(f".{target.name}.part")
        try:
            if not target.parent.exists():
                make_synced_folder(target.parent)
            write_synced(part, *pieces)
            part.replace(target)
            sync_folders([target.parent])
            sent = Sent(size, digest.result())
            add_to_manifest(top, name, sent)
        except OSError as problem:
            part.unlink(missing_ok=True)
            raise self._unwritten(f"{name} ({size} bytes)", problem) from problem
        return sent

    def _unwritten(self, what: str, problem: OSError) -> DiskFull | InternalError:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(
                f"The server's disk is full: {what} does not fit in {self._folder}; make room, or"
                " start it with another --spool."
            )
        return InternalError(f"{what} cannot be stored: {problem}.")

    def _check_room(self, upload: _Upload, name: str, size: int) -> None:
        limits = self._limits
        if size > limits.max_file_bytes:
            raise TooLarge(f"{name} has {size} bytes; at most {limits.max_file_bytes} are taken.")
        if len(upload.files) >= limits.max_frames:
            raise TooLarge(f"A job may send {limits.max_frames} files; {name} is one too many.")
        if upload.bytes + size > limits.max_upload_bytes:
            raise TooLarge(
                f"A job may send {limits.max_upload_bytes} bytes; {name} would exceed them."
            )


def _digest(pieces: list[Buffer]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def check_checksum(name: str, data: Buffer, checksum: int | None) -> None:
    """Raise BadChecksum unless ``data`` has this CRC-32; None is not checked."""
    if not is_whole(data, checksum):
        raise BadChecksum(f"{name} was changed on its way to the server; send it again.")


def check_pixels(message: PutPixels) -> Buffer:
    """Return a frame's pixels. Raises BadInput unless they, shape and windows agree."""
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
    return message.data


def _is_plain(part: str) -> bool:
    return bool(_NAME.fullmatch(part)) and not part.startswith(".") and part.strip() == part
