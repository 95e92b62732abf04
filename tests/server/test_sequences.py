"""Frame ranges as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_server.frame_ranges import format_frames, parse_frames
from smite_server.pixel_errors import PlateError
from smite_server.sequences import expected_numbers

RANGES = {
    "one": ("7", (7,)),
    "range": ("1001-1003", (1001, 1002, 1003)),
    "step": ("1-10x4", (1, 5, 9)),
    "list with commas and spaces": ("1001-1005x2,1050  1060", (1001, 1003, 1005, 1050, 1060)),
    "backwards": ("3-1", (1, 2, 3)),
    "negative": ("-2-1", (-2, -1, 0, 1)),
    "twice the same": ("5,5,4-6", (4, 5, 6)),
}


@pytest.mark.parametrize(("text", "numbers"), RANGES.values(), ids=RANGES.keys())
def test_reads_ranges(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_frames(text) == numbers


@pytest.mark.parametrize("text", ["", " , ", "1-", "a-b", "1..5", "1-10x0", "1-9999999999", "1e3"])
def test_refuses_what_is_no_range(text: str) -> None:
    with pytest.raises(PlateError, match="frame"):
        parse_frames(text)


@given(st.sets(st.integers(-500, 5000), min_size=1, max_size=60))
def test_written_ranges_read_back(numbers: set[int]) -> None:
    assert parse_frames(format_frames(numbers)) == tuple(sorted(numbers))


@given(st.sets(st.integers(0, 400), min_size=1, max_size=40))
def test_expected_numbers_hold_the_found_ones(numbers: set[int]) -> None:
    expected = expected_numbers(numbers)
    assert numbers <= set(expected)
    assert (expected[0], expected[-1]) == (min(numbers), max(numbers))
