"""Strip charts: what is drawn where."""

from __future__ import annotations

import re

import pytest

from smite_server.strip_chart import COLUMNS, HEIGHT, WIDTH, lane, mark, ticks


def heights(path: str) -> list[float]:
    """Where the steps of a line lie, from the top."""
    return [float(found) for found in re.findall(r"V([\d.]+)", path)]


def test_every_frame_is_a_step_of_its_own() -> None:
    drawn = lane([0.0, 1.0, 0.5], 0.0, 1.0, 0.25, lowest=False)
    assert drawn.line == "M0 34V34H333.3V0H666.7V17H1000"
    assert drawn.fill == "M0 34V34H333.3V0H666.7V17H1000V34Z"
    assert drawn.limit == 0.75 * HEIGHT


def test_one_frame_fills_the_lane() -> None:
    assert lane([0.5], 0.0, 1.0, None, lowest=False).line == "M0 17V17H1000"


def test_nothing_is_drawn_where_there_is_no_figure() -> None:
    drawn = lane([None, 1.0, None, None, 0.0], 0.0, 1.0, None, lowest=False)
    assert drawn.line == "M200 0V0H400M800 34V34H1000"
    assert lane([None, None], 0.0, 1.0, None, lowest=False).line == ""
    assert lane([], 0.0, 1.0, None, lowest=False).line == ""


@pytest.mark.parametrize(("lowest", "worst"), [(False, 0.0), (True, HEIGHT)])
def test_a_long_shot_loses_no_peak(lowest: bool, worst: float) -> None:
    """One odd frame among 10,000 is a column of its own."""
    series: list[float | None] = [0.5] * 10_000
    series[7_777] = 0.0 if lowest else 1.0
    drawn = lane(series, 0.0, 1.0, None, lowest=lowest)
    assert len(heights(drawn.line)) == COLUMNS
    assert heights(drawn.line).count(worst) == 1
    assert len(drawn.line) < 12 * COLUMNS + 20


def test_values_beyond_the_scale_stay_in_the_lane() -> None:
    assert heights(lane([-5.0, 5.0], 0.0, 1.0, None, lowest=False).line) == [HEIGHT, 0.0]
    assert heights(lane([1.0], 1.0, 1.0, None, lowest=False).line) == [HEIGHT]


def test_marks_are_never_too_thin_and_stay_inside() -> None:
    assert mark(0, 0, 10).width == WIDTH / 10
    thin = mark(9_999, 9_999, 10_000)
    assert thin.width == 3.0
    assert thin.x == WIDTH - 3.0
    assert (mark(2, 4, 10).x, mark(2, 4, 10).width) == (200.0, 300.0)


@pytest.mark.parametrize(
    ("frames", "step"), [(1, 1), (10, 1), (11, 2), (48, 5), (100, 10), (1000, 100), (10_001, 2000)]
)
def test_ticks_are_frame_numbers_of_the_plate(frames: int, step: int) -> None:
    found = ticks(range(1001, 1001 + frames))
    assert [tick.number for tick in found] == list(range(1001, 1001 + frames, step))
    assert len(found) <= 10
    assert found[0].x == pytest.approx(0.5 * WIDTH / frames, abs=0.1)
