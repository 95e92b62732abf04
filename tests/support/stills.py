"""Synthetic stills with painted parts, for tests that need pixels but no footage."""

from __future__ import annotations

import numpy as np

from smite_engine import Reference


def square_and_ball(seed: int, height: int = 96, width: int = 128) -> Reference:
    """A bright square and a dark ball on noise, somewhere else for every seed."""
    rng = np.random.default_rng(seed)
    image = rng.uniform(0.35, 0.65, (height, width, 3)).astype(np.float32)
    labels = np.zeros((height, width), np.uint8)
    top, left = rng.integers(4, height - 44), rng.integers(4, width // 2 - 44)
    labels[top : top + 40, left : left + 40] = 1
    rows, cols = np.ogrid[:height, :width]
    centre = rng.integers(24, height - 24), rng.integers(width // 2 + 24, width - 24)
    labels[(rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 < 20**2] = 2
    image[labels == 1] = (0.9, 0.8, 0.1)
    image[labels == 2] = (0.1, 0.1, 0.5)
    return Reference(image, labels, f"still_{seed}")
