"""Mattes out: one half-float EXR per part and frame, each complete or not there at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from smite_server.durable import make_synced_folder, sync_folders, write_synced
from smite_server.geometry import Floats, Geometry, Window
from smite_server.naming import DEFAULT_TEMPLATE, check_template, expand_template, sequence_pattern
from smite_server.pixel_errors import MatteError

__all__ = ["MatteWriter", "encode_matte", "is_foreign", "write_whole"]

_STALE_SECONDS = 3600.0


class MatteWriter:
    """Writes the mattes of one shot.

    Args:
        out: output folder; made when the first frame is written.
        shot: shot name.
        parts: slugs, in the order of the matte arrays.
        version: version number of the shot's mattes.
        template: path below `out`; None takes `DEFAULT_TEMPLATE`.
        metadata: EXR attributes: `framesPerSecond` (a number) is written as the standard
            attribute, every other key as the string `smite/<key>`.

    Raises:
        MatteError: a template that does not fit (no file is touched).
    """

    def __init__(
        self,
        out: str | Path,
        shot: str,
        parts: Sequence[str],
        version: int = 1,
        template: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        self.out = Path(out)
        self.shot = shot
        self.parts = tuple(parts)
        self.version = version
        self.template = template or DEFAULT_TEMPLATE
        self._metadata = dict(metadata or {})
        self._swept: set[Path] = set()
        # Two servers may run one job for a moment, after one was killed: never under one name.
        self._mark = f"{self._metadata.get('job', '')}."
        check_template(self.template)
        for part in self.parts:
            expand_template(self.template, shot, part, version, 0)

    def path(self, part: str, number: int) -> Path:
        """The file of one part's frame."""
        return self.out / expand_template(self.template, self.shot, part, self.version, number)

    def patterns(self) -> dict[str, str]:
        """Slug -> path of its sequence, frame numbers as `####`."""
        return {
            part: str(self.out / sequence_pattern(self.template, self.shot, part, self.version))
            for part in self.parts
        }

    def write(self, number: int, mattes: Floats, geometry: Geometry) -> dict[str, Path]:
        """Writes one frame of every part.

        Args:
            number: frame number of the plate.
            mattes: float [P, H, W] in the order of `parts`, H x W the data window; clamped 0..1.
            geometry: the plate's windows and pixel aspect.

        Returns:
            Slug -> finished file.

        Raises:
            MatteError: a wrong shape, a full disk, no right to write; no half file stays.
        """
        expected = (len(self.parts), *geometry.data.shape)
        if mattes.shape != expected:
            raise MatteError(
                f"mattes of frame {number} have shape {mattes.shape}", "", f"expected {expected}"
            )
        files: dict[str, Path] = {}
        for part, matte in zip(self.parts, mattes, strict=True):
            path = self.path(part, number)
            self._prepare(path.parent)
            metadata = {**self._metadata, "part": part, "frame": number}
            _replace(path, encode_matte(matte, geometry, metadata), self._mark)
            files[part] = path
        with _told(self.out):
            sync_folders(path.parent for path in files.values())
        return files

    def _prepare(self, folder: Path) -> None:
        """Makes the folder, and once clears what a killed process left there.

        That is what this very job left, or anybody long ago.
        """
        if folder in self._swept:
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
        self._swept.add(folder)


def is_foreign(path: Path, job: str) -> bool:
    """Whether there is a file that another job has written, or nobody knows who."""
    if not path.exists():
        return False
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            return bool(file.header().get("smite/job") != job)
    except (OSError, RuntimeError, ValueError):
        return True


def encode_matte(matte: Floats, geometry: Geometry, metadata: Mapping[str, object]) -> bytes:
    """The EXR file of one matte [H, W]: half float, the single channel `A`, ZIP of 16 lines."""
    header: dict[str, Any] = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "displayWindow": _box(geometry.display),
        "dataWindow": _box(geometry.data),
        "pixelAspectRatio": float(geometry.pixel_aspect),
    }
    for key, value in metadata.items():
        if key == "framesPerSecond":
            if isinstance(value, int | float) and value > 0:
                header[key] = Fraction(value).limit_denominator(1001)
        else:
            header[f"smite/{key}"] = str(value)
    half = np.clip(matte, 0.0, 1.0).astype(np.float16, order="C")
    half[np.isnan(half)] = 0.0
    stream = io.BytesIO()
    with OpenEXR.File(header, {"A": half}) as file:
        file.write(stream)
    return stream.getvalue()


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file in one step: a reader sees the old one, the new one, or none.

    The bytes go to a temporary name in the same folder, which is then renamed. Both are on the
    disk when this returns, so that a power cut finds the old file or the new one.

    Raises:
        MatteError: a full disk, no right to write, a file larger than allowed; nothing stays
            behind.
    """
    _replace(path, data)
    with _told(path):
        sync_folders([path.parent])


def _replace(path: Path, data: bytes, mark: str = "") -> None:
    """`write_whole`, but for the folder, which is synced once for all files of a frame."""
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
            raise MatteError(
                "the disk is full", path, "make room and run again; finished frames are kept"
            ) from None
        if error.errno == errno.EFBIG:
            raise MatteError(
                "the file is larger than this process may write",
                path,
                "raise the limit (ulimit -f) and run again; finished frames are kept",
            ) from None
        raise MatteError(f"the file cannot be written ({error.strerror})", path) from None


def _box(window: Window) -> tuple[Any, Any]:
    """OpenEXR's windows have inclusive ends."""
    return (
        np.array([window.x0, window.y0], np.int32),
        np.array([window.x1 - 1, window.y1 - 1], np.int32),
    )
