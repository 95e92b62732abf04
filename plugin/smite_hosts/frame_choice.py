"""Which frames of a plate a job works on, from what a frame range knob says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Optional, Tuple

from smite_protocol.errors import BadPlate
from smite_protocol.frame_ranges import MAX_FRAMES, parse_frames

from .sentences import HostProblem


@dataclass(frozen=True)
class FrameChoice:
    """Frames in the plate's own numbers, ascending, and the text that says so."""

    text: str
    numbers: Tuple[int, ...]

    @property
    def first(self) -> int:
        """The first frame."""
        return self.numbers[0]

    @property
    def last(self) -> int:
        """The last frame."""
        return self.numbers[-1]

    @property
    def as_set(self) -> FrozenSet[int]:
        """The frames as a set."""
        return frozenset(self.numbers)


def choose_frames(text: str, plate: Optional[Tuple[int, int]], most: int) -> FrameChoice:
    """Return the frames that ``text`` names; an empty text names all of the plate's.

    ``plate`` are the plate's first and last frame, where they are known; frames outside are an
    error, since the mattes would lack them. Raises HostProblem for a range that cannot be read, is
    empty, leaves the plate, or has more than ``most`` frames.
    """
    asked = text.strip()
    if not asked:
        if plate is None:
            raise HostProblem("no_frames", detail="the frame range is empty; write one")
        asked = f"{plate[0]}-{plate[1]}"
        if plate[1] < plate[0]:
            raise HostProblem("no_frames", detail=f"the plate's range {asked} is empty")
    try:
        numbers = parse_frames(asked)
    except BadPlate as problem:
        if "million" in problem.message:
            raise _too_many(asked, f"over {MAX_FRAMES:,}", most) from problem
        raise HostProblem("bad_range", range=repr(asked)) from problem
    if plate is not None:
        outside = [number for number in numbers if not plate[0] <= number <= plate[1]]
        if len(outside) == len(numbers):
            detail = f"the range {asked} lies outside the plate, which has {plate[0]}-{plate[1]}"
            raise HostProblem("no_frames", detail=detail)
        if outside:
            detail = (
                f"frame {outside[0]} of the range {asked} is not in the plate, which has"
                f" {plate[0]}-{plate[1]}"
            )
            raise HostProblem("no_frames", detail=detail)
    if len(numbers) > most:
        raise _too_many(asked, f"{len(numbers):,}", most)
    return FrameChoice(asked, numbers)


def _too_many(asked: str, count: str, most: int) -> HostProblem:
    return HostProblem("too_many_frames", range=asked, count=count, most=f"{most:,}")


def frames_around(frames: FrameChoice, frame: int, reach: int) -> str:
    """Return those of ``frames`` within ``reach`` of one, as a range; a reach of 0: all of them."""
    near = [number for number in frames.numbers if abs(number - frame) <= reach]
    if reach <= 0 or len(near) == len(frames.numbers):
        return frames.text
    if near == list(range(near[0], near[-1] + 1)):
        return f"{near[0]}-{near[-1]}"
    return ",".join(map(str, near))
