"""When a second pass looks closer at the subject, and how: by crop, by tiles, or not at all."""

from __future__ import annotations

import math
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt
import torch

from smite_engine.boxes import subject_box
from smite_engine.crops import MARGIN
from smite_engine.errors import ShapeError
from smite_engine.sizing import MOST_ENLARGED, working_size

CROP_GAIN = 1.75
"""Crops must show the subject so many times larger (a third of the picture's area) to be worth a
second pass; less is lost again by what the subject's surroundings tell."""

CROP_FRAMES = 0.9
"""Share of the frames in which the gain must be reached: a false find in one does not decide."""

FINE_CELLS = 3
"""A part at most so many latent cells across is fine: the coarsest cross-attention, at a quarter of
the latent grid, has no cell that lies inside of it."""

TILE_DETAIL = 4.0
"""Tiles pay where the plate has over so many times the pixels that the backbone sees of it: twice a
side. For less they multiply the time and add little."""


class Focus(StrEnum):
    """What the second pass looks at."""

    WHOLE = "whole"
    """The whole picture: there is no second pass."""
    CROP = "crop"
    """A box that follows the subject."""
    TILES = "tiles"
    """Overlapping parts of the picture, averaged."""


def choose_focus(
    probabilities: torch.Tensor, picture: tuple[int, int], area: int, *, margin: float = MARGIN
) -> Focus:
    """The focus that suits a subject, from a first pass over the whole picture.

    Crop where the subject gets ``CROP_GAIN`` times larger in ``CROP_FRAMES`` of the frames that
    show it. Otherwise tiles, where its finest part is at most ``FINE_CELLS`` wide and the plate
    has the detail (``TILE_DETAIL``). Otherwise, or where there is no subject, the whole picture.

    Args:
        probabilities: [F, K, h, w] of the first pass, background first, on its latent grid.
        picture: (H, W) of the plate in pixels.
        area: Pixels that the backbone works at, in either pass.
        margin: As in :func:`smite_engine.crops.smooth_boxes`.

    Raises:
        ShapeError: If there are not four axes.
    """
    if probabilities.ndim != 4:
        raise ShapeError("The first pass", "[F, K, h, w]", tuple(probabilities.shape))
    found = [box for box in map(subject_box, probabilities) if box is not None]
    if not found:
        return Focus.WHOLE
    shares = [max(box.height, box.width) / (1 - 2 * margin) for box in found]
    share = max(float(np.quantile(shares, CROP_FRAMES)), smallest_share(picture, area))
    if share * CROP_GAIN <= 1:
        return Focus.CROP
    seen = working_size(*picture, area)
    detail = picture[0] * picture[1] / (seen.height * seen.width)
    if detail > TILE_DETAIL and finest_part(probabilities) <= FINE_CELLS:
        return Focus.TILES
    return Focus.WHOLE


def smallest_share(picture: tuple[int, int], area: int) -> float:
    """Share of a picture's sides that fills the working area at ``MOST_ENLARGED``, at most 1.

    A smaller crop would show nothing larger.
    """
    return min(1.0, math.sqrt(area / (picture[0] * picture[1])) / MOST_ENLARGED)


def finest_part(probabilities: torch.Tensor) -> float:
    """Cells across the narrowest part of [F, K, h, w]; infinite where there is none.

    A part is as wide as the largest disc in it, the median over the frames; parts that are absent
    from half of the frames or more are left out. Odd widths are exact, even ones one too low.
    """
    labels = probabilities.argmax(dim=1).cpu().numpy()
    widths = []
    for part in range(1, probabilities.shape[1]):
        each = [_inscribed((frame == part).astype(np.uint8)) for frame in labels]
        widths.append(float(np.median(each)))
    return min((width for width in widths if width > 0), default=math.inf)


def _inscribed(mask: npt.NDArray[np.uint8]) -> float:
    """Diameter in cells of the largest disc in a 0/1 mask [h, w]; 0 for an empty one."""
    if not mask.any():
        return 0.0
    if mask.all():
        return float(min(mask.shape))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return 2 * float(inside.max()) - 1
