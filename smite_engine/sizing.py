"""Sizes the backbone works at: aspect kept, sides in whole latent blocks, the area bounded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

BLOCK = 64  # The UNet halves the latents (1/8 of the image) three times.
LATENT_STEP = 8
MOST_ENLARGED = 2.0  # Pictures are never enlarged further for the backbone.


@dataclass(frozen=True)
class WorkingSize:
    """How a picture lies on the backbone's canvas.

    The picture is resized to ``height`` x ``width`` (multiples of 8), top left on a canvas of
    ``canvas_height`` x ``canvas_width`` (multiples of 64); the rest repeats the picture's edge.
    """

    height: int
    width: int
    canvas_height: int
    canvas_width: int

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the latents that belong to the picture."""
        return self.height // LATENT_STEP, self.width // LATENT_STEP


def working_size(height: int, width: int, area: int) -> WorkingSize:
    """The largest canvas of at most ``area`` pixels that keeps the aspect of height x width.

    Of the canvases within 20 percent of the largest, the one that is filled best is taken.
    Pictures are never enlarged beyond twice their size.
    """
    aspect = width / height
    candidates = []
    for canvas_width in range(BLOCK, area // BLOCK + 1, BLOCK):
        for canvas_height in range(BLOCK, area // canvas_width + 1, BLOCK):
            fit = min(canvas_width / width, canvas_height / height, MOST_ENLARGED)
            inner_height = _to_step(height * fit, canvas_height)
            inner_width = _to_step(width * fit, canvas_width)
            skew = abs(inner_width / inner_height / aspect - 1)
            filled = inner_height * inner_width
            size = WorkingSize(inner_height, inner_width, canvas_height, canvas_width)
            candidates.append((filled, filled / (canvas_height * canvas_width), skew, size))
    largest = max(filled for filled, *_ in candidates)
    near = [entry for entry in candidates if entry[0] >= 0.8 * largest]
    return max(near, key=lambda entry: (entry[1] - 2 * entry[2], entry[0]))[3]


def _to_step(length: float, limit: int) -> int:
    """The nearest multiple of the latent step, at least one and at most ``limit``."""
    return min(limit, max(LATENT_STEP, round(length / LATENT_STEP) * LATENT_STEP))


def to_canvas(images: torch.Tensor, size: WorkingSize) -> torch.Tensor:
    """Images [F, 3, H, W] of any size on the canvas, [F, 3, canvas_height, canvas_width].

    Shrinking averages areas, so that thin parts do not alias.
    """
    fitted = functional.interpolate(
        images, size=(size.height, size.width), mode="bilinear", antialias=True
    )
    right, below = size.canvas_width - size.width, size.canvas_height - size.height
    return functional.pad(fitted, (0, right, 0, below), mode="replicate")


def on_picture(maps: torch.Tensor, size: WorkingSize) -> torch.Tensor:
    """Maps [..., h, w] of the whole canvas, cut to the picture's own grid."""
    height, width = size.grid
    return maps[..., :height, :width]
