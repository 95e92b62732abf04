"""Frame numbers as text: `1001-1048x2,1050`. Imports no array library."""

from __future__ import annotations

from collections.abc import Iterable

import fileseq

from smite_protocol import frame_ranges
from smite_protocol.errors import BadPlate
from smite_protocol.frame_ranges import MAX_FRAMES
from smite_server.pixel_errors import PlateError

__all__ = ["MAX_FRAMES", "format_frames", "parse_frames"]


def parse_frames(text: str) -> tuple[int, ...]:
    """`smite_protocol.frame_ranges.parse_frames`; raises PlateError, which names the option."""
    try:
        return frame_ranges.parse_frames(text)
    except BadPlate as problem:
        what, _, remedy = problem.message.rstrip(".").partition("; ")
        raise PlateError(what, "--frames", remedy) from None


def format_frames(numbers: Iterable[int]) -> str:
    """Frame numbers as people write them: 1003,1007-1009."""
    return str(fileseq.framesToFrameRange(sorted(set(numbers))))
