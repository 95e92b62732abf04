"""One picture file in: EXR, PNG, JPEG, TIFF, DPX and whatever else OpenImageIO reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from smite_server.channels import ChannelPick, pick_matte_channel
from smite_server.colour import colour_space_of_metadata
from smite_server.geometry import Floats, Geometry, Window, place
from smite_server.image_files import (
    UnreadableError,
    ends_as_it_should,
    flips,
    open_picture,
    read_channels,
    read_last_rows,
    upright,
)
from smite_server.time_codes import TimeCode, time_code_of_metadata

__all__ = [
    "IMAGE_SUFFIXES",
    "Header",
    "Image",
    "UnreadableError",
    "check_whole",
    "read_header",
    "read_image",
    "read_matte",
    "read_matte_with_window",
    "replace_non_finite",
]

IMAGE_SUFFIXES = frozenset((
    ".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".bmp", ".tga", ".hdr",
    ".webp", ".jp2", ".jxl", ".sgi", ".ppm",
))  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a file says about itself without its pixels."""

    geometry: Geometry
    colour_space: str | None
    frames_per_second: float | None
    time_code: TimeCode | None = None


@dataclass(frozen=True)
class Image:
    """A picture as it was read.

    Attributes:
        pixels: float32 [H, W, 3] of the data window, in the file's colour space; may be a
            read-only view. NaN and Inf are replaced.
        header: geometry, colour space, frame rate.
        bad_pixels: how many pixels were NaN or Inf.
    """

    pixels: Floats
    header: Header
    bad_pixels: int


def read_header(path: Path) -> Header:
    """Windows, pixel aspect, colour space and frame rate of `path`. Raises UnreadableError."""
    source, _, _ = open_picture(path)
    try:
        return _header(source.spec(), path)
    finally:
        source.close()


def check_whole(path: Path) -> Header:
    """The header of `path`, after a cheap look at its end: finds most truncated files.

    The last line (or tile) of an EXR is decoded; of a JPEG or PNG the last bytes are looked
    at, and where they are odd the whole of it is decoded. Raises UnreadableError.
    """
    source, _, pick = open_picture(path)
    try:
        spec = source.spec()
        if path.suffix.lower() == ".exr":
            read_last_rows(source, spec, pick)
        header = _header(spec, path)
    finally:
        source.close()
    if not ends_as_it_should(path):
        read_image(path)
    return header


def read_image(path: Path) -> Image:
    """The colour of `path` (see `pick_channels`); a single channel becomes grey.

    Raises UnreadableError where the file is missing, truncated, deep or no picture.
    """
    source, _, pick = open_picture(path)
    try:
        spec = source.spec()
        pixels = read_channels(source, spec, pick)
        header = _header(spec, path)
    finally:
        source.close()
    bad = 0
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        pixels, bad = replace_non_finite(pixels)
    pixels = upright(pixels, spec)
    if pixels.shape[2] == 1:
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return Image(pixels, header, bad)


def read_matte(path: Path) -> tuple[Floats, Geometry]:
    """A painted or rendered matte: float32 [H, W] of the data window, 0..1.

    Channel `A` where it says anything (an alpha that is 1 everywhere does not), else the first
    colour channel. Raises UnreadableError.
    """
    source, parts, pick = open_picture(path)
    try:
        spec = source.spec()
        names = parts[pick.subimage][1]
        alpha = pick_matte_channel(names, pick)
        pixels = read_channels(source, spec, ChannelPick(pick.subimage, (alpha,)))
        if alpha != pick.channels[0] and float(pixels.min(initial=1.0)) >= 1.0:
            first = ChannelPick(pick.subimage, pick.channels[:1])
            pixels = read_channels(source, spec, first)
        geometry = _header(spec, path).geometry
    finally:
        source.close()
    pixels, _ = replace_non_finite(pixels)
    matte = upright(pixels, spec)[..., 0]
    return np.clip(matte, 0.0, 1.0), geometry


def read_matte_with_window(path: Path, data: Window, display: Window) -> Floats:
    """A matte on the canvas `data`, zero outside its own data window: float32 [H, W], 0..1.

    Raises UnreadableError where it cannot be read or has another size than `display`.
    """
    matte, geometry = read_matte(path)
    if geometry.display.shape != display.shape:
        raise UnreadableError(f"it is {geometry.display}, not {display}")
    return place(matte, geometry.data, data)


def replace_non_finite(pixels: Floats) -> tuple[Floats, int]:
    """`pixels` [H, W, C] without NaN and Inf, and how many pixels had one.

    A bad value becomes the mean of the finite values around it (5x5), or 0 where there are none.
    Returns the same array where nothing is bad.
    """
    with np.errstate(all="ignore"):
        if np.isfinite(pixels.sum(dtype=np.float64)):
            return pixels, 0
    bad = ~np.isfinite(pixels)
    count = int(np.count_nonzero(bad.any(axis=2)))
    clean = np.where(bad, np.float32(0), pixels)
    weight = _blur((~bad).astype(np.float64))
    mean = np.divide(
        _blur(clean.astype(np.float64)), weight, out=np.zeros(bad.shape), where=weight > 1e-3
    )
    clean[bad] = mean[bad].astype(np.float32)
    return clean, count


def _blur(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    blurred: npt.NDArray[np.float64] = cv2.blur(
        np.ascontiguousarray(values), (5, 5), borderType=cv2.BORDER_REFLECT
    )
    return blurred.reshape(values.shape)


def _header(spec: Any, path: Path) -> Header:
    data = Window(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height)
    display = Window(
        spec.full_x, spec.full_y, spec.full_x + spec.full_width, spec.full_y + spec.full_height
    )
    aspect = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    if path.suffix.lower() != ".exr":
        data = display = Window(0, 0, spec.width, spec.height)
        if flips(spec)[0]:
            data = display = Window(0, 0, spec.height, spec.width)
    if not 0.05 < aspect < 20.0:
        aspect = 1.0
    floating = "float" in str(spec.format) or "half" in str(spec.format)
    attributes = {item.name: item.value for item in spec.extra_attribs}
    colour_space = colour_space_of_metadata(attributes, path.suffix.lower(), floating)
    return Header(
        Geometry(display, data, aspect),
        colour_space,
        _rate(attributes),
        time_code_of_metadata(attributes),
    )


def _rate(attributes: dict[str, Any]) -> float | None:
    value = attributes.get("framesPerSecond", attributes.get("FramesPerSecond"))
    if isinstance(value, tuple | list) and len(value) == 2 and value[1]:
        value = value[0] / value[1]
    return float(value) if isinstance(value, int | float) and value > 0 else None
