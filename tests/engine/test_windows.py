"""Windows over shots of every length: each frame final once, memory flat, joins that fade."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_engine.errors import SettingsError, ShapeError
from smite_engine.windows import Window, blend, join_weights, windows

LENGTHS = (1, 2, 7, 15, 16, 17, 100, 400)
PLANS = {
    "16 with 8 shared": (16, 8),
    "20 with 7 shared": (20, 7),
    "16 with 15 shared": (16, 15),
    "16 apart": (16, 0),
    "single frames": (1, 0),
}


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, int]:
    """(frames of the shot, length, overlap)."""
    length = draw(st.integers(1, 24))
    return draw(st.integers(0, 90)), length, draw(st.integers(0, length - 1))


def assert_windows_of(planned: list[Window[int]], count: int, length: int, overlap: int) -> None:
    assert [frame for window in planned for frame in window.final] == list(range(count))
    assert [window.last for window in planned] == [False] * (len(planned) - 1) + [True]
    for before, window in pairwise(planned):
        assert len(before.frames) == length
        assert before.held == window.overlap == overlap
        assert window.frames[:overlap] == before.frames[length - overlap :]
    assert planned[0].overlap == 0
    assert planned[-1].held == 0
    assert all(window.overlap < len(window.frames) <= length for window in planned)


@pytest.mark.parametrize(("length", "overlap"), PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("count", LENGTHS)
def test_every_frame_is_final_once_and_in_order(count: int, length: int, overlap: int) -> None:
    assert_windows_of(list(windows(range(count), length, overlap)), count, length, overlap)


@settings(deadline=None)
@given(plans())
def test_any_shot_and_any_window(plan: tuple[int, int, int]) -> None:
    count, length, overlap = plan
    planned = list(windows(range(count), length, overlap))
    if count == 0:
        assert planned == []
    else:
        assert_windows_of(planned, count, length, overlap)


@settings(deadline=None)
@given(plans(), st.data())
def test_a_resumed_shot_has_the_windows_it_would_have_had(
    plan: tuple[int, int, int], data: st.DataObject
) -> None:
    count, length, overlap = plan
    planned = list(windows(range(count), length, overlap))
    done = data.draw(st.integers(0, max(0, len(planned) - 1)))
    if done == 0:
        return
    finished = planned[done - 1]
    held = finished.frames[len(finished.frames) - finished.held :]
    read = range(finished.frames[-1] + 1, count)
    assert list(windows(read, length, overlap, held)) == planned[done:]


def test_frames_that_were_read_before_make_no_window_alone() -> None:
    assert list(windows([], 4, 2, already=[5, 6])) == []


def test_more_frames_read_before_than_the_overlap_shorten_only_the_first_step() -> None:
    planned = list(windows(range(3, 9), 4, 1, already=[0, 1, 2]))
    assert [window.frames for window in planned] == [(0, 1, 2, 3), (3, 4, 5, 6), (6, 7, 8)]
    assert [window.overlap for window in planned] == [3, 1, 1]


def test_one_frame_is_read_ahead_of_the_window() -> None:
    read = []

    def stream() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    for window in windows(stream(), 16, 8):
        assert len(read) <= window.frames[-1] + 2


class Plate:
    """Something that a weak reference can follow."""


def test_no_more_than_a_window_and_one_frame_live_at_once() -> None:
    living: weakref.WeakSet[Plate] = weakref.WeakSet()
    most = 0

    def stream() -> Iterator[Plate]:
        nonlocal most
        for _ in range(400):
            plate = Plate()
            living.add(plate)
            most = max(most, len(living))
            yield plate

    length, overlap = 16, 8
    count = 0
    for window in windows(stream(), length, overlap):
        count += len(window.final)
        # The overlap comes from the window that the loop still names; one frame is ahead.
        assert len(living) <= length + 1
        del window
    assert count == 400
    assert most <= length + 1
    assert not living


BAD = {
    "no frames": (0, 0, (), "at least 1 frame, not 0"),
    "overlap as long as the window": (4, 4, (), "between 0 and 3, not 4"),
    "negative overlap": (4, -1, (), "between 0 and 3, not -1"),
    "no room for new frames": (4, 2, (1, 2, 3, 4), "at most 3 frames"),
}


@pytest.mark.parametrize(("length", "overlap", "already", "says"), BAD.values(), ids=BAD.keys())
def test_plans_that_cannot_be_are_refused_before_a_frame_is_read(
    length: int, overlap: int, already: tuple[int, ...], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        windows(range(9), length, overlap, already)


def test_join_weights_are_a_ramp_strictly_between_the_windows() -> None:
    torch.testing.assert_close(join_weights(3), torch.tensor([0.25, 0.5, 0.75]))
    assert join_weights(0).shape == (0,)
    assert join_weights(8).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_join_fades_from_old_to_new_and_keeps_the_sums(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    old, new = (
        torch.rand(4, 3, 5, 6, generator=random, dtype=dtype).softmax(dim=1) for _ in range(2)
    )
    joined = blend(old, new)
    assert joined.dtype == dtype
    torch.testing.assert_close(joined.sum(dim=1), torch.ones(4, 5, 6, dtype=dtype))
    torch.testing.assert_close(joined[0], 0.8 * old[0] + 0.2 * new[0])
    torch.testing.assert_close(joined[3], 0.2 * old[3] + 0.8 * new[3])
    torch.testing.assert_close(blend(old, old), old)


def test_a_join_of_no_frames_is_empty() -> None:
    assert blend(torch.zeros(0, 3, 4, 4), torch.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4)


def test_windows_of_unlike_maps_are_not_joined() -> None:
    with pytest.raises(ShapeError, match=r"\[2, 3, 4, 4\] is needed"):
        blend(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 5))
