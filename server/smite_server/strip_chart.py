"""A strip chart over a shot as numbers for SVG: what is drawn where, and nothing of how.

A lane is one figure of one part, from the shot's first frame to its last. Long shots are drawn in
at most `COLUMNS` columns, each of which shows the worst of its frames, so that no peak is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COLUMNS", "HEIGHT", "WIDTH", "Lane", "Mark", "Tick", "lane", "mark", "ticks"]

COLUMNS = 500
WIDTH, HEIGHT = 1000.0, 34.0
"""Of a lane, in units of the chart."""

Series = Sequence[float | None]


@dataclass(frozen=True)
class Lane:
    """One figure over the shot.

    Attributes:
        line: SVG path of the steps; a gap where there is no figure.
        fill: SVG path of what is under them.
        limit: height of the line beyond which frames are flagged; None without one.
    """

    line: str
    fill: str
    limit: float | None


@dataclass(frozen=True)
class Mark:
    """Frames that stand out: from x, so wide."""

    x: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A frame number on the axis."""

    x: float
    number: int


def lane(series: Series, low: float, high: float, limit: float | None, *, lowest: bool) -> Lane:
    """A figure as steps.

    Args:
        series: one value for each frame; None where there is none.
        low, high: values at the bottom and the top of the lane.
        limit: a value that gets a line of its own.
        lowest: whether the worst frame of a column is the one with the lowest value.
    """
    columns = min(COLUMNS, len(series))
    worst = min if lowest else max
    lines, fills = [], []
    run: list[tuple[float, float, float]] = []
    for column in range(columns + 1):
        values: list[float] = []
        if column < columns:
            first, last = _share(column, columns, series), _share(column + 1, columns, series)
            values = [value for value in series[first:last] if value is not None]
        if values:
            y = _height(worst(values), low, high)
            run.append((column * WIDTH / columns, (column + 1) * WIDTH / columns, y))
        elif run:
            steps = "".join(f"V{_number(y)}H{_number(right)}" for _, right, y in run)
            start = _number(run[0][0])
            lines.append(f"M{start} {_number(run[0][2])}{steps}")
            fills.append(f"M{start} {_number(HEIGHT)}{steps}V{_number(HEIGHT)}Z")
            run = []
    height = None if limit is None else _height(limit, low, high)
    return Lane("".join(lines), "".join(fills), height)


def _share(column: int, columns: int, series: Series) -> int:
    return column * len(series) // columns


def mark(first: int, last: int, frames: int) -> Mark:
    """Frames ``first`` to ``last`` of so many, by their places in the shot; never too thin."""
    left, right = first * WIDTH / frames, (last + 1) * WIDTH / frames
    width = max(right - left, 3.0)
    return Mark(round(min(left, WIDTH - width), 1), round(width, 1))


def ticks(numbers: Sequence[int]) -> list[Tick]:
    """Frame numbers for the axis: at most about ten, at round steps, in the middle of a frame."""
    step = max(1, _round_step(len(numbers) / 10))
    shown = range(0, len(numbers), step)
    return [Tick(round((at + 0.5) * WIDTH / len(numbers), 1), numbers[at]) for at in shown]


def _round_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 ... that is not below ``least``."""
    scale = 1
    while True:
        for factor in (1, 2, 5):
            if factor * scale >= least:
                return factor * scale
        scale *= 10


def _height(value: float, low: float, high: float) -> float:
    """Distance from the top of the lane, in its units."""
    share = (value - low) / (high - low) if high > low else 0.0
    return HEIGHT * (1.0 - min(1.0, max(0.0, share)))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
