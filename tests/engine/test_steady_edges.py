"""Edges over time: still where the plate is still, new where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from smite_engine import FrameMaps
from smite_engine.alphas import partition
from smite_engine.cell_means import cell_means
from smite_engine.edge_settings import EDGES, EdgeSettings
from smite_engine.edges import ShotEdges
from smite_engine.errors import ShapeError
from smite_engine.steady_edges import steadied

SIZE, GRID = (64, 96), (8, 12)


def edge_at(x: float) -> torch.Tensor:
    """Alphas [2, H, W] of a vertical edge with one pixel of partial coverage."""
    share = (torch.arange(SIZE[1]) + 1.0 - x).clamp(0, 1).expand(SIZE)
    return torch.stack([1 - share, share])


def plate_of(alphas: torch.Tensor) -> torch.Tensor:
    """The plate [3, H, W]: a pattern of low frequency on both sides, so that flow finds it."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    pattern = 0.06 * torch.sin(0.5 * x + 0.3 * y)
    return (0.25 + pattern + 0.5 * alphas[1]).expand(3, *SIZE).clone()


def no_flow() -> torch.Tensor:
    return torch.zeros(2, 16, 24)


def test_flicker_on_a_still_plate_is_held_back() -> None:
    before, plate = edge_at(48), plate_of(edge_at(48))
    new = partition(before + 0.2 * torch.randn(before.shape, generator=_seeded(1)))
    held = steadied(new.clone(), before, (plate, plate), no_flow(), 0.9)
    assert torch.allclose(held - before, 0.1 * (new - before), atol=1e-5)
    assert torch.allclose(held.sum(dim=0), torch.ones(SIZE), atol=1e-5)


def test_grain_is_no_change() -> None:
    before, plate = edge_at(48), plate_of(edge_at(48))
    grain = [0.01 * torch.randn(plate.shape, generator=_seeded(n)) for n in (2, 3)]
    new = edge_at(49)
    held = steadied(new.clone(), before, (plate + grain[0], plate + grain[1]), no_flow(), 0.9)
    assert float((held - before).abs().sum()) < 0.3 * float((new - before).abs().sum())


def test_where_the_plate_changes_the_matte_does() -> None:
    before, new = edge_at(40), edge_at(56)
    held = steadied(new.clone(), before, (plate_of(new), plate_of(before)), no_flow(), 0.9)
    changed = slice(43, 53)
    assert torch.equal(held[..., changed], new[..., changed])


def test_a_moving_edge_is_carried_along_the_flow() -> None:
    before, new = edge_at(40), edge_at(44)
    flow = no_flow()
    flow[0] = -4 * 24 / SIZE[1]  # This frame's pixels were 4 pixels to the left.
    moved = plate_of(before).roll(4, dims=2)
    flickering = partition(new + 0.2 * torch.randn(new.shape, generator=_seeded(4)))
    held = steadied(flickering.clone(), before, (moved, plate_of(before)), flow, 0.8)
    inner = (slice(None), slice(None), slice(8, -8))
    error, flicker = ((x - new)[inner].abs().mean() for x in (held, flickering))
    assert float(error) < 0.75 * float(flicker)


def test_what_comes_from_outside_the_picture_is_new() -> None:
    before = edge_at(0)  # The part is everywhere.
    new, flow = edge_at(200), no_flow()
    flow[0] = -12.0  # Half a picture.
    grey = torch.full((3, *SIZE), 0.5)
    held = steadied(new.clone(), before, (grey, grey), flow, 0.9)
    assert torch.equal(held[..., :46], new[..., :46])
    assert float(held[1, :, 50:].min()) > 0.4


def test_blocks_change_nothing() -> None:
    before, new = edge_at(40), edge_at(42)
    flow = 0.6 * torch.randn(2, 16, 24, generator=_seeded(5))
    images = plate_of(new), plate_of(before)
    whole = steadied(new.clone(), before, images, flow, 0.7, block=512)
    assert torch.allclose(
        steadied(new.clone(), before, images, flow, 0.7, block=32), whole, atol=1e-5
    )


def test_other_sizes_are_told() -> None:
    plate = plate_of(edge_at(4))
    with pytest.raises(ShapeError, match="mattes before"):
        steadied(edge_at(4), edge_at(4)[:1], (plate, plate), no_flow(), 0.9)


@pytest.mark.parametrize("edges", EDGES)
def test_a_still_shot_is_steady(edges: str) -> None:
    """Maps that flicker by a few percent on a plate that stands still, with grain."""
    plate, maps = plate_of(edge_at(45.5)), cell_means(edge_at(45.5), GRID)
    shot, last, changes = ShotEdges(EdgeSettings(edges=edges)), None, []
    for number in range(5):
        flickering = maps + 0.05 * torch.rand(maps.shape, generator=_seeded(number))
        probabilities = (flickering / flickering.sum(dim=0)).numpy()
        grain = 0.005 * torch.randn(plate.shape, generator=_seeded(50 + number))
        image = (plate + grain).movedim(0, -1).numpy()
        mattes = shot.mattes(FrameMaps(number, probabilities, 1.0), image)
        assert mattes.shape == (1, *SIZE)
        assert mattes.dtype == np.float32
        if last is not None:
            changes.append(float(np.abs(mattes - last).mean()))
        last = mattes
    assert max(changes) <= 0.01


def test_a_gap_or_another_size_starts_anew() -> None:
    maps = cell_means(edge_at(40), GRID).numpy()
    other = cell_means(edge_at(60), GRID).numpy()
    image = plate_of(edge_at(40)).movedim(0, -1).numpy()
    shot, fresh = ShotEdges(EdgeSettings()), ShotEdges(EdgeSettings(steadiness=0))
    shot.mattes(FrameMaps(1, maps, 1.0), image)
    expected = fresh.mattes(FrameMaps(7, other, 1.0), image)
    assert np.array_equal(shot.mattes(FrameMaps(7, other, 1.0), image), expected)
    held = shot.mattes(FrameMaps(8, maps, 1.0), image)
    assert not np.array_equal(held, fresh.mattes(FrameMaps(8, maps, 1.0), image))
    assert shot.mattes(FrameMaps(9, maps, 1.0), image[:40]).shape == (1, 40, SIZE[1])


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize(
    ("parts", "grid", "size"),
    [
        (2, (9, 16), (1, 40)),
        (2, (9, 16), (40, 1)),
        (2, (4, 4), (1, 1)),
        (3, (40, 30), (9, 7)),
        (5, (14, 8), (67, 39)),
    ],
    ids=["one row", "one column", "one pixel", "maps larger than the plate", "odd portrait"],
)
def test_a_shot_of_any_size(
    edges: str, parts: int, grid: tuple[int, int], size: tuple[int, int]
) -> None:
    """Two frames, so that flow is looked for too."""
    shot = ShotEdges(EdgeSettings(edges=edges))
    for number in (1, 2):
        maps = torch.rand(parts, *grid, generator=_seeded(number)).softmax(dim=0).numpy()
        image = torch.rand(*size, 3, generator=_seeded(3)).numpy()
        mattes = shot.mattes(FrameMaps(number, maps, 1.0), image)
        assert mattes.shape == (parts - 1, *size)
        assert np.isfinite(mattes).all()
        assert mattes.min() >= 0
        assert mattes.sum(axis=0).max() <= 1 + 1e-5


@pytest.mark.parametrize("edges", EDGES)
def test_a_squeezed_plate_has_the_mattes_of_a_square_one_squeezed(edges: str) -> None:
    """Pixel aspect 2: the engine saw twice the width, mattes are made on the plate's own pixels."""
    square = edge_at(45)
    maps = FrameMaps(1, cell_means(square, GRID).numpy(), 1.0)
    size = (SIZE[0], SIZE[1] // 2)
    squeezed = cell_means(square, size)
    image = cell_means(plate_of(square), size).movedim(0, -1).numpy()
    mattes = ShotEdges(EdgeSettings(edges=edges)).mattes(maps, image)
    assert mattes.shape == (1, *size)
    assert float(np.abs(mattes[0] - squeezed[1].numpy()).mean()) < 0.02


def moving_shot(count: int) -> list[tuple[FrameMaps, np.ndarray]]:
    """Frames of an edge that moves, of maps that flicker and a plate with grain."""
    frames = []
    for number in range(count):
        alphas = edge_at(40 + 1.5 * number)
        maps = cell_means(alphas, GRID) + 0.1 * torch.rand(2, *GRID, generator=_seeded(number))
        grain = 0.005 * torch.randn(3, *SIZE, generator=_seeded(50 + number))
        image = (plate_of(alphas) + grain).clamp(0, 1).movedim(0, -1).numpy()
        image = np.ascontiguousarray(image)  # Rows of pixels, as readers give them.
        frames.append((FrameMaps(number, (maps / maps.sum(dim=0)).numpy(), 1.0), image))
    return frames


@pytest.mark.parametrize("edges", EDGES)
def test_a_stopped_shot_goes_on_to_the_same_bits(edges: str) -> None:
    """The state goes through JSON and a safetensors file, as a checkpoint does."""
    frames, settings = moving_shot(5), EdgeSettings(edges=edges)
    whole = ShotEdges(settings)
    expected = [whole.mattes(*frame) for frame in frames]
    first, second = ShotEdges(settings), ShotEdges(settings)
    for frame in frames[:3]:
        first.mattes(*frame)
    notes, arrays = first.state()
    second.restore(json.loads(json.dumps(notes)), load(save(arrays)))
    for frame, matte in zip(frames[3:], expected[3:], strict=True):
        assert np.array_equal(second.mattes(*frame), matte)
    fresh = ShotEdges(settings)
    assert not np.array_equal(fresh.mattes(*frames[3]), expected[3])


def test_a_shot_that_has_not_begun_has_no_state() -> None:
    frames = moving_shot(2)
    shot = ShotEdges(EdgeSettings())
    assert shot.state() == ({}, {})
    shot.mattes(*frames[0])
    shot.restore({}, {})
    fresh = ShotEdges(EdgeSettings())
    assert np.array_equal(shot.mattes(*frames[1]), fresh.mattes(*frames[1]))


@pytest.mark.parametrize(
    ("name", "damage", "error"),
    [
        ("alphas", lambda array: array[:-9], ValueError),
        ("alphas", lambda array: array[::-1], ValueError),
        ("image", lambda array: array[:, 1:], ValueError),
        ("image", lambda array: array.astype(np.float32), ValueError),
        ("small", lambda array: array[0], ValueError),
        ("small", None, KeyError),
    ],
    ids=["cut", "turned", "other size", "other type", "flat", "missing"],
)
def test_a_damaged_state_is_told(
    name: str, damage: Callable[[np.ndarray], np.ndarray] | None, error: type[Exception]
) -> None:
    shot = ShotEdges(EdgeSettings())
    shot.mattes(*moving_shot(1)[0])
    notes, arrays = shot.state()
    if damage is None:
        del arrays[name]
    else:
        arrays[name] = damage(arrays[name])
    with pytest.raises(error):
        shot.restore(notes, arrays)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
