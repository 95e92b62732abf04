"""Areas that change as no shot does: parts that blink, and parts that jump."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from smite_server.quality_findings import (
    MAJOR,
    MINOR,
    SERIES,
    SPREADS,
    Finding,
    Flag,
    middle_and_spread,
    percent,
)

__all__ = ["Run", "interruption", "interruptions", "jumps"]

PRESENT = 2e-4
"""Share of the picture from which a part is there: 26 pixels of 480 x 270."""

BRIEF = 12
"""Frames: a part that is gone, or there, for no longer is most likely a mistake."""

JUMP = 0.35
"""Share by which an area may change between two frames, at least, before it is a jump."""

SURELY = 0.8
"""Share from which a change is a jump in the most restless shot."""

JUMP_AREA = 1e-3
"""Share of the picture that a jump moves, at least."""

ALONE = 2.0
"""A jump is so many times the steps beside it, where they go the same way."""


@dataclass(frozen=True)
class Run:
    """Places first to last in the shot, in all of which a part is there, or is not."""

    there: bool
    first: int
    last: int

    @property
    def length(self) -> int:
        """Frames in it."""
        return self.last - self.first + 1


def interruptions(areas: Sequence[float | None]) -> Iterator[tuple[Run, float]]:
    """Yields runs that are too brief to be true, and the part's usual area where it is there.

    The shortest run between two others goes first, and then counts as they do: two blinks in a
    gap do not make three gaps of it. Runs at the ends of the shot may go on outside it.
    """
    known = [area for area in areas if area is not None and area >= PRESENT]
    if not known:
        return
    usual = median(known)
    least = max(PRESENT, usual / 10)
    runs = _runs([area is not None and area >= least for area in areas])
    while True:
        inner = [run for run in runs[1:-1] if run.length <= BRIEF]
        if not inner:
            return
        brief = min(inner, key=lambda run: run.length)
        yield brief, usual
        at = runs.index(brief)
        runs[at - 1 : at + 2] = [Run(not brief.there, runs[at - 1].first, runs[at + 1].last)]


def _runs(there: Sequence[bool]) -> list[Run]:
    """A series of yes and no as runs."""
    starts = [0, *(at for at in range(1, len(there)) if there[at] != there[at - 1])]
    ends = [*(start - 1 for start in starts[1:]), len(there) - 1]
    return [Run(there[first], first, last) for first, last in zip(starts, ends, strict=True)]


def interruption(part: str, run: Run, usual: float, numbers: Sequence[int]) -> Finding:
    count = f"{run.length} frame{'' if run.length == 1 else 's'}"
    text = f"is there for {count} only" if run.there else f"is gone for {count}"
    excess = BRIEF / run.length
    return Finding(
        part, "brief" if run.there else "gone", numbers[run.first], numbers[run.last],
        numbers[run.first], run.length, MAJOR if run.length <= BRIEF // 3 else MINOR,
        f"{text} (usually {percent(usual)} of the picture)", excess,
    )  # fmt: skip


def jumps(areas: Sequence[float | None]) -> Iterator[Flag]:
    """Yields frames whose area is far from that of the frame before.

    A part that walks into the picture grows by as much in the next frame, and is no jump.
    """
    steps = list(pairwise(areas))
    shares = {at: share for at, step in enumerate(steps) if (share := _share(step)) is not None}
    limit = JUMP
    if len(shares) >= SERIES:
        middle, spread = middle_and_spread(list(shares.values()))
        limit = min(SURELY, max(JUMP, middle + SPREADS * spread))
    for at, share in shares.items():
        before, after = steps[at]
        change = _change(steps[at])
        if share <= limit or abs(change) < JUMP_AREA or before is None or after is None:
            continue
        beside = [_change(steps[near]) for near in (at - 1, at + 1) if 0 <= near < len(steps)]
        if all(abs(change) >= ALONE * (other * math.copysign(1, change)) for other in beside):
            yield Flag(at + 1, share / limit, _jump_words(before, after))


def _share(step: tuple[float | None, float | None]) -> float | None:
    """The share by which an area changes; None where the part is in neither frame."""
    known = [area for area in step if area is not None]
    if len(known) < 2 or max(known) < PRESENT:
        return None
    return abs(_change(step)) / max(known)


def _change(step: tuple[float | None, float | None]) -> float:
    """What an area gains in a step; 0 where it is not known."""
    before, after = step
    return 0.0 if before is None or after is None else after - before


def _jump_words(before: float, after: float) -> str:
    if after < PRESENT:
        return f"disappears ({percent(before)} of the picture in the frame before)"
    if before < PRESENT:
        return f"appears at once ({percent(after)} of the picture)"
    if after > before:
        return f"grows to {after / before:.1f} times its area in one frame"
    return f"shrinks by {percent(1 - after / before)} in one frame"
