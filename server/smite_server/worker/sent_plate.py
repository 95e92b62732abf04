"""A plate that came over the wire: files as they are on the client's disk, or pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from smite_protocol.errors import BadPlate, InternalError
from smite_protocol.fields import from_map
from smite_protocol.messages import PutPixels
from smite_server.geometry import Floats, Geometry, Window
from smite_server.plates import OnMissing, Plate, PlateFrame, open_plate, parse_frames
from smite_server.sequences import MOVIE_SUFFIXES
from smite_server.spool import PIXEL_MAGIC, PIXEL_SUFFIX

MAX_HEADER_BYTES = 65536


@dataclass(frozen=True)
class _Header:
    """A pixel file's header and where its values begin."""

    message: PutPixels
    offset: int


def open_sent_plate(folder: Path, *, frames: str | None, on_missing: OnMissing) -> Plate:
    """Open the plate that was sent into ``folder``. Raises PlateError, BadPlate."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    pixels = [path for path in files if path.suffix == PIXEL_SUFFIX]
    if pixels and len(pixels) != len(files):
        raise BadPlate("The plate was sent partly as pixels and partly as files; send one kind.")
    if pixels:
        return PixelPlate(folder, frames)
    single = len(files) == 1 and files[0].suffix.lower() in MOVIE_SUFFIXES
    return open_plate(
        files[0] if single else folder,
        frames=frames,
        on_missing=on_missing,
    )


class PixelPlate(Plate):
    """A plate of pixel files (`smite_server.spool`)."""

    def __init__(self, folder: Path, frames: str | None) -> None:
        self.path = "the frames that were sent"
        self._files = {int(path.stem): path for path in folder.glob(f"*{PIXEL_SUFFIX}")}
        wanted = parse_frames(frames) if frames else tuple(sorted(self._files))
        self.missing = tuple(number for number in wanted if number not in self._files)
        if self.missing:
            raise BadPlate(f"Frame {self.missing[0]} was not sent; send it, or change --frames.")
        self.numbers = wanted
        first = _read_header(self._files[wanted[0]]).message
        self.colour_space = first.colour_space
        self.frames_per_second = None
        self.geometry = _geometry(first)

    def read(self, number: int) -> PlateFrame:
        """Frame ``number``. Raises BadPlate when its size is another than the first frame's."""
        if number not in self._files:
            raise BadPlate(f"Frame {number} was not sent.")
        header = _read_header(self._files[number])
        message = header.message
        geometry = _geometry(message)
        if geometry != self.geometry:
            raise BadPlate(
                f"Frame {number} is {geometry.data} and frame {self.numbers[0]} is"
                f" {self.geometry.data}; send frames of one size."
            )
        values = np.fromfile(
            self._files[number],
            dtype=np.dtype(message.dtype).newbyteorder("<"),
            offset=header.offset,
        ).reshape(message.shape)
        pixels = as_rgb(values)
        bad = ~np.isfinite(pixels).all(axis=2)
        if bad.any():
            pixels = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
        return PlateFrame(number, pixels, geometry, int(np.count_nonzero(bad)))

    def _leave_out(self, number: int) -> bool:  # noqa: ARG002  (the base class asks so)
        return False


def as_rgb(values: npt.NDArray[Any]) -> Floats:
    """float32 [H, W, 3] of values [H, W, C]; integers become 0..1, one channel becomes grey."""
    found = values.astype(np.float32)
    if values.dtype.kind == "u":
        found /= float(np.iinfo(values.dtype).max)
    if found.shape[2] < 3:
        found = np.repeat(found[..., :1], 3, axis=2)
    return np.ascontiguousarray(found[..., :3])


def _geometry(message: PutPixels) -> Geometry:
    info = message.geometry
    return Geometry(Window(*info.display), Window(*info.data), info.pixel_aspect)


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(len(PIXEL_MAGIC) + 4)
        length = int.from_bytes(start[len(PIXEL_MAGIC) :], "little")
        if not start.startswith(PIXEL_MAGIC) or length > MAX_HEADER_BYTES:
            raise InternalError(f"{path} is not a pixel file of this spool.")
        fields = msgpack.unpackb(file.read(length), raw=False)
    return _Header(from_map(PutPixels, fields), len(start) + length)
