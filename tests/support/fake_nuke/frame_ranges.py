"""nuke.FrameRange and nuke.FrameRanges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .rules import MainThreadOnly


class FrameRange(MainThreadOnly):
    """first, last and step: FrameRange(1, 10, 2) or FrameRange('1-10x2')."""

    def __init__(self, first: int | str = 1, last: int = 1, increment: int = 1) -> None:
        if isinstance(first, str):
            first, last, increment = _parse(first)
        self._first, self._last, self._step = int(first), int(last), int(increment) or 1

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def increment(self) -> int:
        return self._step

    def setFirst(self, frame: int) -> None:
        self._first = int(frame)

    def setLast(self, frame: int) -> None:
        self._last = int(frame)

    def setIncrement(self, step: int) -> None:
        self._step = int(step)

    def frames(self) -> int:
        return len(self._range())

    def minFrame(self) -> int:
        return min(self._range())

    def maxFrame(self) -> int:
        return max(self._range())

    def isInRange(self, frame: int) -> bool:
        return frame in self._range()

    def getFrame(self, number: int) -> int:
        return self._range()[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._range())

    def __str__(self) -> str:
        step = f"x{self._step}" if self._step != 1 else ""
        return f"{self._first}-{self._last}{step}"

    def _range(self) -> range:
        return range(self._first, self._last + (1 if self._step > 0 else -1), self._step)


def _parse(text: str) -> tuple[int, int, int]:
    """`1-10`, `1-10x2`, `5`, `-8--5`; ValueError: no such range."""
    found = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(-?\d+))?)?", text.strip())
    if found is None:
        raise ValueError(f'"{text}" is no frame range.')
    first = int(found.group(1))
    return first, int(found.group(2) or first), int(found.group(3) or 1)


class FrameRanges(MainThreadOnly):
    """Several ranges: FrameRanges('1-5 8 10') or a list of them."""

    def __init__(self, ranges: str | Sequence[Any] = ()) -> None:
        words = ranges.replace(",", " ").split() if isinstance(ranges, str) else ranges
        self._ranges = [
            word if isinstance(word, FrameRange) else FrameRange(word) for word in words
        ]

    def add(self, more: FrameRange) -> None:
        self._ranges.append(more)

    def clear(self) -> None:
        self._ranges.clear()

    def size(self) -> int:
        return len(self._ranges)

    def getRange(self, number: int) -> FrameRange:
        return self._ranges[number]

    def minFrame(self) -> int:
        return min(found.minFrame() for found in self._ranges)

    def maxFrame(self) -> int:
        return max(found.maxFrame() for found in self._ranges)

    def toFrameList(self) -> list[int]:
        return sorted({frame for found in self._ranges for frame in found})

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def __str__(self) -> str:
        return " ".join(str(found) for found in self._ranges)
