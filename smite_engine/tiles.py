"""Overlapping tiles for fine parts at high resolution, and pasting regions into one map.

A map grid's cells are equal shares of what it covers; the centre of cell i of n lies at
(i + 0.5) / n. Where regions overlap their probabilities are averaged by weights (the authors'
code lets the last one overwrite the others).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch

from smite_engine.boxes import Box
from smite_engine.errors import SettingsError, ShapeError
from smite_engine.settings import require_range

OVERLAP = 0.25
"""Share of a tile's side that its neighbour has too: room for a join that no part shows."""

MOST_A_SIDE = 3
"""Most tiles in a row or column: 9 tiles are 9 times the work of the whole picture."""

MOST_SHRUNK = 1.5
"""A tile of up to so many times the working area is good enough (1.22 a side)."""

SQUARE_ENOUGH = 2.0
"""Longest tile side over the shortest; longer strips show too little of a subject's context."""


def tiles(
    height: int, width: int, area: int, *, overlap: float = OVERLAP, most: int = MOST_A_SIDE
) -> list[Box]:
    """Evenly spaced tiles of one size that cover a picture, row by row.

    The fewest tiles of at most ``MOST_SHRUNK * area`` pixels whose sides are at most
    ``SQUARE_ENOUGH`` apart, the squarest of those; the smallest tiles that ``most`` allows where
    the picture is larger. A picture that fits is one tile, whatever its aspect.

    Args:
        height, width: Of the picture, in pixels.
        area: Pixels that the backbone works at.
        overlap: Least share of a tile's side that neighbours share, above 0 to 0.5.
        most: Most tiles a side, at least 1.

    Returns:
        Boxes on whole pixels.
    """
    if not 0 < overlap <= 0.5:
        raise SettingsError(f"Tiles overlap by more than 0 and at most 0.5, not {overlap}.")
    if most < 1:
        raise SettingsError(f"A picture has at least 1 tile a side, not {most}.")
    if height * width <= MOST_SHRUNK * area:
        most = 1
    grids = []
    for rows, columns in product(range(1, most + 1), repeat=2):
        tile = _side(height, rows, overlap), _side(width, columns, overlap)
        grids.append((rows, columns, tile, max(tile) / min(tile)))
    sensible = [grid for grid in grids if grid[3] <= SQUARE_ENOUGH]
    grids = sensible or [min(grids, key=lambda grid: grid[3])]
    fine = [grid for grid in grids if math.prod(grid[2]) <= MOST_SHRUNK * area]
    if fine:
        rows, columns, tile, _ = min(fine, key=lambda grid: (grid[0] * grid[1], grid[3]))
    else:
        rows, columns, tile, _ = min(grids, key=lambda grid: (math.prod(grid[2]), grid[3]))
    return [
        Box.of_pixels(top, left, tile, (height, width))
        for top in _starts(height, tile[0], rows)
        for left in _starts(width, tile[1], columns)
    ]


def _side(length: int, count: int, overlap: float) -> int:
    """The pixels of each of ``count`` tiles that cover ``length`` with at least the overlap."""
    return min(length, math.ceil(length / (count - (count - 1) * overlap)))


def _starts(length: int, side: int, count: int) -> list[int]:
    """First pixels of ``count`` evenly spaced tiles, from the first pixel to the last."""
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]


def tile_weights(height: int, width: int, box: Box, ramp: float = OVERLAP) -> torch.Tensor:
    """How much a region counts in each cell of the picture's map grid.

    0 outside the box, 1 well inside; towards each border of the box that is not the picture's a
    raised cosine falls to 0 over ``ramp`` (a share of the box's side). Rows times columns.

    Args:
        height, width: The map grid of the whole picture.
        box: The region.
        ramp: 0 (a hard edge) to 0.5.

    Returns:
        float32 [height, width] in 0..1; above 0 in every cell whose centre is inside the box.
    """
    require_range("ramp", ramp, 0, 0.5)
    rows = _axis_weights(height, box.top, box.bottom, ramp)
    return rows[:, None] * _axis_weights(width, box.left, box.right, ramp)


def _axis_weights(length: int, start: float, end: float, ramp: float) -> torch.Tensor:
    """The weights along one axis, float32 [length]."""
    at = (_centres(length) - start) / (end - start)
    inside = (at > 0) & (at < 1)
    from_start = at if start > 0 else torch.ones_like(at)
    from_end = 1 - at if end < 1 else torch.ones_like(at)
    depth = (torch.minimum(from_start, from_end) / max(ramp, 1e-9)).clamp(0, 1)
    # Of a tiny depth the cosine is 1 in float32 and the cell would count for nothing: sin^2.
    return ((math.pi / 2 * depth).sin() ** 2 * inside).float()


def _centres(length: int) -> torch.Tensor:
    """Centres of the cells of one axis in shares, float64 [length]."""
    return (torch.arange(length, dtype=torch.float64) + 0.5) / length


def paste(
    maps: Sequence[torch.Tensor],
    boxes: Sequence[Box],
    size: tuple[int, int],
    weights: Sequence[torch.Tensor] | None = None,
) -> torch.Tensor:
    """Regions' probabilities in one map of the picture, averaged where regions overlap.

    Part c of a cell is sum_i a_i p_i,c / sum_i a_i over the regions i; background is the rest to
    1, so it is 1 where no region reaches. Regions are resized bilinearly; where they shrink, the
    tent is widened so that thin parts do not alias. The cells of a region within half a cell
    of its border repeat its outermost cell.

    Args:
        maps: One [F, K, h_i, w_i] each region, background first, sums over K of 1.
        boxes: Where each region lies.
        size: (h, w) of the picture's map grid.
        weights: [h, w] of each region, 0 or more; default :func:`tile_weights`.

    Returns:
        [F, K, h, w], sums over K of 1; type and device of the maps.

    Raises:
        ShapeError: If the regions differ in F or K, or are not as many as boxes.
    """
    if not maps or len(maps) != len(boxes):
        raise ShapeError("The list of regions", f"one for each of {len(boxes)} boxes", (len(maps),))
    frames, tokens = maps[0].shape[:2]
    total = maps[0].new_zeros(frames, tokens - 1, *size)
    weight = maps[0].new_zeros(size)
    for index, (region, box) in enumerate(zip(maps, boxes, strict=True)):
        if region.ndim != 4 or region.shape[:2] != (frames, tokens):
            expected = f"[{frames}, {tokens}, h, w] as the first region"
            raise ShapeError(f"Region {index}", expected, tuple(region.shape))
        share = tile_weights(*size, box) if weights is None else weights[index]
        share = share.to(weight)
        rows, columns, parts = _placed(region[:, 1:], box, size)
        total[:, :, rows, columns] += parts * share[rows, columns]
        weight[rows, columns] += share[rows, columns]
    return with_background(total / weight.clamp_min(torch.finfo(weight.dtype).tiny))


def with_background(parts: torch.Tensor) -> torch.Tensor:
    """[F, K - 1, h, w] with the background before them, which is what they leave of 1."""
    background = (1 - parts.sum(dim=1, keepdim=True)).clamp_min(0)
    return torch.cat([background, parts], dim=1)


def _placed(
    maps: torch.Tensor, box: Box, size: tuple[int, int]
) -> tuple[slice, slice, torch.Tensor]:
    """(rows, columns) of the picture's grid inside the box, and maps [..., h, w] resized there."""
    rows, down = _resampling(maps.shape[-2], size[0], box.top, box.bottom)
    columns, across = _resampling(maps.shape[-1], size[1], box.left, box.right)
    return rows, columns, down.to(maps) @ maps @ across.to(maps).T


def _resampling(source: int, length: int, start: float, end: float) -> tuple[slice, torch.Tensor]:
    """Linear interpolation along one axis, from a region's cells to the picture's.

    Returns:
        The picture's cells whose centres are inside the region, and the matrix
        float64 [cells inside, source] with rows that sum to 1.
    """
    at = (_centres(length) - start) / (end - start)
    inside = torch.nonzero((at > 0) & (at < 1)).flatten().tolist()
    cells = slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)
    position = (at[cells] * source - 0.5).clamp(0, source - 1)
    reach = max(1.0, source / (length * (end - start)))
    distance = (position[:, None] - torch.arange(source, dtype=torch.float64)).abs()
    tent = (1 - distance / reach).clamp_min(0)
    return cells, tent / tent.sum(dim=1, keepdim=True)
