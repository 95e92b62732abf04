"""Tiles cover every picture; pasted regions lie where they were cut, and are averaged."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_engine.boxes import WHOLE, Box
from smite_engine.errors import SettingsError, ShapeError
from smite_engine.tiles import paste, tile_weights, tiles

PLATES = {
    "uhd": (2160, 3840, 512 * 512, (3, 3)),
    "hd": (1080, 1920, 640 * 512, (2, 3)),
    "hd, large canvas": (1080, 1920, 1024 * 1024, (1, 2)),
    "scope": (858, 2048, 512 * 512, (2, 3)),
    "panorama": (1000, 6000, 1024 * 1024, (1, 3)),
    "portrait": (1920, 1080, 640 * 512, (3, 2)),
    "davis, as large as the canvas": (480, 854, 640 * 512, (1, 1)),
    "tiny": (24, 40, 512 * 512, (1, 1)),
    "strip that fits": (100, 1600, 512 * 512, (1, 1)),
}
PICTURES = st.tuples(st.integers(32, 3000), st.integers(32, 3000))


def counted(found: list[Box]) -> tuple[int, int]:
    """(rows, columns) of tiles."""
    return len({box.top for box in found}), len({box.left for box in found})


@pytest.mark.parametrize(("height", "width", "area", "grid"), PLATES.values(), ids=PLATES.keys())
def test_tiles_of_real_plates(height: int, width: int, area: int, grid: tuple[int, int]) -> None:
    found = tiles(height, width, area)
    assert counted(found) == grid
    assert len(found) == grid[0] * grid[1]
    if len(found) == 1:
        assert found == [WHOLE]


@settings(deadline=None)
@given(PICTURES, st.integers(64, 1024), st.sampled_from([0.05, 0.25, 0.5]), st.integers(1, 3))
def test_tiles_of_one_size_cover_the_picture_and_overlap(
    picture: tuple[int, int], side: int, overlap: float, most: int
) -> None:
    found = tiles(*picture, side * side, overlap=overlap, most=most)
    spans = [box.pixels(*picture) for box in found]
    assert len({(rows.stop - rows.start, cols.stop - cols.start) for rows, cols in spans}) == 1
    assert [box.snapped(*picture) for box in found] == found
    assert max(counted(found)) <= most
    for axis, length in enumerate(picture):
        edges = sorted({(span[axis].start, span[axis].stop) for span in spans})
        assert edges[0][0] == 0
        assert edges[-1][1] == length
        steps = [later[0] - former[0] for former, later in pairwise(edges)]
        assert max(steps, default=0) - min(steps, default=0) <= 1
        for former, later in pairwise(edges):
            shared = former[1] - later[0]
            assert shared >= math.floor(overlap * (former[1] - former[0]))


@settings(deadline=None, max_examples=40)
@given(PICTURES, st.integers(64, 512), st.sampled_from([(64, 64), (37, 90), (5, 7)]))
def test_every_cell_of_the_picture_counts_in_some_tile(
    picture: tuple[int, int], side: int, grid: tuple[int, int]
) -> None:
    found = tiles(*picture, side * side)
    weights = torch.stack([tile_weights(*grid, box) for box in found])
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert weights.sum(dim=0).min() > 0.1


def test_weights_fall_towards_other_tiles_and_not_towards_the_pictures_border() -> None:
    weights = tile_weights(40, 40, Box(0.0, 0.0, 0.5, 0.5), ramp=0.5)
    assert weights[0, 0] == 1
    assert (weights[20:] == 0).all()
    assert (weights[:, 20:] == 0).all()
    profile = weights[0, :20]
    assert (profile[:10] == 1).all()
    assert (profile[10:].diff() < 0).all()
    # Raised cosine: half of the ramp's way down, half of the weight.
    torch.testing.assert_close((profile[14] + profile[15]) / 2, torch.tensor(0.5))
    torch.testing.assert_close(weights, weights[:, :1] @ weights[:1])


def test_tiles_that_share_a_ramp_fade_into_each_other() -> None:
    left, right = Box(0, 0, 1, 0.6), Box(0, 0.4, 1, 1)
    total = sum(tile_weights(1, 50, box, ramp=1 / 3) for box in (left, right))
    torch.testing.assert_close(total, torch.ones(1, 50))


def ramp(height: int, width: int, box: Box = WHOLE) -> torch.Tensor:
    """[1, 3, h, w]: part 1 rises with the picture's x from 0 to 1/2, part 2 with y likewise."""
    rows = box.top + (torch.arange(height) + 0.5) / height * box.height
    columns = box.left + (torch.arange(width) + 0.5) / width * box.width
    y, x = torch.meshgrid(rows / 2, columns / 2, indexing="ij")
    return torch.stack([1 - x - y, x, y])[None]


def interior(box: Box, region: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """The picture's cells that lie between the centres of the region's outermost cells."""
    spans = []
    edges = ((box.top, box.bottom), (box.left, box.right))
    for (start, end), cells, length in zip(edges, region, size, strict=True):
        half = (end - start) / cells / 2
        first = math.ceil((start + half) * length - 0.5 - 1e-9)
        spans.append(slice(first, math.floor((end - half) * length - 0.5 + 1e-9) + 1))
    return spans[0], spans[1]


def test_a_region_of_the_whole_picture_in_its_own_grid_stays_as_it_is() -> None:
    maps = torch.rand(3, 5, 12, 20, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    torch.testing.assert_close(paste([maps], [WHOLE], (12, 20)), maps)


def test_a_region_whose_cells_are_the_pictures_is_copied_to_its_place() -> None:
    maps = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    pasted = paste([maps], [Box.of_pixels(5, 8, (4, 6), (16, 24))], (16, 24))
    torch.testing.assert_close(pasted[:, :, 5:9, 8:14], maps)
    around = pasted.clone()
    around[:, :, 5:9, 8:14] = torch.tensor([1.0, 0, 0])[:, None, None]
    assert torch.equal(around[:, 0], torch.ones(2, 16, 24))
    assert torch.equal(around[:, 1:], torch.zeros(2, 2, 16, 24))


REGIONS = {
    "enlarged": (Box(0.25, 0.1, 0.75, 0.9), (8, 10), (64, 50)),
    "between cells": (Box(0.31, 0.12, 0.77, 0.63), (9, 7), (40, 40)),
    "whole, odd": (WHOLE, (7, 5), (31, 33)),
}


@pytest.mark.parametrize(("box", "region", "size"), REGIONS.values(), ids=REGIONS.keys())
def test_a_ramp_cut_from_the_picture_is_the_pictures_ramp_again(
    box: Box, region: tuple[int, int], size: tuple[int, int]
) -> None:
    pasted = paste([ramp(*region, box)], [box], size)
    rows, columns = interior(box, region, size)
    assert rows.stop - rows.start > 5
    assert columns.stop - columns.start > 5
    torch.testing.assert_close(
        pasted[:, :, rows, columns], ramp(*size)[:, :, rows, columns], atol=1e-6, rtol=0
    )


def test_thin_parts_keep_their_mass_where_a_region_shrinks() -> None:
    maps = torch.zeros(1, 2, 64, 64)
    maps[:, 1, :, 30] = 1
    maps[:, 0] = 1 - maps[:, 1]
    pasted = paste([maps], [WHOLE], (16, 16))
    assert pasted[0, 1].mean() == pytest.approx(1 / 64, rel=0.1)
    assert pasted[0, 1, :, 7].min() > 0.1


def test_tiles_of_one_ramp_make_that_ramp_without_seams() -> None:
    found = tiles(300, 400, 160 * 160)
    assert len(found) > 3
    pasted = paste([ramp(40, 40, box) for box in found], found, (60, 80))
    inside = slice(2, -2)
    torch.testing.assert_close(
        pasted[:, :, inside, inside], ramp(60, 80)[:, :, inside, inside], atol=4e-3, rtol=0
    )


def test_overlapping_regions_are_averaged_by_their_weights() -> None:
    one, two = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    one[:, 1], two[:, 2] = 1, 1
    weights = [torch.full((4, 4), 3.0), torch.full((4, 4), 1.0)]
    pasted = paste([one, two], [WHOLE, WHOLE], (4, 4), weights)
    expected = torch.tensor([0, 0.75, 0.25])[None, :, None, None].expand(1, 3, 4, 4)
    torch.testing.assert_close(pasted, expected)


def test_where_no_region_reaches_is_background() -> None:
    maps = torch.tensor([0.0, 1.0])[None, :, None, None].expand(2, 2, 3, 3)
    pasted = paste([maps], [Box(0.5, 0.5, 1, 1)], (8, 8))
    assert torch.equal(pasted[:, 0, :4], torch.ones(2, 4, 8))
    assert torch.equal(pasted[:, 0, :, :4], torch.ones(2, 8, 4))
    torch.testing.assert_close(pasted[:, 1, 4:, 4:], torch.ones(2, 4, 4))


@settings(deadline=None, max_examples=40)
@given(PICTURES, st.integers(64, 512), st.integers(0, 1000))
def test_pasted_maps_are_probabilities(picture: tuple[int, int], side: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    found = tiles(*picture, side * side)
    maps = [torch.rand(1, 4, 9, 11, generator=random).mul(9).softmax(dim=1) for _ in found]
    pasted = paste(maps, found, (23, 29))
    assert pasted.min() >= 0
    torch.testing.assert_close(pasted.sum(dim=1), torch.ones(1, 23, 29), atol=3e-7, rtol=0)


def test_pasting_is_differentiable() -> None:
    box = Box(0.2, 0.1, 0.8, 0.9)
    maps = torch.rand(1, 3, 3, 4, dtype=torch.float64).softmax(dim=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda region: paste([region], [box], (6, 7)), maps)


def test_regions_that_do_not_fit_each_other_are_refused() -> None:
    one = torch.ones(1, 2, 4, 4)
    with pytest.raises(ShapeError, match="one for each of 2 boxes"):
        paste([one], [WHOLE, WHOLE], (4, 4))
    with pytest.raises(ShapeError, match=r"Region 1 has shape \[1, 3, 4, 4\]"):
        paste([one, torch.ones(1, 3, 4, 4)], [WHOLE, WHOLE], (4, 4))


@pytest.mark.parametrize("overlap", [0, 0.6, -1])
def test_overlaps_that_leave_gaps_or_hide_tiles_are_refused(overlap: float) -> None:
    with pytest.raises(SettingsError, match="more than 0 and at most"):
        tiles(100, 100, 64 * 64, overlap=overlap)


def test_a_picture_has_at_least_one_tile() -> None:
    with pytest.raises(SettingsError, match="at least 1 tile a side, not 0"):
        tiles(100, 100, 64 * 64, most=0)
