"""Plates at a part of their size: in register with the full one, whatever their windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smite_server.geometry import Geometry, Window
from smite_server.plates import open_plate
from smite_server.proxies import ProxyPlate, proxy_geometry, proxy_pixels
from tests.server.pixel_files import picture, write_rgb_exr


@pytest.mark.parametrize(
    ("full", "size", "cells"),
    [
        (Window(0, 0, 1920, 1080), 2, Window(0, 0, 960, 540)),
        (Window(0, 0, 1921, 1081), 4, Window(0, 0, 481, 271)),
        (Window(-5, -4, 70, 50), 4, Window(-2, -1, 18, 13)),
        (Window(3, 2, 5, 9), 8, Window(0, 0, 1, 2)),
    ],
    ids=["even", "odd", "overscan", "inside one cell"],
)
def test_windows_are_the_cells_that_are_touched(full: Window, size: int, cells: Window) -> None:
    found = proxy_geometry(Geometry(full, full, 2.0), size)
    assert found == Geometry(cells, cells, 2.0)


def test_pixels_are_means_of_their_cells() -> None:
    pixels = picture(8, 12)
    found = proxy_pixels(pixels, Window(0, 0, 12, 8), 4)
    means = pixels.reshape(2, 4, 3, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(found, means, rtol=1e-5)


def test_a_data_window_off_the_cells_stays_in_register() -> None:
    """A step at x = 0 of the display stays between two cells, with overscan that is not even."""
    data = Window(-5, 0, 11, 8)
    pixels = np.zeros((8, 16, 3), np.float32)
    pixels[:, 5:] = 1.0
    found = proxy_pixels(pixels, data, 4)
    assert found.shape == (2, 5, 3)
    np.testing.assert_array_equal(found[0, :, 0], [0, 0, 1, 1, 1])


def test_a_proxy_of_a_sequence_says_what_the_sequence_says(tmp_path: Path) -> None:
    geometry = Geometry(Window(0, 0, 40, 24), Window(-3, 0, 40, 24), 2.0)
    for number in (1, 3):
        write_rgb_exr(tmp_path / f"x.{number:04d}.exr", picture(24, 43, number), geometry)
    full = open_plate(tmp_path / "x.####.exr", on_missing="hold")
    with ProxyPlate(full, 2) as plate:
        assert (plate.numbers, plate.missing) == ((1, 2, 3), (2,))
        frames = [*plate]
        assert [frame.number for frame in frames] == [1, 2, 3]
        assert frames[1].held_from == 1
        assert frames[0].geometry == plate.geometry == proxy_geometry(geometry, 2)
        assert frames[0].pixels.shape == (12, 22, 3)
        again = plate.second_reader().read(3)
        np.testing.assert_array_equal(again.pixels, frames[2].pixels)
