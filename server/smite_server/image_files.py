"""OpenImageIO's files: opening, finding the colour, decoding; every failure is one short reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

from smite_server.channels import ChannelPick, pick_channels
from smite_server.geometry import Floats

__all__ = [
    "UnreadableError",
    "ends_as_it_should",
    "flips",
    "open_picture",
    "read_channels",
    "read_last_rows",
    "upright",
]

_FLIPS: dict[int, tuple[bool, bool, bool]] = {  # EXIF orientation: transpose, flip y, flip x
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


class UnreadableError(Exception):
    """Why one file cannot be read; the caller adds which frame or still it is."""


def open_picture(path: Path) -> tuple[Any, list[tuple[str, list[str]]], ChannelPick]:
    """The opened file at its colour part, its parts, and the channels of the colour."""
    if not path.is_file():
        raise UnreadableError("the file is missing")
    hints = OpenImageIO.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)  # else PNG colours come multiplied by alpha
    source = OpenImageIO.ImageInput.open(str(path), hints)
    if source is None:
        words = _one_line(OpenImageIO.geterror().replace(str(path), path.name))
        raise UnreadableError(words or "not a picture")
    parts: list[tuple[str, list[str]]] = []
    while source.seek_subimage(len(parts), 0):
        spec = source.spec()
        name = spec.getattribute("name") or spec.getattribute("oiio:subimagename") or ""
        parts.append((str(name), [] if spec.deep else list(spec.channelnames)))
        if path.suffix.lower() != ".exr":
            break
    source.geterror()
    pick = pick_channels(parts)
    if pick is None:
        source.close()
        raise UnreadableError(
            "it has no flat colour channels (deep images are to be flattened first)"
        )
    source.seek_subimage(pick.subimage, 0)
    return source, parts, pick


def _one_line(text: str) -> str:
    """The first line of the library's own words."""
    return next((line.strip().rstrip(".") for line in text.splitlines() if line.strip()), "")


def read_channels(source: Any, spec: Any, pick: ChannelPick) -> Floats:
    """float32 [H, W, len(channels)]; a view of one read where the order allows it."""
    low, high = min(pick.channels), max(pick.channels) + 1
    whole_numbers = str(spec.format) in ("uint", "uint32") and source.format_name() == "openexr"
    kind = OpenImageIO.UINT32 if whole_numbers else OpenImageIO.FLOAT
    pixels = source.read_image(pick.subimage, 0, low, high, kind)
    error = source.geterror()
    if pixels is None or error:
        raise UnreadableError(_one_line(error) or "its pixels cannot be decoded")
    pixels = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, high - low)
    order = [channel - low for channel in pick.channels]
    if order == list(range(high - low)):
        return pixels
    if order == list(range(high - low))[::-1]:
        return pixels[..., ::-1]
    return pixels[..., order]


def read_last_rows(source: Any, spec: Any, pick: ChannelPick) -> None:
    """Decodes the end of an EXR and throws it away. Raises UnreadableError."""
    bottom, right = spec.y + spec.height, spec.x + spec.width
    channels = (pick.channels[0], pick.channels[0] + 1)
    if spec.tile_width:
        top = bottom - 1 - (spec.height - 1) % spec.tile_height
        left = right - 1 - (spec.width - 1) % spec.tile_width
        rows = source.read_tiles(
            pick.subimage, 0, left, right, top, bottom, 0, 1, *channels, OpenImageIO.FLOAT
        )
    else:
        rows = source.read_scanlines(
            pick.subimage, 0, bottom - 1, bottom, 0, *channels, OpenImageIO.FLOAT
        )
    error = source.geterror()
    if rows is None or error:
        raise UnreadableError(_one_line(error) or "its last lines cannot be decoded")


def ends_as_it_should(path: Path) -> bool:
    """False where a PNG or JPEG lacks its last marker near its end (some hold more after it)."""
    ends = {".png": b"IEND", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
    mark = ends.get(path.suffix.lower(), b"")
    with path.open("rb") as file:
        file.seek(-min(4096, path.stat().st_size), 2)
        return mark in file.read()


def flips(spec: Any) -> tuple[bool, bool, bool]:
    return _FLIPS.get(int(spec.get_int_attribute("Orientation", 1)), (False, False, False))


def upright(pixels: Floats, spec: Any) -> Floats:
    """A view of `pixels` with the camera's orientation applied, as every viewer shows it."""
    transpose, flip_y, flip_x = flips(spec)
    if transpose:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
