"""How a plate moves from one frame to the next: dense optical flow both ways, computed once.

Flow is DIS (Kroeger et al. 2016). What is measured along the plate's motion shares one step: the
flicker of labels and the motion of matte edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["FLOW_ERROR", "FLOW_SIDE", "PlateMotion", "Step", "carry", "flow_size"]

FLOW_SIDE = 480
"""Longer side, in pixels, of the pictures that optical flow is computed on."""

FLOW_ERROR = 0.5
"""A point is visible where following the flow there and back misses it by less (flow-size pixels).

With it, and the medium preset, ground truth itself flickers by 1 to 6 percent on DAVIS clips: the
floor of the figure, where fast limbs and thin shapes are at one end and slow swans at the other.
"""

SMALLEST_SIDE = 16
"""DIS reads beyond the end of pictures of fewer pixels on a side."""

Grey = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Way:
    """Where the pixels of one frame are in another.

    Attributes:
        x, y: float32 [h, w], the place in the other frame of each pixel of this one; pixel centres
            are whole numbers.
        visible: bool [h, w]; false where the place is outside the picture, or where the way back
            from it misses the pixel by `FLOW_ERROR` or more.
    """

    x: Field
    y: Field
    visible: Masks


@dataclass(frozen=True)
class Step:
    """The plate's motion between a frame and the next, at flow size.

    Attributes:
        forward: float32 [h, w, 2]: pixel (x, y) of the frame is at (x, y) + forward in the next.
        backward: The same from the next frame to this one.
    """

    forward: Field
    backward: Field

    @cached_property
    def ahead(self) -> Way:
        """Where the frame's pixels are in the next one."""
        return _way(self.forward, self.backward)

    @cached_property
    def back(self) -> Way:
        """Where the next frame's pixels were in this one."""
        return _way(self.backward, self.forward)


class PlateMotion:
    """Follows a plate frame by frame; keeps one small grey picture, `last`, uint8 [h, w]."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.last: Grey | None = None

    def add(self, rgb: npt.NDArray[np.floating]) -> Step | None:
        """The next frame; the step to it, None for the first one and after a change of size.

        Args:
            rgb: float 0..1 or uint8, [H, W, 3].
        """
        before, grey = self.last, small_grey(rgb)
        self.last = grey
        if before is None or before.shape != grey.shape:
            return None
        return Step(self._flow.calc(before, grey, None), self._flow.calc(grey, before, None))


def flow_size(height: int, width: int) -> tuple[int, int]:
    """(w, h) of the picture that flow is computed on: longer side at most `FLOW_SIDE`."""
    scale = min(1.0, FLOW_SIDE / max(height, width))
    return max(SMALLEST_SIDE, round(width * scale)), max(SMALLEST_SIDE, round(height * scale))


def small_grey(rgb: npt.NDArray[np.floating]) -> Grey:
    """uint8 [h, w] luminance of a frame [H, W, 3] (float 0..1 or uint8) at flow size."""
    height, width = rgb.shape[:2]
    size = flow_size(height, width)
    small = (
        rgb
        if (width, height) == size
        else cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
    )
    if small.dtype != np.uint8:
        small = (np.clip(small, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    grey: Grey = cv2.cvtColor(np.ascontiguousarray(small), cv2.COLOR_RGB2GRAY)
    return grey


def carry(plane: npt.NDArray[np.floating], x: Field, y: Field) -> Field:
    """A plane [H, W] read at places x, y float32 [h, w], bilinear: float32 [h, w].

    Places outside the picture read its border.
    """
    carried: Field = cv2.remap(
        np.asarray(plane, np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return carried


def _way(there: Field, back: Field) -> Way:
    """From the flow there and the flow back, both float32 [h, w, 2]."""
    height, width = there.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    end_x, end_y = x + there[..., 0], y + there[..., 1]
    inside = (end_x >= 0) & (end_y >= 0) & (end_x <= width - 1) & (end_y <= height - 1)
    returned = cv2.remap(back, end_x, end_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = there + returned
    error = np.hypot(missed[..., 0], missed[..., 1])
    return Way(end_x, end_y, inside & (error < FLOW_ERROR))
