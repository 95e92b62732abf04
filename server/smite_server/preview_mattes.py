"""The mattes of a shot that are read back for a preview, in whatever style they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smite_server.channels import ChannelPick
from smite_server.cryptomatte_ids import name_id
from smite_server.geometry import Floats, Geometry
from smite_server.image_files import open_picture, read_channels
from smite_server.images import UnreadableError, read_header, read_matte
from smite_server.pixel_errors import PixelError, PlateError
from smite_server.sequences import find_sequence

__all__ = ["ShotMattes", "open_mattes"]

_DEEPEST = 6
"""Steps of a template's path below the output folder that are tried, at most."""

_RANK = re.compile(r"(?P<layer>.+\d\d)\.(?P<channel>[rgba])")

Planes = Mapping[str, Floats]
Read = Callable[[Path, Sequence[str]], Planes]


class ShotMattes:
    """The mattes of some parts, frame by frame.

    Args:
        files: slug -> frame number -> file; parts may share files.
        read: the planes of some parts in one file.

    Attributes:
        missing: slug -> frames that were asked for and are not there, or cannot be read.
    """

    def __init__(self, files: Mapping[str, Mapping[int, Path]], read: Read) -> None:
        self._files = files
        self._read = read
        self.missing: dict[str, list[int]] = {}

    def read(self, number: int) -> dict[str, tuple[Floats, Geometry]]:
        """Slug -> float32 [H, W] in 0..1 and where it lies, of the parts that are there."""
        found: dict[str, tuple[Floats, Geometry]] = {}
        by_file: dict[Path, list[str]] = {}
        for slug, files in self._files.items():
            if number in files:
                by_file.setdefault(files[number], []).append(slug)
        for path, slugs in by_file.items():
            try:
                geometry = read_header(path).geometry
                planes = self._read(path, slugs)
            except UnreadableError:
                continue
            found |= {slug: (plane, geometry) for slug, plane in planes.items()}
        for slug in self._files:
            if slug not in found:
                self.missing.setdefault(slug, []).append(number)
        return found


def open_mattes(report: Mapping[str, Any], folder: Path, slugs: Sequence[str]) -> ShotMattes:
    """The mattes that a report names, in the first style of which there are any.

    Args:
        report: content of the report.
        folder: where it lies; mattes that moved with it are found.
        slugs: of the parts.

    Raises:
        PixelError: there are none.
    """
    patterns: Mapping[str, str] = report.get("files", {})
    for style, read in _READERS.items():
        # One file for all parts goes by the style's own name.
        members = {slug: slug if style == "parts" else style for slug in slugs}
        sequences = {
            member: _sequence(str(patterns[member]), folder)
            for member in dict.fromkeys(members.values())
            if member in patterns
        }
        if any(sequences.values()):
            return ShotMattes({slug: sequences.get(members[slug], {}) for slug in slugs}, read)
    named = next(iter(patterns.values()), folder)
    raise PixelError("the mattes of the shot are not there", named, "keep them beside the report")


def _sequence(pattern: str, folder: Path) -> Mapping[int, Path]:
    """Frame number -> file of a pattern, or of what lies beside a report that was moved."""
    for candidate in _places(Path(pattern), folder):
        if candidate.parent.is_dir():
            try:
                return find_sequence(str(candidate)).files
            except PlateError:
                continue
    return {}


def _places(path: Path, folder: Path) -> Iterator[Path]:
    if path.is_absolute():
        yield path
    for depth in range(1, min(_DEEPEST, len(path.parts)) + 1):
        for base in (folder, folder.parent):
            yield base.joinpath(*path.parts[-depth:])


def _read_part(path: Path, slugs: Sequence[str]) -> Planes:
    """A file of one part."""
    matte, _ = read_matte(path)
    return dict.fromkeys(slugs, matte)


def _read_layers(path: Path, slugs: Sequence[str]) -> Planes:
    """The channels `slug.A` of a file with a layer for each part."""
    names = {f"{slug}.A": slug for slug in slugs}
    planes = _read_named(path, lambda name: name in names)
    return {names[name]: np.clip(plane, 0.0, 1.0) for name, plane in planes.items()}


def _read_cryptomatte(path: Path, slugs: Sequence[str]) -> Planes:
    """The coverage of each part: over all ranks, where the ID is that of its name."""
    planes = _read_named(path, lambda name: _RANK.fullmatch(name) is not None)
    found: dict[str, Floats] = {}
    for slug in slugs:
        total = np.float32(0)
        for name, ids in planes.items():
            layer, _, channel = name.rpartition(".")
            if channel in "rb":
                coverage = planes[f"{layer}.{'g' if channel == 'r' else 'a'}"]
                total = total + coverage * (ids.view(np.uint32) == name_id(slug))
        found[slug] = np.clip(np.asarray(total, np.float32), 0.0, 1.0)
    return found


def _read_named(path: Path, wanted: Callable[[str], bool]) -> dict[str, Floats]:
    """Channel name -> float32 [H, W]. Raises UnreadableError."""
    source, parts, pick = open_picture(path)
    try:
        names = parts[pick.subimage][1]
        chosen = tuple(index for index, name in enumerate(names) if wanted(name))
        if not chosen:
            raise UnreadableError("it has no such channels")
        pixels = read_channels(source, source.spec(), ChannelPick(pick.subimage, chosen))
    finally:
        source.close()
    return {
        names[index]: np.ascontiguousarray(pixels[..., place]) for place, index in enumerate(chosen)
    }


_READERS: Mapping[str, Read] = {
    "parts": _read_part,
    "layers": _read_layers,
    "cryptomatte": _read_cryptomatte,
}
"""The styles, those that are read fastest first."""
