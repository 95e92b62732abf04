"""Plates at a part of their size: every n x n pixels are averaged to one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from smite_server.geometry import Floats, Geometry, Window
from smite_server.plates import Plate, PlateFrame

__all__ = ["ProxyPlate", "proxy_geometry", "proxy_pixels"]


class ProxyPlate(Plate):
    """A plate whose frames are 1/`size` of another's.

    Args:
        plate: the full size; it is closed with this one.
        size: pixels of it, in each direction, that become one: 2 or more.
    """

    def __init__(self, plate: Plate, size: int) -> None:
        self._full, self._size = plate, size
        self.path = plate.path
        self.colour_space = plate.colour_space
        self.frames_per_second = plate.frames_per_second
        self.geometry = proxy_geometry(plate.geometry, size)

    @property
    def numbers(self) -> tuple[int, ...]:  # type: ignore[override]
        """Those of the full size."""
        return self._full.numbers

    @property
    def missing(self) -> tuple[int, ...]:
        """Those of the full size, which grow while it is read."""
        return self._full.missing

    @missing.setter
    def missing(self, numbers: tuple[int, ...]) -> None:
        self._full.missing = numbers

    @property
    def format_hint(self) -> str:
        return self._full.format_hint

    def read(self, number: int) -> PlateFrame:
        """Frame `number`. Raises PlateError."""
        frame = self._full.read(number)
        pixels = proxy_pixels(frame.pixels, frame.geometry.data, self._size)
        return replace(frame, pixels=pixels, geometry=self.geometry)

    def second_reader(self) -> Plate:
        return ProxyPlate(self._full.second_reader(), self._size)

    def close(self) -> None:
        self._full.close()

    def _leave_out(self, number: int) -> bool:
        return self._full._leave_out(number)


def proxy_geometry(full: Geometry, size: int) -> Geometry:
    """The windows of a proxy: the cells of `size` x `size` pixels that the full ones touch.

    Cells are counted from pixel 0, so that windows of both sizes stay in register, overscan too;
    the pixel aspect stays.
    """

    def cells(window: Window) -> Window:
        return Window(
            window.x0 // size, window.y0 // size, -(-window.x1 // size), -(-window.y1 // size)
        )

    return Geometry(cells(full.display), cells(full.data), full.pixel_aspect)


def proxy_pixels(pixels: Floats, data: Window, size: int) -> Floats:
    """`pixels` [H, W, 3] of window `data`, averaged over cells; float32 [h, w, 3].

    A cell that lies partly outside the window takes the nearest pixels for what is not there.
    """
    cells = proxy_geometry(Geometry(data, data), size).data
    left, top = data.x0 - cells.x0 * size, data.y0 - cells.y0 * size
    right, bottom = cells.x1 * size - data.x1, cells.y1 * size - data.y1
    if left or top or right or bottom:
        pixels = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), "edge")
    found = cv2.resize(
        np.ascontiguousarray(pixels), (cells.width, cells.height), interpolation=cv2.INTER_AREA
    )
    return np.asarray(found, np.float32)
