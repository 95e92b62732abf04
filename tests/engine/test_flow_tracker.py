"""Tracks by chained optical flow: where points go, when they are lost, and what is reused."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from smite_engine.flow_tracker import (
    FLOW_SIDE,
    DisFlow,
    FlowTracker,
    comes_back,
    consistent,
    sample,
    small_picture,
)
from smite_engine.metrics import iou
from smite_engine.tracks import Tracks, cell_centres, distances


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft noise, float32 [height, width, 3] in 0..1."""
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (soft - soft.min()) / (soft.max() - soft.min())


def sliding(count: int, step: tuple[int, int], height: int = 96, width: int = 160) -> list:
    """A textured ground that moves by ``step`` (x, y) pixels a frame."""
    margin = count * max(abs(step[0]), abs(step[1]))
    ground = texture(height + 2 * margin, width + 2 * margin)
    views = []
    for number in range(count):
        left, top = margin - number * step[0], margin - number * step[1]
        views.append(ground[top : top + height, left : left + width].copy())
    return views


def dis() -> FlowTracker:
    return FlowTracker("dis", DisFlow())


class Flow:
    """A flow function that gives what it is told, and counts."""

    def __init__(self, *moves: tuple[float, float]) -> None:
        self.moves = moves
        self.calls: list[tuple[int, int]] = []

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        first, second = int(a[0, 0, 0]), int(b[0, 0, 0])
        self.calls.append((first, second))
        sign = 1 if second > first else -1
        move = self.moves[min(first, second)] if self.moves else (0.0, 0.0)
        return np.full((*a.shape[:2], 2), np.float32(sign) * np.float32(move), np.float32)


def numbered(*numbers: int, height: int = 20, width: int = 40) -> list[np.ndarray]:
    """Frames whose colour, in 1/255, is their number."""
    return [np.full((height, width, 3), n / 255, np.float32) for n in numbers]


def part(tracks: Tracks, first: int, end: int) -> Tracks:
    return Tracks(tracks.positions[first:end, first:end], tracks.visible[first:end, first:end])


def same(a: Tracks, b: Tracks) -> bool:
    return torch.equal(a.positions, b.positions) and torch.equal(a.visible, b.visible)


def test_points_of_a_still_picture_stay_where_they_are() -> None:
    still = texture(54, 96)
    tracks = dis().track([still.copy() for _ in range(4)], (7, 12), 3)
    assert tracks.positions.dtype == torch.float32
    assert torch.equal(tracks.positions, cell_centres((7, 12)).expand(4, 4, 84, 2))
    assert tracks.visible.all()


@pytest.mark.parametrize("step", [(3, 0), (-2, 3)])
def test_points_move_with_the_picture(step: tuple[int, int]) -> None:
    tracks = dis().track(sliding(5, step), (12, 20), 4)
    numbers = torch.arange(5.0)
    moved = (numbers[None] - numbers[:, None])[..., None] * torch.tensor(step) / 8
    expected = cell_centres((12, 20)) + moved[:, :, None]
    error = (tracks.positions - expected).norm(dim=-1)
    assert float(error[tracks.visible].max()) < 0.1
    assert float(error[tracks.visible].median()) < 0.01
    within = ((expected >= 0.5) & (expected < torch.tensor([18.5, 10.5]))).all(dim=-1)
    assert float(tracks.visible[within].float().mean()) > 0.97
    beyond = ((expected < -1) | (expected > torch.tensor([20.0, 12.0]))).any(dim=-1)
    assert int(beyond.sum()) > 30
    assert not tracks.visible[beyond].any()


def test_points_are_lost_while_something_covers_them() -> None:
    ground, thing = texture(96, 160, 1), texture(48, 48, 2)
    views, covered = [], []
    for number in range(9):
        view, mask = ground.copy(), np.zeros((96, 160), np.float32)
        left = 16 + 4 * number
        view[24:72, left : left + 48] = thing
        mask[24:72, left : left + 48] = 1
        views.append(view)
        covered.append(torch.from_numpy(cv2.resize(mask, (20, 12), interpolation=cv2.INTER_AREA)))
    tracks = dis().track(views, (12, 20), 8)
    first, last = covered[0].flatten(), covered[8].flatten()
    for seen, free, under in ((tracks.visible[0, 8], first, last),
                              (tracks.visible[8, 0], last, first)):  # fmt: skip
        goes_under = (free == 0) & (under == 1)
        assert int(goes_under.sum()) == 24
        assert float(seen[goes_under].float().mean()) < 0.15
    stays = torch.stack(covered).flatten(1).amax(dim=0) == 0
    assert float(tracks.visible[0, :, stays].float().mean()) > 0.95
    assert float(tracks.visible[0, 8][first == 1].float().mean()) > 0.9
    carried = (tracks.positions[0, 8] - cell_centres((12, 20)))[first == 1]
    assert float((carried - torch.tensor([4.0, 0.0])).norm(dim=-1).median()) < 0.25


def test_points_that_end_where_another_began_are_lost() -> None:
    cells = cell_centres((1, 4))[None]
    pushed = cells + torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.7, 0.0]])
    assert comes_back(pushed, cells, (1, 4)).tolist() == [[True, False, True, True]]
    assert comes_back(pushed, 2 * cells, (1, 4)).tolist() == [[True, False, False, False]]


def test_a_point_once_lost_stays_lost_in_that_direction() -> None:
    tracks = FlowTracker("fake", Flow((0, 0), (25, 0), (-25, 0))).track(
        numbered(0, 1, 2, 3), (2, 4), 3
    )
    # 25 of 40 pixels to the right and back: beyond the right edge for the right half
    assert tracks.visible[0, 1].all()
    assert tracks.visible[0, 2].tolist() == [True, False, False, False] * 2
    assert tracks.visible[0, 3].tolist() == [True, False, False, False] * 2
    assert torch.equal(tracks.positions[0, 3], cell_centres((2, 4)))
    assert tracks.visible[2, 1].tolist() == [False, False, True, True] * 2


def test_flows_that_disagree_lose_the_point() -> None:
    forth = torch.tensor([[10.0, 0.0], [10.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    back = torch.tensor([[-9.0, 0.0], [-8.0, 0.0], [1.4, 0.0], [1.5, 0.0]])
    assert consistent(forth, back).tolist() == [True, False, True, False]


def test_flow_is_read_between_pixels() -> None:
    rng = np.random.default_rng(4)
    flow = rng.normal(size=(9, 13, 2)).astype(np.float32)
    cells = rng.uniform(-1, 5, (3, 50, 2)).astype(np.float32)
    found = sample(torch.from_numpy(flow).permute(2, 0, 1), torch.from_numpy(cells), (4, 5))
    for which in np.ndindex(3, 50):
        x = np.clip((cells[which][0] + 0.5) * 13 / 5 - 0.5, 0, 12).item()
        y = np.clip((cells[which][1] + 0.5) * 9 / 4 - 0.5, 0, 8).item()
        left, top = min(int(x), 11), min(int(y), 7)
        a, b = x - left, y - top
        upper = (1 - a) * flow[top, left] + a * flow[top, left + 1]
        lower = (1 - a) * flow[top + 1, left] + a * flow[top + 1, left + 1]
        assert found[which].tolist() == pytest.approx(
            ((1 - b) * upper + b * lower).tolist(), abs=2e-5
        )


@pytest.mark.parametrize("reach", [0, 1, 2, 9])
def test_only_pairs_within_reach_are_followed(reach: int) -> None:
    tracks = FlowTracker("fake", Flow((4, 0), (4, 0), (4, 0), (4, 0))).track(
        numbered(0, 1, 2, 3, 4), (2, 10), reach
    )
    near = distances(5) <= reach
    assert torch.equal(tracks.visible.any(dim=2), near)
    steps = torch.arange(5.0)[None] - torch.arange(5.0)[:, None]
    expected = cell_centres((2, 10)) + (steps * near)[..., None, None] * torch.tensor([1.0, 0.0])
    assert torch.allclose(tracks.positions, expected, atol=1e-5)


def test_one_frame_needs_no_flow() -> None:
    flow = Flow()
    tracks = FlowTracker("fake", flow).track(numbered(0), (3, 4), 15)
    assert flow.calls == []
    assert torch.equal(tracks.positions[0, 0], cell_centres((3, 4)))
    assert tracks.visible.all()


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (12, 40), (16, 16), (17, 33), (45, 8), (7, 900)])
def test_pictures_of_any_size_are_tracked(size: tuple[int, int]) -> None:
    still = texture(*size) if min(size) > 1 else np.full((*size, 3), 0.5, np.float32)
    tracks = dis().track([still, still.copy()], (3, 5), 1)
    assert torch.equal(tracks.positions, cell_centres((3, 5)).expand(2, 2, 15, 2))
    assert tracks.visible.all()


def test_the_pictures_of_the_flow_are_bounded_and_keep_the_aspect() -> None:
    assert small_picture(np.zeros((854, 480, 3), np.float32), FLOW_SIDE).shape == (480, 270, 3)
    assert small_picture(np.zeros((31, 17, 3), np.float32), FLOW_SIDE).shape == (31, 17, 3)
    assert small_picture(np.zeros((2, 4000, 3), np.float32), FLOW_SIDE).shape == (1, 480, 3)
    odd = small_picture(np.array([[[-1.0, np.nan, 2.0]]], np.float32), FLOW_SIDE)
    assert odd.tolist() == [[[0, 0, 255]]]


def test_each_flow_is_computed_once_and_kept_for_one_window() -> None:
    flow = Flow()
    tracker = FlowTracker("fake", flow)
    first = tracker.track(numbered(0, 1, 2, 3), (2, 4), 3)
    assert sorted(flow.calls) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)]
    flow.calls.clear()
    tracker.track(numbered(2, 3, 4), (2, 4), 3, part(first, 2, 4))
    assert sorted(flow.calls) == [(3, 4), (4, 3)]
    flow.calls.clear()
    tracker.track(numbered(0, 1), (2, 4), 3)
    assert sorted(flow.calls) == [(0, 1), (1, 0)]


def test_a_frame_that_was_painted_over_is_computed_anew() -> None:
    tracker = dis()
    views = sliding(2, (3, 0))
    tracker.track(views, (12, 20), 1)
    views[1][:] = views[0]
    again = tracker.track(views, (12, 20), 1)
    assert torch.equal(again.positions, cell_centres((12, 20)).expand(2, 2, 240, 2))


def test_known_pairs_are_copied_and_the_others_come_out_the_same() -> None:
    views = sliding(7, (3, -1))
    whole = dis().track(views, (12, 20), 4)
    tracker = dis()
    before = tracker.track(views[:5], (12, 20), 4)
    assert same(before, part(whole, 0, 5))
    after = tracker.track(views[2:], (12, 20), 4, part(before, 2, 5))
    assert same(after, part(whole, 2, 7))


def test_known_pairs_are_not_computed() -> None:
    views = numbered(0, 1, 2)
    told = FlowTracker("fake", Flow((0, 0), (0, 0))).track(views[:2], (2, 4), 2)
    told.positions[0, 1] += 0.25
    told.visible[1, 0] = False
    tracks = FlowTracker("fake", Flow((0, 0), (0, 0))).track(views, (2, 4), 2, told)
    assert same(part(tracks, 0, 2), told)
    # the chain goes on from what is known; frame 2 is new, and its own chain is computed
    assert torch.equal(tracks.positions[0, 2], cell_centres((2, 4)) + 0.25)
    assert torch.equal(tracks.positions[2, 0], cell_centres((2, 4)))
    assert tracks.visible[2, 0].all()


def test_tracks_are_the_same_bits_twice() -> None:
    views = sliding(4, (2, 1))
    assert same(dis().track(views, (12, 20), 3), dis().track(views, (12, 20), 3))
    tracker = dis()
    assert same(tracker.track(views, (12, 20), 3), tracker.track(views, (12, 20), 3))


def test_frames_are_left_as_they_are() -> None:
    views = sliding(3, (2, 1))
    copies = [view.copy() for view in views]
    dis().track(views, (12, 20), 2)
    assert all(np.array_equal(view, copy) for view, copy in zip(views, copies, strict=True))


def horses(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames float32 and bool masks on 27 x 48 cells; skips where the footage is absent."""
    shared = Path(os.environ.get("SMITE_SHARED", Path(__file__).parents[3] / "shared"))
    clip = shared / "clips" / "davis" / "horsejump-high"
    if not clip.exists():
        pytest.skip(f"no footage at {clip} (SMITE_SHARED names the folder)")
    views, masks = [], []
    for number in range(count):
        view = cv2.imread(str(clip / "JPEGImages" / f"{number:05d}.jpg"))[..., ::-1]
        mask = cv2.imread(str(clip / "Annotations" / f"{number:05d}.png"), 0) > 0
        views.append(np.ascontiguousarray(view, dtype=np.float32) / 255)
        share = cv2.resize(mask.astype(np.float32), (48, 27), interpolation=cv2.INTER_AREA)
        masks.append(share > 0.5)
    return views, masks


def test_points_stay_on_a_jumping_horse() -> None:
    views, masks = horses(8)
    tracks = dis().track(views, (27, 48), 7)
    on_horse = torch.from_numpy(masks[0]).flatten()
    for number in (1, 4, 7):
        seen = tracks.visible[0, number] & on_horse
        assert int(seen.sum()) > 0.5 * int(on_horse.sum())
        x, y = tracks.positions[0, number][seen].round().long().unbind(dim=1)
        assert float(np.mean(masks[number][y, x])) > 0.85
        x, y = tracks.positions[number, 0].round().long().unbind(dim=1)
        x, y = x.clamp(0, 47), y.clamp(0, 26)
        carried = (masks[0][y, x] & tracks.visible[number, 0].numpy()).reshape(27, 48)
        assert iou(carried, masks[number]) > iou(masks[0], masks[number]) + 0.05
