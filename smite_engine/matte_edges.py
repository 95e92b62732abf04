"""Mattes with edges at plate resolution, from soft maps on the latent grid and the plate's colours.

From the grid of the maps to the plate the picture is doubled level by level. At each level:

1. Local linear models of alpha in colour, fitted on the level below, are evaluated on this level's
   colours: fast guided upsampling (He and Sun 2015, "Fast Guided Filter").
2. Some steps of relaxing the matting Laplacian (:mod:`smite_engine.local_linear`), each followed by
   a little sharpening, since relaxing alone ends in the mean of everything; where the plate is
   blurred there is none of it but at the lowest levels.
3. After each step alphas are drawn back towards the maps: the mean of alpha over a cell should be
   what the map says of that cell. ``soft`` keeps it; ``fine`` draws gently, so that colour
   corrects what the maps have wrong, and leaves the place to ``soft`` where colour does not tell
   the parts apart.

All of it is local and linear in the number of parts and pixels, and is done in blocks with a halo,
to the same bits as without blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.alphas import TRACE, most_of, partition, present
from smite_engine.cell_means import Growth, cell_means, whole_blocks, with_halo
from smite_engine.edge_settings import EdgeSettings
from smite_engine.errors import ShapeError
from smite_engine.local_linear import ColourStatistics, applied, crispness, unexplained

LEAST = 0.02
"""Probabilities below this are nothing: a trace of every part in every cell is no edge."""

CERTAIN = 0.97
"""A cell with a part of this probability or more needs no band of its own."""

CPU_BLOCK, DEVICE_BLOCK = 128, 1024
"""Sides of blocks, in pixels: what a core's cache holds, and what keeps an accelerator busy."""

SMALLEST_STEP = 1.5
"""The lowest level is at least so many times the grid of the maps."""


@dataclass(frozen=True)
class Course:
    """How alphas are found at each level.

    Attributes:
        radius: Of the windows of relaxing, in pixels of the level; as in all pairs here, at the
            two lowest levels, where a step reaches far, and at those above.
        steps: Relaxations at each level.
        sharpening: What is taken off each alpha after each step, before they sum to 1 again; at
            high levels only where the plate is crisp, since it would eat the partial alpha of
            motion blur.
        data: How far alphas are drawn to the cells' means after each step, 0..1.
        last_steps: Relaxations at the highest level, without sharpening.
    """

    radius: tuple[int, int]
    steps: tuple[int, int]
    sharpening: tuple[float, float]
    data: float
    last_steps: int


LOW_LEVELS = 2

# Chosen on single frames of the demo shot, of the two shots of tools/shots and of four DAVIS clips,
# from exact maps and from the engine's. Less data (0.05 to 0.5 were tried) and wider windows (1 to
# 3) correct more of what a draft has wrong, and lose more of exact maps; more sharpening (0 to
# 0.08) clears the haze of textured footage, and eats motion blur where the plate is crisp too.
SOFT = Course(radius=(1, 1), steps=(0, 0), sharpening=(0.0, 0.0), data=1.0, last_steps=0)
FINE = Course(radius=(2, 1), steps=(6, 2), sharpening=(0.03, 0.03), data=0.25, last_steps=1)

CARRY_RADIUS, CARRY_EPS = 1, 3e-5
"""Windows of the models that carry alphas up a level, in pixels of the lower, and the variance of
colour (0..1, squared) below which a window is flat. Grain of 0.015 does not ask for more."""

RELAX_EPS = 1e-5
"""The same, of relaxing."""


CRISP_RADIUS, CRISP = 8, 0.08
"""Windows, in pixels, and the crispness (:func:`crispness`) from which a plate is sharp."""

DOUBT_RADIUS = 3
"""Windows, in pixels of the second level, in which colour should tell parts apart."""

DOUBT = (0.5, 0.9)
"""Shares of the alphas' variance that colour leaves unexplained: up to the first ``fine`` stands,
from the second ``soft`` takes its place."""


@torch.no_grad()
def alphas_on(
    probabilities: torch.Tensor,
    image: torch.Tensor,
    settings: EdgeSettings,
    *,
    decided: bool = True,
) -> torch.Tensor:
    """Alphas float32 [K, H, W] in 0..1, background first, sums of 1.

    Args:
        probabilities: float32 [K, h, w], sums of 1; NaN counts as 0.
        image: float32 [3, H, W] on the same device; values beyond 0..1, and NaN, are clipped.
        settings: See :class:`EdgeSettings`; its steadiness is not used here.
        decided: False leaves ``hard`` to whoever steadies the alphas first.

    Raises:
        ShapeError: If the maps are not [K, h, w] or the image not [3, H, W].
    """
    if probabilities.ndim != 3:
        raise ShapeError("The maps of a frame", "[K, h, w]", tuple(probabilities.shape))
    if image.ndim != 3 or image.shape[0] != 3:
        raise ShapeError("The plate", "[3, H, W]", tuple(image.shape))
    maps = partition(probabilities.float().nan_to_num(0.0), LEAST)
    plate = image.float().nan_to_num(0.0).clamp(0.0, 1.0)
    block = settings.block or (CPU_BLOCK if plate.device.type == "cpu" else DEVICE_BLOCK)
    if settings.edges != "fine":
        alphas = _solve(maps, plate, SOFT, block)
        return most_of(alphas) if settings.edges == "hard" and decided else alphas
    band = unknown_cells(maps, settings.band)
    sure = torch.where(band, maps, most_of(maps))
    alphas = _solve(sure, plate, FINE, block)
    doubt = _doubt(alphas, plate, sure)
    if doubt.any():
        careful = _solve(sure, plate, SOFT, block)
        growth = Growth(tuple(doubt.shape[1:]), tuple(plate.shape[1:]), plate.device)
        for rows, columns in whole_blocks(tuple(plate.shape[1:]), block):
            here = alphas[:, rows, columns]
            share = growth(doubt, rows, columns)
            alphas[:, rows, columns] = torch.lerp(here, careful[:, rows, columns], share)
    return _only_in(band, alphas, sure, block)


def unknown_cells(maps: torch.Tensor, band: float) -> torch.Tensor:
    """bool [h, w]: cells within ``band`` cells of one that is uncertain, or of another part's.

    Args:
        maps: float32 [K, h, w], sums of 1.
        band: A distance along rows, columns and diagonals.
    """
    best, winner = maps.max(dim=0)
    unsure = best < CERTAIN
    down, across = winner[1:] != winner[:-1], winner[:, 1:] != winner[:, :-1]
    unsure[1:] |= down
    unsure[:-1] |= down
    unsure[:, 1:] |= across
    unsure[:, :-1] |= across
    reach = max(0, round(band) - 1)  # The cells on both sides of an edge are in already.
    grown = functional.max_pool2d(unsure.float()[None], 2 * reach + 1, stride=1, padding=reach)[0]
    return grown > 0


def level_sizes(grid: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of the levels, the plate's last; each is half of the next, rounded up."""
    sizes = [size]
    while sizes[0][0] >= 2 * SMALLEST_STEP * grid[0] and sizes[0][1] >= 2 * SMALLEST_STEP * grid[1]:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    return sizes


def _solve(maps: torch.Tensor, plate: torch.Tensor, course: Course, block: int) -> torch.Tensor:
    """Alphas [K, H, W] from maps [K, h, w] and a plate [3, H, W]."""
    grid, size = tuple(maps.shape[1:]), tuple(plate.shape[1:])
    sizes = level_sizes(grid, size)
    guides = [plate]
    for smaller in reversed(sizes[:-1]):
        guides.insert(0, cell_means(guides[0], smaller))
    alphas, below = maps, cell_means(guides[0], grid)
    crisp = _crisp(plate, block) if course.sharpening[1] else plate.new_ones(1, 1, 1)
    for level, guide in enumerate(guides):
        alphas = _transferred(alphas, below, guide, block)
        alphas = _drawn_back(alphas, maps, course.data, block)
        height = 0 if level < LOW_LEVELS else 1
        sharpening = course.sharpening[height] * (
            cell_means(crisp, tuple(guide.shape[1:]))[0] if height else torch.ones_like(guide[0])
        )
        for _ in range(course.steps[height]):
            alphas = _relaxed(alphas, guide, course.radius[height], sharpening, block)
            alphas = _drawn_back(alphas, maps, course.data, block)
        below = guide
    for _ in range(course.last_steps):
        alphas = _relaxed(alphas, plate, course.radius[1], torch.zeros_like(plate[0]), block)
    return alphas


def _transferred(
    alphas: torch.Tensor, below: torch.Tensor, guide: torch.Tensor, block: int
) -> torch.Tensor:
    """Alphas of the level below, carried to this one by the local models."""
    models = _models(alphas, below, block)
    growth = Growth(tuple(below.shape[1:]), tuple(guide.shape[1:]), guide.device)
    found = guide.new_empty(len(alphas), *guide.shape[1:])
    for rows, columns in whole_blocks(tuple(guide.shape[1:]), block):
        there = present(models[(slice(None), slice(None), *growth.cells(rows, columns))])
        if len(there) == 1:
            found[:, rows, columns] = 0.0
            found[there, rows, columns] = 1.0
            continue
        model = growth(models[there], rows, columns)
        found[:, rows, columns] = 0.0
        found[there, rows, columns] = partition(applied(model, guide[:, rows, columns]))
    return found


def _models(alphas: torch.Tensor, guide: torch.Tensor, block: int) -> torch.Tensor:
    """Local models [K, 4, H, W]."""
    found = guide.new_zeros(len(alphas), 4, *guide.shape[1:])
    for inner, outer, inside in _blocks(tuple(guide.shape[1:]), block, 2 * CARRY_RADIUS):
        near = alphas[(slice(None), *outer)]
        there = present(near)
        if len(there) == 1:
            found[(there, 3, *inner)] = 1.0
            continue
        statistics = ColourStatistics.of(guide[(slice(None), *outer)], CARRY_RADIUS, CARRY_EPS)
        model = statistics.fit(near[there])
        found[(there, slice(None), *inner)] = model[(slice(None), slice(None), *inside)]
    return found


def _relaxed(
    alphas: torch.Tensor, guide: torch.Tensor, radius: int, sharpening: torch.Tensor, block: int
) -> torch.Tensor:
    """One step of relaxing the matting Laplacian, then of sharpening."""
    found = alphas.clone()
    for inner, outer, inside in _blocks(tuple(guide.shape[1:]), block, 2 * radius):
        near = alphas[(slice(None), *outer)]
        there = present(near)
        if len(there) == 1:
            continue
        colours = guide[(slice(None), *outer)]
        model = ColourStatistics.of(colours, radius, RELAX_EPS).fit(near[there])
        new = applied(model[(slice(None), slice(None), *inside)], colours[(slice(None), *inside)])
        found[(there, *inner)] = partition(new - sharpening[inner])
    return found


def _drawn_back(alphas: torch.Tensor, maps: torch.Tensor, data: float, block: int) -> torch.Tensor:
    """Alphas drawn towards the cells' means in place, by the share ``data``."""
    grid, size = tuple(maps.shape[1:]), tuple(alphas.shape[1:])
    missing = (maps - cell_means(alphas, grid)) * data
    # What sums round off is not missing, and would wake every block.
    missing = functional.hardshrink(missing, TRACE * data)
    growth = Growth(grid, size, alphas.device)
    for rows, columns in whole_blocks(size, block):
        if not missing[(slice(None), *growth.cells(rows, columns))].any():
            continue
        grown = growth(missing, rows, columns)
        alphas[:, rows, columns] = partition(alphas[:, rows, columns] + grown)
    return alphas


def _crisp(plate: torch.Tensor, block: int) -> torch.Tensor:
    """[1, H, W], 0..1: 0 where the plate is blurred, 1 where detail is as fine as pixels."""
    found = torch.empty_like(plate[:1])
    for inner, outer, inside in _blocks(tuple(plate.shape[1:]), block, CRISP_RADIUS + 2):
        share = crispness(plate[(slice(None), *outer)], CRISP_RADIUS)[inside]
        found[(0, *inner)] = (share / CRISP).clamp(0, 1)
    return found


def _doubt(alphas: torch.Tensor, plate: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """[1, h', w'], 0..1: where colour does not tell the parts apart, on a few pixels a cell."""
    sizes = level_sizes((maps.shape[1], maps.shape[2]), (plate.shape[1], plate.shape[2]))
    level = sizes[min(1, len(sizes) - 1)]
    share = unexplained(
        cell_means(alphas, level), cell_means(plate, level), DOUBT_RADIUS, RELAX_EPS
    )
    return ((share - DOUBT[0]) / (DOUBT[1] - DOUBT[0])).clamp(0, 1)[None]


def _only_in(
    band: torch.Tensor, alphas: torch.Tensor, sure: torch.Tensor, block: int
) -> torch.Tensor:
    """Alphas inside the band; outside it, over one cell, those of the sure cells."""
    size = tuple(alphas.shape[1:])
    growth = Growth(tuple(band.shape), size, alphas.device)
    weight = band.float()[None]
    for rows, columns in whole_blocks(size, block):
        share = growth(weight, rows, columns)
        here = alphas[:, rows, columns]
        known = growth(sure, rows, columns)
        alphas[:, rows, columns] = torch.lerp(known, here, share)
    return alphas


def _blocks(
    size: tuple[int, int], block: int, halo: int
) -> list[tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]]]:
    """(the block, the block with its halo, where the block lies in that) over a picture."""
    found = []
    for rows, columns in whole_blocks(size, block):
        tall, inner_rows = with_halo(rows, halo, size[0])
        wide, inner_columns = with_halo(columns, halo, size[1])
        found.append(((rows, columns), (tall, wide), (inner_rows, inner_columns)))
    return found
