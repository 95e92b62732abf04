"""Which frames of a shot need an artist's eye, and why: from the figures of the report alone.

A figure is held against the shot's own median and spread, so that a hard shot does not list every
frame, and against a floor and a ceiling, so that a perfect shot lists none and a bad one does not
pass as usual. What is wrong all along is said once
for the shot. Neighbouring frames with the same complaint about the same part are one finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from smite_server.quality_areas import interruption, interruptions, jumps
from smite_server.quality_findings import (
    MAJOR,
    SERIES,
    SPREADS,
    Finding,
    Flag,
    merged,
    middle_and_spread,
    percent,
)
from smite_server.report_frames import FrameReport

__all__ = ["judge", "limits", "suspicion"]

RECENT = 120
"""Frames that a frame is held against while the shot is still being made."""

Series = Sequence[float | None]
"""A figure of one part, frame by frame; None where there is none."""


@dataclass(frozen=True)
class _Rule:
    """What a figure is held against.

    Attributes:
        kind: of the findings.
        figure: the field of `PartReport`.
        floor: up to which (from which, where low is bad) a figure is never flagged.
        ceiling: beyond which it always is, however many frames of the shot are as bad.
        all_along: a median beyond it is a finding for the whole shot.
        ratio: a figure that stands out is at least so many times the median.
        low: whether low figures are the bad ones.
        words: (value, usual) -> the reason; usual is None where there are too few frames.
    """

    kind: str
    figure: str
    floor: float
    ceiling: float
    all_along: float
    ratio: float
    low: bool
    words: Callable[[float, float | None], str]

    def limit(self, values: Sequence[float]) -> float:
        """Beyond which a figure of this series is flagged."""
        if len(values) < SERIES:
            return self.floor
        middle, spread = middle_and_spread(values)
        if self.low:
            return max(self.ceiling, min(self.floor, middle - SPREADS * spread))
        stands_out = max(middle + SPREADS * spread, middle * self.ratio)
        return min(self.ceiling, max(self.floor, stands_out))

    def is_beyond(self, value: float, limit: float) -> bool:
        """Whether a figure is worse than a limit."""
        return value < limit if self.low else value > limit

    def excess(self, value: float, limit: float) -> float:
        """How bad a figure is in limits: 1 at the limit, more beyond."""
        if self.low:
            return (1.0 - value) / max(1e-6, 1.0 - limit)
        return value / limit


def judge(frames: Sequence[FrameReport], parts: Sequence[str], pixel: float = 1.0) -> list[Finding]:
    """The findings of a shot, in the order of their frames; those of the whole shot first.

    Args:
        frames: in order; a part without figures in a frame is passed over there.
        parts: slugs.
        pixel: plate pixels that one pixel of `edge_motion` is worth, for the words.
    """
    numbers = [frame.number for frame in frames]
    rules = _rules(pixel)
    found: list[Finding] = []
    for part in parts:
        areas = [_figure(frame, part, "area") for frame in frames]
        blinks = list(interruptions(areas))
        found += [interruption(part, run, usual, numbers) for run, usual in blinks]
        # That a part comes or goes shows in all its figures, and is said once.
        told = {at for run, _ in blinks for at in range(run.first, run.last + 2)}
        flags = {"jump": list(jumps(areas))}
        for rule in rules:
            series = [_figure(frame, part, rule.figure) for frame in frames]
            found += _all_along(part, rule, series, numbers)
            flags[rule.kind] = _beyond(rule, series)
        for kind, each in flags.items():
            rest = [flag for flag in each if flag.at not in told]
            found += merged(part, kind, rest, numbers)
    return sorted(found, key=lambda each: (not each.all_along, each.first, -each.excess))


def limits(frames: Sequence[FrameReport], parts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Slug -> figure -> the value beyond which `judge` flags a frame; for charts."""
    found: dict[str, dict[str, float]] = {}
    for part in parts:
        series = {rule: [_figure(f, part, rule.figure) for f in frames] for rule in _rules(1.0)}
        found[part] = {
            rule.figure: rule.limit([value for value in values if value is not None])
            for rule, values in series.items()
        }
    return found


def suspicion(frames: Sequence[FrameReport], parts: Sequence[str]) -> float:
    """How bad the last frame looks beside those before it: 1 at the limits, more beyond.

    For choosing what to keep while the shot is still being made; `judge` has the last word.
    """
    recent = frames[-RECENT:]
    worst = 0.0
    for part in parts:
        for rule in _rules(1.0):
            value = _figure(recent[-1], part, rule.figure)
            if value is not None:
                series = [_figure(frame, part, rule.figure) for frame in recent]
                limit = rule.limit([known for known in series if known is not None])
                worst = max(worst, rule.excess(value, limit))
        areas = [_figure(frame, part, "area") for frame in recent[-2:]]
        worst = max([worst, *(jump.excess for jump in jumps(areas))])
    return worst


def _rules(pixel: float) -> tuple[_Rule, ...]:
    def unsure(value: float, usual: float | None) -> str:
        words = "" if usual is None else f", usually {usual:.2f}"
        return f"the engine is unsure (confidence {value:.2f}{words})"

    def flickers(value: float, usual: float | None) -> str:
        words = "" if usual is None else f", usually {percent(usual)}"
        return f"flickers ({percent(value)} of it changes sides{words})"

    def wanders(value: float, usual: float | None) -> str:
        words = "" if usual is None else f" (usually {usual * pixel:.1f} px)"
        return f"edges move by {value * pixel:.1f} px against the plate{words}"

    def appears(value: float, _usual: float | None) -> str:
        return f"a piece of it ({percent(value)}) appears apart from the rest"

    return (
        _Rule("confidence", "confidence", 0.75, 0.5, 0.65, 1.0, True, unsure),
        _Rule("flicker", "flicker", 0.15, 0.4, 0.25, 1.5, False, flickers),
        _Rule("edges", "edge_motion", 1.5, 5.0, 2.5, 1.5, False, wanders),
        # The meter leaves out what is too small; whatever it tells of is worth a look.
        _Rule("piece", "new_piece", 0.05, 0.05, 1.0, 1.0, False, appears),
    )


def _figure(frame: FrameReport, part: str, name: str) -> float | None:
    """A finite figure of a part in a frame, or None."""
    figures = frame.parts.get(part)
    value = None if figures is None else getattr(figures, name)
    return None if value is None or not math.isfinite(value) else float(value)


def _beyond(rule: _Rule, series: Series) -> list[Flag]:
    """Frames whose figure is beyond the limit of its series."""
    values = [value for value in series if value is not None]
    limit = rule.limit(values)
    usual = median(values) if len(values) >= SERIES else None
    return [
        Flag(at, rule.excess(value, limit), rule.words(value, usual))
        for at, value in enumerate(series)
        if value is not None and rule.is_beyond(value, limit)
    ]


def _all_along(part: str, rule: _Rule, series: Series, numbers: Sequence[int]) -> list[Finding]:
    """One finding for the shot where the median itself is bad."""
    known = [(value, at) for at, value in enumerate(series) if value is not None]
    if len(known) < SERIES:
        return []
    usual = median(value for value, _ in known)
    if not rule.is_beyond(usual, rule.all_along):
        return []
    _, worst = min(known) if rule.low else max(known)
    return [
        Finding(
            part=part,
            kind=rule.kind,
            first=numbers[known[0][1]],
            last=numbers[known[-1][1]],
            frame=numbers[worst],
            frames=len(known),
            severity=MAJOR,
            text=f"{rule.words(usual, None)} all along",
            excess=rule.excess(usual, rule.all_along),
            all_along=True,
        )
    ]
