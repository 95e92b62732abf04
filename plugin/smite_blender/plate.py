"""The plate of a scene: the files of a movie clip, of an image, or of a path; their numbers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from smite_hosts import HostProblem
from smite_hosts.mattes_on_disk import file_of, pattern_of

_LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_PADDING = re.compile(r"#+|%0?\d*d")
_MOVIES = (".mov", ".mp4", ".mkv", ".avi", ".mxf", ".webm", ".m4v", ".mpg", ".mpeg")


@dataclass(frozen=True)
class Plate:
    """What the mattes are made of.

    ``path`` is the files' pattern, one still, or a movie; ``first`` and ``last`` the files' own
    numbers, where they have any; ``shown_at`` the scene frame that shows ``first``.
    ``colour_space`` is OpenColorIO's name, None: as the files say.
    """

    path: str
    first: int
    last: int
    shown_at: int
    colour_space: Optional[str] = None
    numbered: bool = True

    @property
    def range(self) -> Optional[Tuple[int, int]]:
        """First and last frame, where the files say."""
        return (self.first, self.last) if self.numbered else None

    def number_at(self, scene_frame: int) -> int:
        """Return the plate's own number of the frame that a scene frame shows."""
        return self.first + scene_frame - self.shown_at

    def scene_frame_of(self, number: int) -> int:
        """Return the scene frame that shows a frame of the plate."""
        return self.shown_at + number - self.first

    def still_at(self, number: int) -> Optional[Path]:
        """Return the file of one frame; None where it is no file of its own."""
        if not self.numbered or not self.first <= number <= self.last:
            return None
        return Path(file_of(self.path, number))


def plate_of_file(
    path: str, shown_at: int, colour_space: Optional[str], node: str, *, sequence: bool = True
) -> Plate:
    """Return the plate of a file of a sequence, a pattern, or a movie.

    Raises HostProblem for no path, and where there is nothing on the disk.
    """
    if not path.strip():
        raise HostProblem("no_plate", node=node)
    path = path.replace("\\", "/")
    if Path(path).suffix.lower() in _MOVIES:
        if not Path(path).is_file():
            raise HostProblem("plate_missing", path=path, detail="the file does not exist")
        return Plate(path, 1, 1, shown_at, colour_space, numbered=False)
    pattern = _pattern(path) if sequence else path
    numbers = numbers_of(pattern)
    if not numbers:
        there = Path(path).parent.is_dir()
        detail = "no file is there" if there else "its folder does not exist"
        raise HostProblem("plate_missing", path=path, detail=detail)
    return Plate(pattern, numbers[0], numbers[-1], shown_at, colour_space)


def numbers_of(pattern: str) -> List[int]:
    """Return the frame numbers of a pattern's files, ascending; a still without a number is 1."""
    folder, _, name = pattern.rpartition("/")
    if not _PADDING.search(name):
        return [1] if Path(pattern).is_file() else []
    before, after = _PADDING.split(name, maxsplit=1)
    wanted = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208  (Path.iterdir makes thousands of objects)
    except OSError:
        return []
    return sorted(int(found[1]) for found in map(wanted.fullmatch, names) if found)


def frame_of_file(path: str) -> Optional[int]:
    """Return the frame number of a sequence's file: the last number in its name; None without."""
    found = _LAST_NUMBER.search(Path(path).stem)
    return int(found[1]) if found else None


def _pattern(path: str) -> str:
    number = None if _PADDING.search(path.rpartition("/")[2]) else frame_of_file(path)
    return path if number is None else pattern_of(path, number)
