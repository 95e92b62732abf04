"""Boxes in a picture, and where its subject lies.

A box is in shares of the picture (0..1 from the top left corner to the bottom right one), so that
the same box serves the plate, its proxy and its maps. Boxes that are cut from a plate lie on whole
pixels of it (:meth:`Box.snapped`; those of ``crops`` and ``tiles`` do): a cut is then a view, and
pasting knows exactly where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from smite_engine.errors import ShapeError

LEAST_SIDE = 8
"""Least pixels of a box's sides in a plate: one latent cell (or the whole side of a tiny plate)."""

SPECK = 0.05
"""Areas below this share of the largest one do not count as subject.

A limb that an occlusion cuts off a body is more than a twentieth of it; noise of the maps is less.
"""


@dataclass(frozen=True)
class Box:
    """A box with 0 <= top < bottom <= 1 and 0 <= left < right <= 1, in shares of the picture."""

    top: float
    left: float
    bottom: float
    right: float

    def __post_init__(self) -> None:
        if not (0 <= self.top < self.bottom <= 1 and 0 <= self.left < self.right <= 1):
            raise ValueError(f"{self} is empty or leaves the picture, whose shares are 0 to 1")

    @classmethod
    def of_pixels(cls, top: int, left: int, size: tuple[int, int], picture: tuple[int, int]) -> Box:
        """The box of ``size`` (height, width) at (top, left) of a ``picture`` (H, W), in pixels."""
        height, width = picture
        return cls(top / height, left / width, (top + size[0]) / height, (left + size[1]) / width)

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """(rows, columns) of a picture: edges rounded, at least ``LEAST_SIDE``, inside of it."""
        return _span(self.top, self.bottom, height), _span(self.left, self.right, width)

    def snapped(self, height: int, width: int) -> Box:
        """The box of :meth:`pixels`; snapping it again to the same picture changes nothing."""
        rows, columns = self.pixels(height, width)
        size = rows.stop - rows.start, columns.stop - columns.start
        return Box.of_pixels(rows.start, columns.start, size, (height, width))


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def _span(start: float, end: float, length: int) -> slice:
    """Whole pixels of one axis; a span that is too short grows towards both sides."""
    first, last = round(start * length), round(end * length)
    least = min(LEAST_SIDE, length)
    if last - first < least:
        first = round((start + end) / 2 * length - least / 2)
        first = max(0, min(first, length - least))
        last = first + least
    return slice(first, last)


def crop_image(image: np.ndarray, box: Box) -> np.ndarray:
    """The box of an image [H, W, C], a view: nothing is copied."""
    return image[box.pixels(*image.shape[:2])]


def subject_box(probabilities: np.ndarray | torch.Tensor, threshold: float = 0.5) -> Box | None:
    """The box of everything in a frame that is not background.

    Args:
        probabilities: [K, h, w] in 0..1, background first; the cells are equal shares of the
            picture.
        threshold: A cell is subject where 1 - p_0 is above it.

    Returns:
        The box around the cells' outer edges, without specks (8-connected areas below ``SPECK``
        of the largest one); None where no cell is subject.

    Raises:
        ShapeError: If there are not three axes.
    """
    if probabilities.ndim != 3:
        raise ShapeError("The probabilities of a frame", "[K, h, w]", tuple(probabilities.shape))
    background = torch.as_tensor(probabilities[0]).detach().float().cpu().numpy()
    subject = (1 - background > threshold).astype(np.uint8)
    count, _, areas, _ = cv2.connectedComponentsWithStats(subject, connectivity=8)
    if count < 2:
        return None
    found = areas[1:]  # 0 is what lies around them.
    sizes = found[:, cv2.CC_STAT_AREA]
    kept = found[sizes >= SPECK * sizes.max()]
    left, top = kept[:, cv2.CC_STAT_LEFT], kept[:, cv2.CC_STAT_TOP]
    right, bottom = left + kept[:, cv2.CC_STAT_WIDTH], top + kept[:, cv2.CC_STAT_HEIGHT]
    height, width = subject.shape
    return Box(
        top=int(top.min()) / height,
        left=int(left.min()) / width,
        bottom=int(bottom.max()) / height,
        right=int(right.max()) / width,
    )
