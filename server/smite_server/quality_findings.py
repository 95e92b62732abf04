"""What is said about frames that need a look, and how neighbouring frames become one finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = [
    "MAJOR",
    "MINOR",
    "SERIES",
    "SPREADS",
    "Finding",
    "Flag",
    "merged",
    "middle_and_spread",
    "percent",
]

MINOR, MAJOR = "minor", "major"
"""Severities: worth a look; most likely wrong."""

SPREADS = 4.0
"""A figure stands out where it is so many spreads (1.4826 MAD, a normal sigma) from the median."""

SERIES = 8
"""Fewer figures than this have no median that is worth the name: floors alone count."""

BRIDGE = 2
"""Two flagged frames with fewer than so many others between them are one finding."""


@dataclass(frozen=True)
class Finding:
    """Frames of one part that need a look, for one reason.

    Attributes:
        part: slug.
        kind: `confidence`, `flicker`, `edges`, `piece`, `gone`, `brief` or `jump`.
        first, last: frame numbers.
        frame: the worst of them.
        frames: how many of them are flagged.
        severity: `MINOR` or `MAJOR`.
        text: the reason in plain words, without the part's name.
        excess: how far beyond the limit, 1 at it; for ordering.
        all_along: whether it is the whole shot that is bad, not frames that stand out.
    """

    part: str
    kind: str
    first: int
    last: int
    frame: int
    frames: int
    severity: str
    text: str
    excess: float
    all_along: bool = False


@dataclass(frozen=True)
class Flag:
    """One frame's complaint; `at` is its place in the shot."""

    at: int
    excess: float
    text: str


def merged(
    part: str, kind: str, flags: Iterable[Flag], numbers: Sequence[int]
) -> Iterator[Finding]:
    """Findings of neighbouring flags; the worst frame's words stand for all."""
    groups: list[list[Flag]] = []
    for flag in flags:
        if groups and flag.at - groups[-1][-1].at <= BRIDGE:
            groups[-1].append(flag)
        else:
            groups.append([flag])
    for group in groups:
        worst = max(group, key=lambda flag: flag.excess)
        yield Finding(
            part, kind, numbers[group[0].at], numbers[group[-1].at], numbers[worst.at], len(group),
            MAJOR if worst.excess >= 1.5 else MINOR, worst.text, worst.excess,
        )  # fmt: skip


def middle_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Median and spread (1.4826 MAD, the sigma of a normal distribution) of a series."""
    middle = median(values)
    return middle, 1.4826 * median(abs(value - middle) for value in values)


def percent(share: float) -> str:
    """A share in percent, with two figures where it is small."""
    value = 100.0 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"
