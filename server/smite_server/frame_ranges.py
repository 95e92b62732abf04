"""Frame numbers as text: `1001-1048x2,1050`. Imports no array library."""

from __future__ import annotations

import re
from collections.abc import Iterable

import fileseq

from smite_server.pixel_errors import PlateError

__all__ = ["MAX_FRAMES", "format_frames", "parse_frames"]

MAX_FRAMES = 1_000_000


def parse_frames(text: str) -> tuple[int, ...]:
    """Ascending frame numbers of "1001-1048x2,1050 1060" (commas or spaces between).

    Raises PlateError where the text is no such list, or holds more than a million frames.
    """
    fields = [field for field in re.split(r"[,\s]+", text.strip()) if field]
    numbers: set[int] = set()
    for field in fields:
        match = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", field)
        if match is None or match[3] == "0":
            raise PlateError(
                f"{field!r} is no frame range", "--frames", "write for example 1001-1048x2,1050"
            )
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first:
            first, last = last, first
        if (last - first) // step + 1 + len(numbers) > MAX_FRAMES:
            raise PlateError(
                f"the range {field!r} holds over a million frames", "--frames", "give fewer"
            )
        numbers.update(range(first, last + 1, step))
    if not numbers:
        raise PlateError("the frame range is empty", "--frames", "write for example 1001-1048")
    return tuple(sorted(numbers))


def format_frames(numbers: Iterable[int]) -> str:
    """Frame numbers as people write them: 1003,1007-1009."""
    return str(fileseq.framesToFrameRange(sorted(set(numbers))))
