"""Point tracks of a window on the latent grid: the data, its geometry, and what trackers share.

Every tracker starts one point at each cell of each frame and says where it is in the frames around.
Positions are in grid cells, cell centres at whole numbers; the cells are equal shares of the
picture, so (u, v) in 0..1 of the picture is ((x + 0.5) / w, (y + 0.5) / h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from smite_engine.errors import SettingsError, ShapeError


@dataclass(frozen=True)
class Tracks:
    """Where the points of each frame are in each other frame; on the CPU.

    Attributes:
        positions: float32 [F, F, P, 2]; positions[i, j, p] = (x, y), in cells, in frame j of the
            point that starts at cell p = y * w + x of frame i. Always finite. May lie outside the
            grid; then the point is invisible there. Pairs further apart than the tracker's reach
            hold the start.
        visible: bool [F, F, P].
    """

    positions: torch.Tensor
    visible: torch.Tensor

    def __post_init__(self) -> None:
        frames = self.visible.shape[0] if self.visible.ndim == 3 else -1
        if self.visible.shape[:2] != (frames, frames):
            raise ShapeError("visible", "[F, F, P]", tuple(self.visible.shape))
        if self.positions.shape != (*self.visible.shape, 2):
            raise ShapeError("positions", "[F, F, P, 2]", tuple(self.positions.shape))


class Tracker(Protocol):
    """Follows the points of a window."""

    name: str

    def track(
        self,
        frames: Sequence[np.ndarray],
        grid: tuple[int, int],
        reach: int,
        known: Tracks | None = None,
    ) -> Tracks:
        """The tracks among ``frames``.

        Args:
            frames: float32 [H, W, 3], display sRGB 0..1, all of one size, of the whole window.
            grid: (h, w) of the cells that share the picture equally.
            reach: Most frames between a point's start and where it is followed to.
            known: The tracks among the first frames of this window (the overlap with the window
                before), on the same grid, with the same reach: they are copied, not computed.

        Raises:
            ShapeError: If frames differ in size, or ``known`` does not fit them.
            SettingsError: If there is no frame, or grid or reach are not positive.
            TrackerError: If the tracker itself fails.
        """
        ...


def check_window(
    frames: Sequence[np.ndarray], grid: tuple[int, int], reach: int, known: Tracks | None
) -> int:
    """Raises what :meth:`Tracker.track` promises; returns how many first frames are known."""
    if not frames:
        raise SettingsError("A tracker needs at least one frame.")
    if min(grid) < 1:
        raise SettingsError(f"A grid has at least 1 x 1 cells, not {grid[0]} x {grid[1]}.")
    if reach < 0:
        raise SettingsError(f"A tracker's reach is 0 frames or more, not {reach}.")
    for number, frame in enumerate(frames):
        if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ShapeError(f"Frame {number} of the window", "[H, W, 3]", frame.shape)
        if frame.shape != frames[0].shape:
            expected = f"{list(frames[0].shape)} like the first frame"
            raise ShapeError(f"Frame {number} of the window", expected, frame.shape)
    if known is None:
        return 0
    count, cells = len(known.visible), grid[0] * grid[1]
    if count > len(frames) or known.visible.shape[2] != cells:
        expected = f"[n, n, {cells}] with n of at most {len(frames)}"
        raise ShapeError("visible of the known tracks", expected, tuple(known.visible.shape))
    return count


def cell_centres(grid: tuple[int, int]) -> torch.Tensor:
    """float32 [P, 2]: (x, y) of each cell, row by row."""
    rows, columns = torch.meshgrid(
        torch.arange(grid[0], dtype=torch.float32),
        torch.arange(grid[1], dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([columns.flatten(), rows.flatten()], dim=-1)


def inside(positions: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """bool [...]: whether positions [..., 2] (x, y), in cells, lie in the picture; NaN does not."""
    size = torch.tensor([grid[1], grid[0]], dtype=positions.dtype, device=positions.device)
    return ((positions >= -0.5) & (positions < size - 0.5)).all(dim=-1)


def start(frames: int, grid: tuple[int, int], known: Tracks | None) -> Tracks:
    """Tracks to fill: what is known is there; else each point stays at its start, seen only there.

    The tensors are new; writing to them changes nothing else.
    """
    cells = cell_centres(grid)
    positions = cells.expand(frames, frames, *cells.shape).clone()
    visible = torch.eye(frames, dtype=torch.bool)[..., None].repeat(1, 1, len(cells))
    if known is not None:
        count = len(known.visible)
        positions[:count, :count] = known.positions
        visible[:count, :count] = known.visible
    return Tracks(positions, visible)


def distances(frames: int) -> torch.Tensor:
    """int64 [F, F]: |i - j|."""
    number = torch.arange(frames)
    return (number[:, None] - number[None]).abs()
