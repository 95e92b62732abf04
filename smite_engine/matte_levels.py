"""What is done to alphas at one level of the way from the maps' cells to the plate's pixels.

All of it is local, and done in blocks with a halo, to the same bits as without blocks. A block that
holds one part alone is passed over.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from smite_engine.alphas import TRACE, partition, present
from smite_engine.block_threads import each_block
from smite_engine.cell_means import Growth, cell_means, whole_blocks, with_halo
from smite_engine.local_linear import ColourStatistics, applied, crispness

Area = tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]]
"""A block, the block with its halo, and where the block lies in that."""

CARRY_RADIUS, CARRY_EPS = 1, 3e-5
"""Windows of the models that carry alphas up a level, in pixels of the lower, and the variance of
colour (0..1, squared) below which a window is flat. Grain of 0.015 does not ask for more."""

RELAX_EPS = 1e-5
"""The same, of relaxing."""

CRISP_RADIUS, CRISP_FLAT, CRISP = 4, 0.05, 0.08
"""Windows, in pixels, the variance of alpha that makes no edge yet, and the crispness
(:func:`crispness`) from which an edge is sharp."""


def carried(
    alphas: torch.Tensor, below: torch.Tensor, guide: torch.Tensor, block: int
) -> torch.Tensor:
    """Alphas [K, h, w] of the level below, on this level's pixels by the local models.

    Args:
        alphas: float32 [K, h, w], sums of 1.
        below: float32 [3, h, w], the picture at that level.
        guide: float32 [3, H, W], the picture at this one.
        block: Side of blocks, in pixels.
    """
    small, size = (below.shape[1], below.shape[2]), (guide.shape[1], guide.shape[2])
    growth = Growth(small, size, guide.device)
    found = guide.new_zeros(len(alphas), *size)

    def carry(area: tuple[slice, slice]) -> None:
        rows, columns = area
        cells = growth.cells(rows, columns)
        tall, inner_rows = with_halo(cells[0], 2 * CARRY_RADIUS, small[0])
        wide, inner_columns = with_halo(cells[1], 2 * CARRY_RADIUS, small[1])
        near = alphas[:, tall, wide]
        there = present(near)
        if len(there) == 1:
            found[there[0], rows, columns] = 1.0
            return
        statistics = ColourStatistics.of(below[:, tall, wide], CARRY_RADIUS, CARRY_EPS)
        model = statistics.fit(near[there])[..., inner_rows, inner_columns]
        here = partition(applied(growth.grown(model, rows, columns), guide[:, rows, columns]))
        _put(here, there, found, rows, columns)

    each_block(carry, whole_blocks(size, block))
    return found


def relaxed(
    alphas: torch.Tensor,
    guide: torch.Tensor,
    radius: int,
    sharpening: torch.Tensor | None,
    block: int,
) -> torch.Tensor:
    """One step of relaxing the matting Laplacian, then of sharpening, in place.

    Args:
        alphas: float32 [K, H, W], sums of 1.
        guide: float32 [3, H, W].
        radius: Of the windows, in pixels.
        sharpening: float32 [H, W], what is taken off each alpha before they sum to 1 again.
        block: Side of blocks, in pixels.
    """

    def step(area: Area) -> tuple[torch.Tensor, torch.Tensor, tuple[slice, slice]] | None:
        inner, outer, inside = area
        near = alphas[(slice(None), *outer)]
        there = present(near)
        if len(there) == 1:
            return None
        colours = guide[(slice(None), *outer)]
        model = ColourStatistics.of(colours, radius, RELAX_EPS).fit(near[there])
        new = applied(model[(slice(None), slice(None), *inside)], colours[(slice(None), *inside)])
        here = partition(new if sharpening is None else new.sub_(sharpening[inner]))
        return here, there, inner

    areas = blocks((guide.shape[1], guide.shape[2]), block, 2 * radius)
    for made in each_block(step, areas):
        if made is not None:  # Written only now: the blocks' halos are of the step before.
            here, there, inner = made
            _put(here, there, alphas, *inner)
    return alphas


def _put(
    planes: torch.Tensor,
    there: torch.Tensor,
    alphas: torch.Tensor,
    rows: slice,
    columns: slice,
) -> None:
    """Writes the alphas of the parts that are ``there`` into a block."""
    for plane, index in zip(planes, there.tolist(), strict=True):
        alphas[index, rows, columns] = plane


def drawn_back(
    alphas: torch.Tensor, maps: torch.Tensor, share: torch.Tensor | float, block: int
) -> torch.Tensor:
    """Alphas [K, H, W] drawn towards the cells' means [K, h, w] in place.

    Args:
        alphas: float32 [K, H, W], sums of 1.
        maps: float32 [K, h, w], the same.
        share: How far, 0..1, of all cells or of each: [h, w].
        block: Side of blocks, in pixels.
    """
    grid, size = (maps.shape[1], maps.shape[2]), (alphas.shape[1], alphas.shape[2])
    # What sums round off is not missing, and would wake every block.
    missing = functional.hardshrink(maps - cell_means(alphas, grid), TRACE) * share
    growth = Growth(grid, size, alphas.device)

    def draw(area: tuple[slice, slice]) -> None:
        rows, columns = area
        near = missing[(slice(None), *growth.cells(rows, columns))]
        here = alphas[:, rows, columns]
        there = ((near != 0).flatten(1).any(dim=1) | (here.amax(dim=(1, 2)) > 0)).nonzero()[:, 0]
        if len(there) == 1 or not near.any():
            return
        new = partition(here[there].add_(growth.grown(near[there], rows, columns)))
        _put(new, there, alphas, rows, columns)

    each_block(draw, whole_blocks(size, block))
    return alphas


def sharpness(alphas: torch.Tensor, block: int) -> torch.Tensor:
    """[H, W], 0..1: 0 where alphas [K, H, W] change over many pixels, 1 where within one or two.

    Asked of alphas as the plate's colours have just drawn them: motion blur and defocus leave
    slopes there, also over a background full of detail.
    """
    found = alphas.new_zeros(alphas.shape[1:])

    def look(area: Area) -> None:
        inner, outer, inside = area
        near = alphas[(slice(None), *outer)]
        there = present(near)
        if len(there) > 1:
            share = crispness(near[there], CRISP_RADIUS, CRISP_FLAT)[inside]
            found[inner] = (share / CRISP).clamp_(0, 1)

    areas = blocks((alphas.shape[1], alphas.shape[2]), block, CRISP_RADIUS + 2)
    each_block(look, areas)
    return found


def blocks(size: tuple[int, int], block: int, halo: int) -> list[Area]:
    """The areas of a picture."""
    found = []
    for rows, columns in whole_blocks(size, block):
        tall, inner_rows = with_halo(rows, halo, size[0])
        wide, inner_columns = with_halo(columns, halo, size[1])
        found.append(((rows, columns), (tall, wide), (inner_rows, inner_columns)))
    return found
