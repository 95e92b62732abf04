"""Mattes with edges at plate resolution, from soft maps on the latent grid and the plate's colours.

From the grid of the maps to the plate the picture is doubled level by level. At each level:

1. Local linear models of alpha in colour, fitted on the level below, are evaluated on this level's
   colours: fast guided upsampling (He and Sun 2015, "Fast Guided Filter").
2. Some steps of relaxing the matting Laplacian (:mod:`smite_engine.local_linear`), each followed by
   a little sharpening, since relaxing alone ends in the mean of everything; where edges are
   blurred there is none of it.
3. After each step alphas are drawn back towards the maps: the mean of alpha over a cell should be
   what the map says of that cell. ``soft`` keeps it; ``fine`` keeps it where colour agrees or has
   nothing to say, and draws gently where colour contradicts, so that it corrects the maps.

All of it is local and linear in the number of parts and pixels; see
:mod:`smite_engine.matte_levels` for the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.alphas import most_of, partition
from smite_engine.cell_means import Growth, cell_means, whole_blocks
from smite_engine.edge_settings import EdgeSettings
from smite_engine.errors import ShapeError
from smite_engine.local_linear import box_mean, unexplained
from smite_engine.matte_levels import RELAX_EPS, carried, drawn_back, relaxed, sharpness

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
        last_steps: Relaxations at the highest level, without sharpening.
        last_steps: Relaxations at the highest level, without sharpening.
        sharpening: What is taken off each alpha after each step, before they sum to 1 again, where
            edges are sharp: it would eat the partial alpha of motion blur.
        contradicted: How far alphas are drawn to the mean of a cell, 0..1, where colour contradicts
            the maps; elsewhere it is 1.
    """

    radius: tuple[int, int]
    steps: tuple[int, int]
    last_steps: int
    sharpening: float
    contradicted: float


LOW_LEVELS = 2

# Chosen on the demo shot and the two shots of tools/shots, from exact maps and from the engine's,
# and on DAVIS clips, from their masks and from the engine's maps. Less drawing where colour
# contradicts (0.01 to 0.5 were tried) and wider windows (1 to 3) correct more of what a draft has
# wrong, and lose more of exact maps; more sharpening (0 to 0.08) clears the haze of textured
# footage, and eats motion blur.
SOFT = Course(radius=(1, 1), steps=(0, 0), last_steps=0, sharpening=0.0, contradicted=1.0)
FINE = Course(radius=(2, 1), steps=(6, 2), last_steps=1, sharpening=0.03, contradicted=0.03)

JUDGING = 0.05
"""How far alphas are drawn to the maps while colour judges these."""

MOVED = (0.06, 0.15)
"""Share of a cell that colour alone gives to other parts than the maps: up to the first it agrees,
from the second it contradicts. Exact maps are moved by 0.03 to 0.08 at edges, those of a draft by
0.15 and more."""

JUDGE_RADIUS = 3
"""Windows, in pixels of the second level, in which colour should tell parts apart."""

UNTOLD = (0.15, 0.4)
"""Shares of the alphas' variance that colour leaves unexplained in them: up to the first it may
judge a cell, from the second it may not: (0.3, 0.7) corrects drafts better, and lets parts run out
where subject and background share their colours."""


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
    plate = torch.nan_to_num(image.float(), 0.0).clamp_(0.0, 1.0)
    block = settings.block or (CPU_BLOCK if plate.device.type == "cpu" else DEVICE_BLOCK)
    if settings.edges != "fine":
        alphas = _solve(maps, plate, SOFT, block)
        return most_of(alphas) if settings.edges == "hard" and decided else alphas
    band = unknown_cells(maps, settings.band)
    sure = torch.where(band, maps, most_of(maps))
    return _only_in(band, _solve(sure, plate, FINE, block), sure, block)


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
    guides = _guides(maps, plate)
    share = _shares(maps, guides, course, block) if course.contradicted < 1 else 1.0
    alphas, below = maps, cell_means(guides[0], (maps.shape[1], maps.shape[2]))
    for level, guide in enumerate(guides):
        height = 0 if level < LOW_LEVELS else 1
        alphas = carried(alphas, below, guide, block)
        sharpening = course.sharpening * sharpness(alphas, block) if course.sharpening else None
        alphas = drawn_back(alphas, maps, share, block)
        for _ in range(course.steps[height]):
            alphas = relaxed(alphas, guide, course.radius[height], sharpening, block)
            alphas = drawn_back(alphas, maps, share, block)
        below = guide
    for _ in range(course.last_steps):
        alphas = relaxed(alphas, plate, course.radius[1], None, block)
    return alphas


def _guides(maps: torch.Tensor, plate: torch.Tensor) -> list[torch.Tensor]:
    """The plate at each level, the lowest first."""
    guides = [plate]
    sizes = level_sizes((maps.shape[1], maps.shape[2]), (plate.shape[1], plate.shape[2]))
    for smaller in reversed(sizes[:-1]):
        guides.insert(0, cell_means(guides[0], smaller))
    return guides


def _shares(
    maps: torch.Tensor, guides: list[torch.Tensor], course: Course, block: int
) -> torch.Tensor:
    """[h, w]: how far alphas are drawn to the mean of each cell.

    Colour finds alphas almost alone at the lowest levels. Cells that it leaves as they were are
    right in the maps, to a fraction of a cell; where it moves them the maps are off, or colour does
    not tell the parts apart: then not all of these alphas are linear in it.
    """
    grid = (maps.shape[1], maps.shape[2])
    alphas, below = maps, cell_means(guides[0], grid)
    for guide in guides[:LOW_LEVELS]:
        alphas = drawn_back(carried(alphas, below, guide, block), maps, JUDGING, block)
        for _ in range(course.steps[0]):
            alphas = relaxed(alphas, guide, course.radius[0], None, block)
            alphas = drawn_back(alphas, maps, JUDGING, block)
        below = guide
    moved = (maps - cell_means(alphas, grid)).abs().sum(dim=0) / 2
    untold = cell_means(unexplained(alphas, below, JUDGE_RADIUS, RELAX_EPS)[None], grid)[0]
    moved, untold = box_mean(torch.stack([moved, untold]), 1)
    contradicted = _ramp(moved, MOVED) * (1 - _ramp(untold, UNTOLD))
    return 1 - (1 - course.contradicted) * contradicted


def _ramp(values: torch.Tensor, ends: tuple[float, float]) -> torch.Tensor:
    """0 up to the first end, 1 from the second, a line between."""
    return ((values - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)


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
