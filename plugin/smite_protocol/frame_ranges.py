"""Frame numbers as text: ``1001-1048x2,1050``; hosts and server read it alike."""

from __future__ import annotations

import re
from typing import Set, Tuple

from .errors import BadPlate

MAX_FRAMES = 1_000_000
_FIELD = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")


def parse_frames(text: str) -> Tuple[int, ...]:
    """Return the ascending frame numbers of ``1001-1048x2,1050 1060`` or ``-8--5``.

    Commas or spaces between; a range may run backwards. Raises BadPlate where the text is no such
    list, is empty, or holds more than a million frames.
    """
    numbers: Set[int] = set()
    for field in filter(None, re.split(r"[,\s]+", text.strip())):
        match = _FIELD.fullmatch(field)
        if match is None or (match[3] and not int(match[3])):
            raise BadPlate(f"{field!r} is no frame range; write for example 1001-1048x2,1050.")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first:
            first, last = last, first
        if (last - first) // step + 1 + len(numbers) > MAX_FRAMES:
            raise BadPlate(f"The range {field!r} holds over a million frames; give fewer.")
        numbers.update(range(first, last + 1, step))
    if not numbers:
        raise BadPlate("The frame range is empty; write for example 1001-1048.")
    return tuple(sorted(numbers))
