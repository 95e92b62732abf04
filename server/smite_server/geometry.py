"""Where pixels lie: display window, data window, pixel aspect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Geometry", "Window", "place"]

Floats = npt.NDArray[np.float32]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: inclusive minimum, exclusive maximum; y points down."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.y1 - self.y0

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as arrays have it."""
        return self.height, self.width

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Geometry:
    """What a matte inherits from its plate.

    Attributes:
        display: the display window.
        data: the data window; pixel arrays have its shape.
        pixel_aspect: width of a pixel over its height; 2.0 for squeezed anamorphic plates.
    """

    display: Window
    data: Window
    pixel_aspect: float = 1.0

    @classmethod
    def of_size(cls, width: int, height: int, pixel_aspect: float = 1.0) -> Geometry:
        """A picture whose data window is its display window, from (0, 0)."""
        window = Window(0, 0, width, height)
        return cls(window, window, pixel_aspect)


def place(pixels: npt.NDArray[T], data: Window, canvas: Window) -> npt.NDArray[T]:
    """`pixels` [H, W, ...] of window `data`, on a zero canvas of window `canvas`.

    Returns `pixels` itself where both windows are the same; what lies outside is cut off.
    """
    if data == canvas:
        return pixels
    out = np.zeros((*canvas.shape, *pixels.shape[2:]), pixels.dtype)
    x0, x1 = max(data.x0, canvas.x0), min(data.x1, canvas.x1)
    y0, y1 = max(data.y0, canvas.y0), min(data.y1, canvas.y1)
    if x0 < x1 and y0 < y1:
        out[y0 - canvas.y0 : y1 - canvas.y0, x0 - canvas.x0 : x1 - canvas.x0] = pixels[
            y0 - data.y0 : y1 - data.y0, x0 - data.x0 : x1 - data.x0
        ]
    return out
