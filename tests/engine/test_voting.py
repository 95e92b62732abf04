"""Temporal voting: by hand, against a plain loop, and at the edges of clips and grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_engine.errors import SettingsError, ShapeError
from smite_engine.voting import vote, window_of


def standing(frames: int, height: int, width: int) -> torch.Tensor:
    """Tracks of points that do not move: [F, F, P, 2]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([x, y], dim=-1).reshape(-1, 2)
    return grid.expand(frames, frames, -1, -1).clone()


def all_seen(frames: int, points: int) -> torch.Tensor:
    return torch.ones(frames, frames, points, dtype=torch.bool)


def slow_vote(was: np.ndarray, tracks: np.ndarray, seen: np.ndarray, window: int) -> np.ndarray:
    """Algorithm 1, point by point; ``tracks`` are whole numbers, those outside are not seen."""
    frames, tokens, height, width = was.shape
    voted = was.copy()
    length = min(window, frames)
    for i in range(frames):
        first = min(max(i - window // 2, 0), frames - length)
        for p in range(height * width):
            ballots: dict[int, list[np.ndarray]] = {label: [] for label in range(tokens)}
            for j in range(first, first + length):
                x, y = tracks[i, j, p]
                if seen[i, j, p] and 0 <= x < width and 0 <= y < height:
                    vector = was[j, :, y, x]
                    ballots[int(vector.argmax())].append(vector)
            winner = max(ballots, key=lambda label: (len(ballots[label]), -label))
            x, y = tracks[i, i, p]
            if ballots[winner] and 0 <= x < width and 0 <= y < height:
                voted[i, :, y, x] = np.mean(ballots[winner], axis=0)
    return voted


@settings(deadline=None, max_examples=80)
@given(
    frames=st.integers(1, 6),
    tokens=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    window=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
def test_voting_is_the_slow_voting(
    frames: int, tokens: int, height: int, width: int, window: int, seed: int
) -> None:
    """Also where own positions collide or lie outside, and where points are seen nowhere."""
    rng = np.random.default_rng(seed)
    was = rng.integers(-8, 8, (frames, tokens, height, width)).astype(np.float32)
    tracks = rng.integers(-1, 5, (frames, frames, height * width, 2))
    seen = rng.random((frames, frames, height * width)) < rng.choice([0.1, 0.6, 1.0])
    actual = vote(*(torch.from_numpy(a) for a in (was, tracks, seen)), window)
    expected = slow_vote(was, tracks, seen, window)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_the_majority_wins_and_its_own_vectors_are_averaged() -> None:
    # One cell, three frames: two hold label 1 with different vectors, one holds label 0.
    was = torch.tensor([[0.1, 0.9], [0.3, 0.5], [1.0, 0.0]]).reshape(3, 2, 1, 1)
    voted = vote(was, standing(3, 1, 1), all_seen(3, 1), 3)
    torch.testing.assert_close(voted.flatten(1), torch.tensor([[0.2, 0.7]]).expand(3, 2))


def test_a_tie_goes_to_the_lowest_label() -> None:
    was = torch.tensor([[0.0, 0.1, 0.9], [0.0, 0.8, 0.2]]).reshape(2, 3, 1, 1)
    voted = vote(was, standing(2, 1, 1), all_seen(2, 1), 2)
    torch.testing.assert_close(voted.flatten(1), torch.tensor([[0.0, 0.8, 0.2]]).expand(2, 3))
    level = torch.full((1, 3, 1, 1), 0.5)  # The maximum of a vector may be tied as well.
    level[:, 0] = 0.1
    second = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    voted = vote(torch.cat([level, second]), standing(2, 1, 1), all_seen(2, 1), 2)
    torch.testing.assert_close(voted[1], level[0])


def test_votes_follow_the_track() -> None:
    """A point that moves one cell to the right per frame keeps its vector all along."""
    frames, width = 4, 8
    was = torch.zeros(frames, 2, 1, width)
    was[:, 0] = 1
    for frame in range(frames):
        was[frame, :, 0, 2 + frame] = torch.tensor([0.0, 1.0 + frame])
    tracks = standing(frames, 1, width)
    for i in range(frames):
        for j in range(frames):
            tracks[i, j, :, 0] += j - i
    voted = vote(was, tracks, all_seen(frames, width), frames)
    for frame in range(frames):
        assert voted[frame, :, 0, 2 + frame].tolist() == [0.0, 2.5]


def test_a_clip_of_one_frame_stays_what_it_is() -> None:
    was = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(vote(was, standing(1, 4, 5), all_seen(1, 20), 15), was)


def test_points_that_are_seen_nowhere_keep_their_vector() -> None:
    was = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    seen = all_seen(5, 16)
    seen[2, :, 7] = False
    voted = vote(was, standing(5, 4, 4), seen, 5).flatten(2)
    assert torch.equal(voted[2, :, 7], was.flatten(2)[2, :, 7])
    assert not torch.equal(voted[2, :, 6], was.flatten(2)[2, :, 6])
    outside = standing(5, 4, 4).float() + 100
    assert torch.equal(vote(was, outside, all_seen(5, 16), 5), was)


def test_the_last_point_that_falls_on_a_pixel_wins() -> None:
    was = torch.arange(6.0).reshape(1, 1, 2, 3)
    tracks = torch.ones(1, 1, 6, 2)  # all on the middle of the lower row
    voted = vote(was, tracks, all_seen(1, 6), 1)
    assert torch.equal(voted, was)
    # Frame 0 sees each point somewhere else in frame 1; in frame 0 all lie on one pixel.
    clip = torch.stack([was[0], was[0] + 10])
    both = standing(2, 2, 3).float()
    both[0, 0] = 1
    unseen = all_seen(2, 6)
    unseen[:, 0] = False
    unseen[0, 1, 5] = False  # The last point is seen nowhere, so the one before it is the last.
    assert vote(clip, both, unseen, 2)[0].flatten().tolist() == [0, 1, 2, 3, 14, 5]


@pytest.mark.parametrize(
    ("frame", "frames", "window", "expected"),
    [
        pytest.param(10, 20, 15, (3, 18), id="odd: seven to each side"),
        pytest.param(10, 20, 4, (8, 12), id="even: one more before"),
        pytest.param(0, 20, 15, (0, 15), id="shifted at the start"),
        pytest.param(19, 20, 15, (5, 20), id="shifted at the end"),
        pytest.param(19, 20, 4, (16, 20), id="even, shifted at the end"),
        pytest.param(3, 5, 15, (0, 5), id="longer than the clip"),
        pytest.param(3, 5, 1, (3, 4), id="one frame"),
        pytest.param(0, 1, 6, (0, 1), id="a clip of one frame"),
    ],
)
def test_windows_are_shifted_to_stay_inside_the_clip(
    frame: int, frames: int, window: int, expected: tuple[int, int]
) -> None:
    assert window_of(frame, frames, window) == slice(*expected)


def test_positions_are_rounded_to_the_nearest_cell() -> None:
    was = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    whole = torch.randint(-1, 6, (3, 3, 30, 2), generator=torch.Generator().manual_seed(1))
    whole[range(3), range(3)] = standing(1, 5, 6)[0, 0]
    near = whole + (torch.rand(whole.shape, generator=torch.Generator().manual_seed(2)) - 0.5) * 0.9
    expected = vote(was, whole, all_seen(3, 30), 3)
    for positions in (near, near.double(), near.to(torch.bfloat16), whole.short()):
        assert torch.equal(vote(was, positions, all_seen(3, 30), 3), expected)
    near[1, 2, 3] = torch.nan
    hidden = all_seen(3, 30)
    hidden[1, 2, 3] = False
    assert torch.equal(vote(was, near, all_seen(3, 30), 3), vote(was, whole, hidden, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_the_result_has_the_type_of_the_maps_and_no_gradient(dtype: torch.dtype) -> None:
    was = torch.randn(3, 4, 5, 6, dtype=torch.float64).to(dtype).requires_grad_()
    voted = vote(was, standing(3, 5, 6), all_seen(3, 30), 3)
    assert voted.dtype == dtype
    assert voted.shape == was.shape
    assert not voted.requires_grad


def test_what_does_not_fit_is_refused() -> None:
    was, tracks, seen = torch.zeros(2, 3, 4, 4), standing(2, 4, 4), all_seen(2, 16)
    with pytest.raises(ShapeError, match=r"tracks has shape \[2, 2, 16, 2\].*\[3, 3, 16, 2\]"):
        vote(torch.zeros(3, 3, 4, 4), tracks, seen, 3)
    with pytest.raises(ShapeError, match="visibility"):
        vote(was, tracks, seen.float(), 3)
    with pytest.raises(ShapeError, match="the maps to vote on"):
        vote(was[0], tracks, seen, 3)
    with pytest.raises(ShapeError, match="not empty"):
        vote(was[:, :0], tracks, seen, 3)
    with pytest.raises(SettingsError, match="at least 1 frame, not 0"):
        vote(was, tracks, seen, 0)
