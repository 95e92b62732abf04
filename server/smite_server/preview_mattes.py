"""The mattes of a shot that are read back for a preview, wherever its report says they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smite_server.geometry import Floats, Geometry
from smite_server.images import UnreadableError, read_matte
from smite_server.pixel_errors import PixelError, PlateError
from smite_server.sequences import find_sequence

__all__ = ["PartMattes", "open_mattes"]

_DEEPEST = 6
"""Steps of a template's path below the output folder that are tried, at most."""


@dataclass
class PartMattes:
    """The sequence of one part.

    Attributes:
        name: of the part, for people.
        files: frame number -> file.
        missing: frames that were asked for, and are not there or cannot be read.
    """

    name: str
    files: Mapping[int, Path]
    missing: list[int] = field(default_factory=list)

    def read(self, number: int) -> tuple[Floats, Geometry] | None:
        """The matte of a frame, float32 [H, W] in 0..1, and where it lies; None without one."""
        path = self.files.get(number)
        if path is not None:
            try:
                return read_matte(path)
            except UnreadableError:
                pass
        self.missing.append(number)
        return None


def open_mattes(report: Mapping[str, Any], folder: Path, slugs: Sequence[str]) -> list[PartMattes]:
    """The sequences of some parts.

    Args:
        report: content of the report; its `files` name the sequences.
        folder: where the report lies.
        slugs: of the parts.

    Raises:
        PixelError: none of them is there.
    """
    files = report.get("files", {})
    found = [
        PartMattes(str(report["parts"][slug]), _sequence(str(files.get(slug, "")), folder))
        for slug in slugs
    ]
    if not any(part.files for part in found):
        wanted = next((str(files[slug]) for slug in slugs if slug in files), "")
        raise PixelError(
            "there are no mattes of single parts to show",
            wanted or folder,
            "keep them beside the report, or segment with the style parts",
        )
    return found


def _sequence(pattern: str, folder: Path) -> Mapping[int, Path]:
    """Frame number -> file of a pattern, or of what lies beside a report that was moved."""
    for candidate in _places(pattern, folder):
        if candidate.parent.is_dir():
            try:
                return find_sequence(str(candidate)).files
            except PlateError:
                continue
    return {}


def _places(pattern: str, folder: Path) -> Iterator[Path]:
    if not pattern:
        return
    path = Path(pattern)
    yield path
    for depth in range(1, min(_DEEPEST, len(path.parts)) + 1):
        for base in (folder, folder.parent):
            yield base.joinpath(*path.parts[-depth:])
