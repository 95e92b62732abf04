"""Plates of many windows, sizes and colour spaces: their mattes fit them, in every style."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import PyOpenColorIO
import pytest

from smite_server.colour import BUILT_IN_CONFIG
from smite_server.geometry import Geometry, Window
from tests.server.pixel_files import write_rgb_exr
from tests.support import footage
from tests.support.command import FAST, Smite

STYLES = ("parts", "layers", "cryptomatte")
LINEAR = "lin_rec709_scene"


def linear_cart(height: int = footage.HEIGHT, width: int = footage.WIDTH) -> np.ndarray:
    """The cart as scene-linear light, tiled or cut to a size."""
    display = footage.cart(20, seed=1)[0]
    times = (-(-height // footage.HEIGHT), -(-width // footage.WIDTH), 1)
    display = np.tile(display, times)[:height, :width]
    low = display / 12.92
    light: np.ndarray = np.where(display <= 0.04045, low, ((display + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def segment(smite: Smite, plate: Path, out: Path, *options: str) -> dict[str, Any]:
    return smite.json("segment", plate, "--model", "cart", "--out", out, *FAST, *options)


def frame(found: dict[str, Any], member: str, number: int = 1001) -> Path:
    return Path(found["files"][member].replace("####", str(number)))


@pytest.mark.parametrize("space", [LINEAR, "ACEScg", "ARRI LogC4"])
def test_mattes_do_not_hang_on_the_plates_colour_space(
    served: Smite, learned: Path, tmp_path: Path, space: str
) -> None:
    """The same light as display-referred, linear, wide gamut and log."""
    config = PyOpenColorIO.Config.CreateFromFile(BUILT_IN_CONFIG)
    pixels = linear_cart()
    config.getProcessor(LINEAR, space).getDefaultCPUProcessor().applyRGB(pixels)
    (tmp_path / "exr").mkdir()
    plate = write_rgb_exr(tmp_path / "exr" / "cart.1001.exr", pixels)
    footage.write_png(tmp_path / "png" / "cart.1001.png", footage.cart(20, seed=1)[0])
    expected = segment(served, tmp_path / "png" / "cart.1001.png", tmp_path / "out_png")
    found = segment(served, plate, tmp_path / "out_exr", "--colour-space", space,
                    "--ocio", BUILT_IN_CONFIG)  # fmt: skip
    for slug in ("body", "left_wheel"):
        _, one = footage.read_alpha(frame(expected, slug))
        _, other = footage.read_alpha(frame(found, slug))
        assert one.max() > 0.9
        assert np.abs(one.astype(np.float32) - other.astype(np.float32)).mean() < 0.01


GEOMETRIES = {
    "overscan": Geometry(Window(0, 0, 96, 72), Window(-8, -6, 104, 78)),
    "data inside the display": Geometry(Window(0, 0, 128, 96), Window(10, 7, 91, 60)),
    "display not from 0": Geometry(Window(1000, -500, 1096, -428), Window(1000, -500, 1096, -428)),
    "anamorphic": Geometry(Window(0, 0, 48, 72), Window(0, 0, 48, 72), 2.0),
    "odd and portrait": Geometry(Window(0, 0, 61, 97), Window(0, 0, 61, 97)),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_openimageio_agrees_on_windows_aspect_and_channels(
    served: Smite, learned: Path, tmp_path: Path, name: str
) -> None:
    geometry = GEOMETRIES[name]
    pixels = linear_cart(*geometry.data.shape)
    plate = write_rgb_exr(tmp_path / "odd.1001.exr", pixels, geometry)
    found = segment(served, plate, tmp_path / "out", "--style", ",".join(STYLES))
    channels = {
        "body": ("A",),
        "layers": ("body.A", "left_wheel.A"),
        "cryptomatte": tuple(f"CryptoPart0{n}.{c}" for n in range(3) for c in "rgba"),
    }
    for member, expected in channels.items():
        spec = OpenImageIO.ImageInput.open(str(frame(found, member))).spec()
        assert sorted(spec.channelnames) == sorted(expected)
        data, display = geometry.data, geometry.display
        assert (spec.x, spec.y, spec.width, spec.height) == (
            data.x0, data.y0, data.width, data.height,
        )  # fmt: skip
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (
            display.x0, display.y0, display.width, display.height,
        )  # fmt: skip
        assert spec["PixelAspectRatio"] == geometry.pixel_aspect
        assert spec["smite/shot"] == "odd"


def test_an_overscan_proxy_is_in_register_with_the_full_size(
    served: Smite, learned: Path, tmp_path: Path
) -> None:
    geometry = Geometry(Window(0, 0, 192, 144), Window(-10, -6, 202, 150))
    plate = write_rgb_exr(tmp_path / "over.1001.exr", linear_cart(156, 212), geometry)
    found = segment(served, plate, tmp_path / "out", "--proxy", "4", "--style", "parts,layers")
    spec = OpenImageIO.ImageInput.open(str(frame(found, "layers"))).spec()
    assert (spec.x, spec.y, spec.width, spec.height) == (-3, -2, 54, 40)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 48, 36)
    assert frame(found, "body").is_relative_to(tmp_path / "out" / "proxy_4")
