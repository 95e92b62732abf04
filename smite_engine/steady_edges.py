"""Edges that stay where they are: alphas are averaged with those of the frame before, along flow.

Where the plate, moved along the flow, looks as it did, its edges have not changed, and what differs
between the two mattes is flicker. A share of the matte before is kept there: a recursive filter,
so that it remembers without keeping frames. Where the plate looks different (an occlusion, motion
blur that changes, a flow that is wrong) the new matte is taken as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.alphas import partition
from smite_engine.block_threads import each_block
from smite_engine.cell_means import Growth, whole_blocks, with_halo
from smite_engine.errors import ShapeError
from smite_engine.local_linear import box_mean

SAME, OTHER = 0.01, 0.04
"""Differences of colour (0..1) up to which two plates are the same, and from which they are not; in
between trust falls evenly."""

GRAIN_RADIUS = 2
"""Differences are averaged over windows of so many pixels around, so that grain is no change."""

STILL = 0.15
"""Flow of less, in pixels of the flow's own picture, is none: flow is never exactly 0, and carrying
a matte by parts of a pixel, frame after frame, would blur it."""

MOVING_SHARE = 0.5
"""Where the plate moves so much of the steadiness is left, for the same reason."""


@torch.no_grad()
def steadied(
    alphas: torch.Tensor,
    before: torch.Tensor,
    images: tuple[torch.Tensor, torch.Tensor],
    flow: torch.Tensor,
    steadiness: float,
    block: int = 256,
) -> torch.Tensor:
    """The alphas, [K, H, W], sums of 1, held in place to those of the frame before.

    Args:
        alphas: float32 [K, H, W], sums of 1.
        before: The same of the frame before, steadied itself; float32 or float16.
        images: float32 [3, H, W] display-referred 0..1, of this frame and the one before, which
            may be float16.
        flow: float32 [2, h, w], any size: pixel (x, y) of this frame is at (x, y) + flow in the one
            before, in pixels of h x w.
        steadiness: Share of ``before`` that is kept where nothing changes, 0..1.
        block: Side of the blocks that are worked on at once.

    Raises:
        ShapeError: If the two frames differ in shape.
    """
    if before.shape != alphas.shape:
        raise ShapeError("The mattes before", str(list(alphas.shape)), tuple(before.shape))
    size = (alphas.shape[1], alphas.shape[2])
    field = _Displacements(flow, size)

    def hold(area: tuple[slice, slice]) -> None:
        rows, columns = area
        new = alphas[:, rows, columns]
        there = (new.flatten(1).any(dim=1) | _around(before, rows, columns, field)).nonzero()[:, 0]
        if len(there) == 1:
            return
        tall, inner_rows = with_halo(rows, GRAIN_RADIUS, size[0])
        wide, inner_columns = with_halo(columns, GRAIN_RADIUS, size[1])
        way = field.way(tall, wide)
        seen = way.carry(images[1])
        change = box_mean(images[0][:, tall, wide] - seen, GRAIN_RADIUS).abs().amax(dim=0)
        trust = ((OTHER - change) / (OTHER - SAME)).clamp(0, 1) * way.inside
        share = (steadiness * trust * field.share(tall, wide))[inner_rows, inner_columns]
        kept = partition(way.carry(before, there)[:, inner_rows, inner_columns])
        alphas[there, rows, columns] = torch.lerp(new[there], kept, share)

    each_block(hold, whole_blocks(size, block))
    return alphas


class _Displacements:
    """Where each pixel of a picture was in the frame before."""

    def __init__(self, flow: torch.Tensor, size: tuple[int, int]) -> None:
        small = (flow.shape[1], flow.shape[2])
        self._size = size
        self._still = (flow.square().sum(dim=0, keepdim=True) < STILL**2).float()
        scale = flow.new_tensor([size[1] / small[1], size[0] / small[0]])
        self._flow = flow * (1 - self._still) * scale[:, None, None]
        self._grow = Growth(small, size, flow.device)

    def reach(self, rows: slice, columns: slice) -> int:
        """Pixels that the way of a block leads beyond it, at most."""
        near = self._flow[(slice(None), *self._grow.cells(rows, columns))]
        return math.ceil(float(near.abs().max())) + 2

    def share(self, rows: slice, columns: slice) -> torch.Tensor:
        """[H', W']: 1 where the plate is still, MOVING_SHARE where it moves."""
        still = self._grow(self._still, rows, columns)[0]
        return MOVING_SHARE + (1 - MOVING_SHARE) * still

    def way(self, rows: slice, columns: slice) -> _Way:
        """The way of a block's pixels into the frame before."""
        reach = self.reach(rows, columns)
        if reach == 2:  # Still to the last pixel: the same bits.
            still = self._flow.new_ones(rows.stop - rows.start, columns.stop - columns.start)
            return _Way((rows, columns), None, still)
        tall, wide = (
            with_halo(part, reach, most)[0]
            for part, most in zip((rows, columns), self._size, strict=True)
        )
        flow = self._grow(self._flow, rows, columns)
        y = torch.arange(rows.start, rows.stop, device=flow.device)[:, None] + flow[1]
        x = torch.arange(columns.start, columns.stop, device=flow.device) + flow[0]
        inside = (x >= 0) & (y >= 0) & (x <= self._size[1] - 1) & (y <= self._size[0] - 1)
        # -1 and 1 are the window's outer edges, as align_corners=False has it.
        height, width = tall.stop - tall.start, wide.stop - wide.start
        at = torch.stack(
            [(2 * (x - wide.start) + 1) / width - 1, (2 * (y - tall.start) + 1) / height - 1], -1
        )
        return _Way((tall, wide), at, inside.to(flow))


@dataclass(frozen=True)
class _Way:
    """Where the pixels of a block were in the frame before.

    Attributes:
        window: Rows and columns of the frame before that hold them.
        at: [H', W', 2], (x, y) of each pixel in -1..1 of the window; None where nothing moved and
            the window is the block.
        inside: [H', W']: 1 where a pixel comes from inside the picture, else 0.
    """

    window: tuple[slice, slice]
    at: torch.Tensor | None
    inside: torch.Tensor

    def carry(self, planes: torch.Tensor, chosen: torch.Tensor | None = None) -> torch.Tensor:
        """Planes [C, H, W] of the frame before as the block sees them, float32 [C', H', W'].

        Args:
            planes: float32 or float16.
            chosen: Indices of the C' planes that are wanted; None takes all.
        """
        here = planes[(slice(None), *self.window)]
        here = (here if chosen is None else here[chosen]).float()
        if self.at is None:
            return here
        moved: torch.Tensor = functional.grid_sample(
            here[None], self.at[None], "bicubic", "border", align_corners=False
        )[0]
        return moved


def _around(
    before: torch.Tensor, rows: slice, columns: slice, field: _Displacements
) -> torch.Tensor:
    """bool [K]: the parts of the frame before that may have come into a block."""
    reach = field.reach(rows, columns)
    tall = with_halo(rows, reach, before.shape[1])[0]
    wide = with_halo(columns, reach, before.shape[2])[0]
    return before[:, tall, wide].flatten(1).any(dim=1)
