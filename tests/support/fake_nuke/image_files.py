"""Pictures on disk, by OpenImageIO; imported only when something is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO

if TYPE_CHECKING:
    from .node import Node

_RGBA = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha", "Z": "depth.Z"}
_LAST = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_EXR = {
    "none": "none",
    "Zip (1 scanline)": "zips",
    "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle",
    "B44": "b44",
    "B44A": "b44a",
    "DWAA": "dwaa",
    "DWAB": "dwab",
}


def nuke_channel(name: str) -> str:
    """A channel of a file as Nuke calls it: `A` is rgba.alpha, `left_eye.A` left_eye.alpha."""
    if "." not in name:
        return _RGBA.get(name, f"other.{name}")
    layer, _, last = name.rpartition(".")
    return f"{layer}.{_LAST.get(last, last)}"


def file_channel(name: str) -> str:
    """A channel of Nuke as it is called in an EXR file."""
    for short, long in _RGBA.items():
        if name == long:
            return short
    layer, _, last = name.rpartition(".")
    for short, long in _LAST.items():
        if last == long:
            return f"{layer}.{short}"
    return name


@dataclass
class Loaded:
    """A file: channels by Nuke's names, each float32 [H, W] over the display window, top first."""

    channels: dict[str, np.ndarray]
    size: tuple[int, int]  # width, height of the display window
    aspect: float


def load(path: str) -> Loaded:
    """Read a whole file. RuntimeError, in one sentence, where it cannot be read."""
    file = OpenImageIO.ImageInput.open(path)
    if file is None:
        raise RuntimeError(
            f"Read error: {path}: {OpenImageIO.geterror().strip() or 'no such file'}."
        )
    channels: dict[str, np.ndarray] = {}
    size, aspect, part = (0, 0), 1.0, 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        data = file.read_image(part, 0, 0, spec.nchannels, OpenImageIO.FLOAT)
        if data is None:
            raise RuntimeError(f"Read error: {path}: {file.geterror().strip()}.")
        size = (spec.full_width, spec.full_height)
        aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
        for index, name in enumerate(spec.channelnames):
            channels[nuke_channel(name)] = _placed(data[..., index], spec)
        part += 1
    file.close()
    return Loaded(channels, size, aspect)


def _placed(plane: np.ndarray, spec: Any) -> np.ndarray:
    """A data window on its display window; what lies outside is cut off."""
    if (spec.width, spec.height) == (spec.full_width, spec.full_height):
        return np.ascontiguousarray(plane)
    out = np.zeros((spec.full_height, spec.full_width), np.float32)
    x, y = spec.x - spec.full_x, spec.y - spec.full_y
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + spec.width, spec.full_width), min(y + spec.height, spec.full_height)
    if right > left and bottom > top:
        out[top:bottom, left:right] = plane[top - y : bottom - y, left - x : right - x]
    return out


class Files:
    """Files that Read nodes have read. A file is not looked at again until its Read is reloaded.

    That a frame which was missing stays so, and a changed file stays as it was, until the reload
    button, is an assumption: Nuke's cache is hashed by the file's name and the hidden knob version,
    which reload counts up.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Loaded | str] = {}

    def get(self, node: Node, path: str) -> Loaded:
        key = (id(node), path)
        if key not in self._known:
            try:
                self._known[key] = load(path)
            except RuntimeError as problem:
                self._known[key] = str(problem)
        found = self._known[key]
        if isinstance(found, str):
            raise RuntimeError(found)
        return found

    def forget(self, node: Node) -> None:
        self._known = {key: found for key, found in self._known.items() if key[0] != id(node)}


def save(
    path: Path,
    channels: dict[str, np.ndarray],
    half: bool,
    compression: str,
    aspect: float = 1.0,
) -> None:
    """Write a picture; it is renamed into place when whole. RuntimeError where it cannot be."""
    names = list(channels)
    height, width = channels[names[0]].shape
    spec = OpenImageIO.ImageSpec(
        width, height, len(names), OpenImageIO.HALF if half else OpenImageIO.FLOAT
    )
    exr = path.suffix == ".exr"
    if not exr:
        spec.set_format(
            OpenImageIO.UINT8 if path.suffix in (".jpg", ".jpeg") else OpenImageIO.UINT16
        )
    spec.channelnames = [file_channel(name) for name in names]
    spec.attribute("PixelAspectRatio", aspect)
    if exr:
        spec.attribute("compression", _EXR[compression])
    pixels = np.ascontiguousarray(np.stack([channels[name] for name in names], axis=-1))
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    file = OpenImageIO.ImageOutput.create(str(partial))
    if file is None or not file.open(str(partial), spec) or not file.write_image(pixels):
        raise RuntimeError(
            f"{path}: {file.geterror().strip() if file else OpenImageIO.geterror()}."
        )
    file.close()
    partial.replace(path)
