"""The charts of the review page as data: a row for each part, and a lane for each figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from smite_server.quality_findings import MAJOR, Finding, percent
from smite_server.report_frames import FrameReport
from smite_server.review import Review
from smite_server.strip_chart import Lane, Mark, lane, mark

__all__ = ["count_of", "part_chart", "shot_row"]

OPEN_PARTS = 3
"""So many parts are shown unfolded where nothing is wrong with them."""

_NAME_LENGTH = 20


@dataclass(frozen=True)
class _Figure:
    """How a figure is drawn.

    Attributes:
        name: field of `PartReport`.
        title: for people.
        kinds: of the findings that are marked in its lane.
        lowest: whether low is bad.
        least: height of the lane at least.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    lowest: bool
    least: float


_FIGURES = (
    _Figure("area", "area", ("gone", "brief", "jump"), False, 1e-4),
    _Figure("confidence", "confidence", ("confidence",), True, 1.0),
    _Figure("flicker", "flicker", ("flicker",), False, 0.2),
    _Figure("edge_motion", "edges", ("edges",), False, 2.0),
)


def count_of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def shot_row(review: Review, slug: str, colour: str, numbers: Sequence[int]) -> dict[str, Any]:
    """A part in the chart of the shot: where the markers are that name it."""
    name = review.parts[slug]
    flags = []
    for marker in review.markers:
        for each in marker.findings:
            if each.part == slug:
                where = _mark(each, numbers)
                flags.append(
                    {
                        "frame": marker.frame,
                        "first": each.first,
                        "last": each.last,
                        "severity": each.severity,
                        "text": f"{name} {each.text}",
                        "x": where.x,
                        "width": where.width,
                    }
                )
    # The worse ones are drawn last, over the others.
    flags.sort(key=lambda flag: flag["severity"] == MAJOR)
    short = name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
    return {"name": name, "short": short, "colour": colour, "flags": flags}


def _mark(each: Finding, numbers: Sequence[int]) -> Mark:
    return mark(numbers.index(each.first), numbers.index(each.last), len(numbers))


def part_chart(review: Review, slug: str, colour: str, numbers: Sequence[int]) -> dict[str, Any]:
    """A part with a lane for each figure."""
    mine = [each for each in review.findings if each.part == slug]
    return {
        "name": review.parts[slug],
        "colour": colour,
        "words": f"{count_of(len(mine), 'remark')}" if mine else "nothing stands out",
        "open": bool(mine) or len(review.parts) <= OPEN_PARTS,
        "lanes": [_lane(review, slug, figure, mine, numbers) for figure in _FIGURES],
    }


def _lane(
    review: Review,
    slug: str,
    figure: _Figure,
    findings: Sequence[Finding],
    numbers: Sequence[int],
) -> dict[str, Any]:
    series = [_value(frame, slug, figure.name) for frame in review.frames]
    known = [value for value in series if value is not None]
    limit = review.limits.get(slug, {}).get(figure.name)
    flags = [each for each in findings if each.kind in figure.kinds and not each.all_along]
    return {
        "title": figure.title,
        "words": _words(figure, known, review.pixel),
        "drawn": _drawn(figure, series, known, limit),
        "flags": [{"severity": each.severity, **vars(_mark(each, numbers))} for each in flags],
    }


def _value(frame: FrameReport, slug: str, name: str) -> float | None:
    figures = frame.parts.get(slug)
    value: float | None = None if figures is None else getattr(figures, name)
    return value


def _drawn(
    figure: _Figure, series: Sequence[float | None], known: Sequence[float], limit: float | None
) -> Lane:
    """The lane with a scale that shows every value, and the limit."""
    if figure.lowest:
        low = max(0.0, min([0.7, *known, *([limit] if limit is not None else [])]) - 0.05)
        return lane(series, low, figure.least, limit, lowest=True)
    high = max([figure.least, *known, *([limit] if limit is not None else [])]) * 1.08
    return lane(series, 0.0, high, limit, lowest=False)


def _words(figure: _Figure, known: Sequence[float], pixel: float) -> str:
    """Usual and worst value of a lane."""
    if not known:
        return "no figure"

    def show(value: float) -> str:
        if figure.name == "edge_motion":
            return f"{value * pixel:.1f} px"
        return f"{value:.2f}" if figure.name == "confidence" else percent(value)

    if figure.name == "area":
        return f"{show(min(known))} to {show(max(known))}"
    worst = min(known) if figure.lowest else max(known)
    return f"{show(median(known))}, worst {show(worst)}"
