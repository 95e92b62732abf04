"""Frame numbers and the files behind them: `x.####.exr`, `x.%04d.exr`, folders, single files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from smite_server.frame_ranges import MAX_FRAMES, format_frames
from smite_server.images import IMAGE_SUFFIXES
from smite_server.pixel_errors import PlateError

__all__ = [
    "MOVIE_SUFFIXES",
    "Sequence",
    "expected_numbers",
    "find_sequence",
]

MOVIE_SUFFIXES = frozenset((
    ".mov", ".mp4", ".m4v", ".mkv", ".avi", ".webm", ".mxf", ".mpg", ".mpeg", ".wmv", ".gif",
    ".y4m", ".ogv",
))  # fmt: skip
_TOKEN = re.compile(r"#+|@+|%0?\d*d")
_DIGITS = re.compile(r"^(.*?)(-?\d+)(\D*)$", re.DOTALL)


@dataclass(frozen=True)
class Sequence:
    """The files of one plate by frame number.

    Attributes:
        pattern: what the user gave, for messages.
        files: ascending frame number -> file.
    """

    pattern: str
    files: Mapping[int, Path]


def expected_numbers(found: Iterable[int]) -> tuple[int, ...]:
    """The numbers a sequence should have, from the ones it has.

    First to last in the step it was numbered with: the greatest common divisor of the gaps of
    three or more frames, else 1.
    """
    numbers = sorted(found)
    if len(numbers) < 3:
        step = 1
    else:
        step = math.gcd(*(b - a for a, b in pairwise(numbers)))
    if (numbers[-1] - numbers[0]) // step >= MAX_FRAMES:
        return tuple(numbers)
    return tuple(range(numbers[0], numbers[-1] + 1, step))


def find_sequence(path: str) -> Sequence:
    """The files behind a pattern, a folder of pictures or one picture.

    A folder must hold one sequence: its frames are numbered by their own digits, or, where no
    two names differ by digits alone, by order from 1. Raises PlateError.
    """
    given = Path(path)
    if given.is_dir():
        return _folder(given)
    if given.is_file():
        match = _DIGITS.match(given.stem)
        return Sequence(path, {int(match[2].lstrip("-")) if match else 1: given})
    if _TOKEN.search(given.name):
        return _pattern(given)
    if not given.parent.is_dir():
        raise PlateError("the plate's folder does not exist", given.parent)
    raise PlateError(
        "there is no such plate", given, "give x.####.exr, x.%04d.exr, a folder or a movie"
    )


def _pattern(given: Path) -> Sequence:
    tokens = list(_TOKEN.finditer(given.name))
    if _TOKEN.search(str(given.parent)) and not given.parent.is_dir():
        raise PlateError("frame numbers in folder names are not read", given)
    if len(tokens) > 1:
        raise PlateError("the plate's name has more than one frame number", given)
    if not given.parent.is_dir():
        raise PlateError("the plate's folder does not exist", given.parent)
    token = tokens[0]
    width = _width(token.group())
    head, tail = given.name[: token.start()], given.name[token.end() :]
    finder = re.compile(re.escape(head) + r"(-?\d+)" + re.escape(tail))
    files: dict[int, Path] = {}
    for file in given.parent.iterdir():
        match = finder.fullmatch(file.name)
        if match and _padded(match[1], width):
            files[int(match[1])] = file
    if not files:
        raise PlateError("no frame of the plate exists", given, _neighbours(given.parent))
    return Sequence(str(given), dict(sorted(files.items())))


def _width(token: str) -> int:
    """Digits a token stands for: `####` 4, a single `#` any, `%04d` 4, `%d` any."""
    if token.startswith("%"):
        return int(token[2:-1] or 0) if token.startswith("%0") else 0
    return len(token) if len(token) > 1 else 0


def _padded(digits: str, width: int) -> bool:
    """Whether digits are what a padding of `width` writes: exactly so, or longer without zeros."""
    plain = digits.lstrip("-")
    if width == 0:
        return True
    return (
        len(digits) == width
        or len(plain) == width
        or (len(plain) > width and not plain.startswith("0"))
    )


def _neighbours(folder: Path) -> str:
    """What does lie in the folder, as patterns."""
    groups = _groups(_pictures(folder))
    if not groups:
        return "the folder holds no pictures"
    names = [_group_name(key, members) for key, members in groups.items()][:4]
    return "the folder holds " + ", ".join(names)


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )


_Key = tuple[str, str, str]


def _groups(files: list[Path]) -> dict[_Key, dict[int, Path]]:
    """Files that differ in their last digits only, by (before, after, suffix)."""
    groups: dict[_Key, dict[int, Path]] = {}
    for file in files:
        match = _DIGITS.match(file.stem)
        head, digits, tail = (match[1], match[2], match[3]) if match else (file.stem, "1", "")
        if digits.startswith("-") and head:  # shot-001.exr: a dash, not a minus
            head, digits = head + "-", digits[1:]
        key = (head + ("" if match else "\0"), tail, file.suffix)
        groups.setdefault(key, {})[int(digits)] = file
    return groups


def _group_name(key: _Key, members: dict[int, Path]) -> str:
    head, tail, suffix = key
    if head.endswith("\0"):
        return f"{head[:-1]}{suffix}"
    any_file = next(iter(members.values()))
    digits = len(any_file.stem) - len(head) - len(tail)
    return f"{head}{'#' * digits}{tail}{suffix} ({format_frames(members)})"


def _folder(folder: Path) -> Sequence:
    files = _pictures(folder)
    if not files:
        raise PlateError("the folder holds no pictures", folder)
    groups = _groups(files)
    if len(groups) == 1:
        only = next(iter(groups.values()))
        if len(only) == len(files):
            return Sequence(str(folder), dict(sorted(only.items())))
    elif len(groups) == len(files):
        return Sequence(str(folder), dict(enumerate(files, start=1)))
    names = "; ".join(_group_name(key, members) for key, members in list(groups.items())[:4])
    raise PlateError(
        f"the folder holds more than one sequence ({names})", folder, "name the one to read"
    )
