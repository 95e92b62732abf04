"""Plates: channel layouts, windows, formats, bad pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from smite_server.geometry import Geometry, Window
from smite_server.pixel_errors import PlateError
from smite_server.plates import engine_view, open_plate
from tests.server.pixel_files import (
    exr_header,
    picture,
    truncate,
    write_exr,
    write_picture,
    write_rgb_exr,
)

LAYOUTS = {
    "plain": {"R": "R", "G": "G", "B": "B"},
    "with alpha and depth": {"R": "R", "G": "G", "B": "B", "A": "X", "Z": "X"},
    "lower case": {"r": "R", "g": "G", "b": "B"},
    "rgba layer": {"rgba.R": "R", "rgba.G": "G", "rgba.B": "B", "rgba.A": "X"},
    "beauty among others": {
        "beauty.R": "R", "beauty.G": "G", "beauty.B": "B",
        "albedo.R": "X", "albedo.G": "X", "albedo.B": "X",
    },
    "blender": {
        "ViewLayer.Combined.R": "R", "ViewLayer.Combined.G": "G", "ViewLayer.Combined.B": "B",
        "ViewLayer.CryptoObject00.r": "X", "ViewLayer.CryptoObject00.g": "X",
        "ViewLayer.CryptoObject00.b": "X", "ViewLayer.CryptoObject00.a": "X",
        "ViewLayer.Normal.X": "X", "ViewLayer.Normal.Y": "X", "ViewLayer.Normal.Z": "X",
    },
    "plain beside a light layer": {
        "R": "R", "G": "G", "B": "B", "key.R": "X", "key.G": "X", "key.B": "X",
    },
    "only a light layer": {
        "key.R": "R", "key.G": "G", "key.B": "B", "crypto00.R": "X", "crypto00.G": "X",
        "crypto00.B": "X", "depth.Z": "X",
    },
    "spelled out": {"red": "R", "green": "G", "blue": "B"},
    "grey Y": {"Y": "R"},
    "grey Y with alpha": {"Y": "R", "A": "X"},
    "alpha alone": {"A": "R"},
    "any single name": {"mask.whatever": "R"},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_picks_colour_out_of_any_layout(tmp_path: Path, layout: dict[str, str]) -> None:
    rgb = picture().astype(np.float16)
    sources = {"R": rgb[..., 0], "G": rgb[..., 1], "B": rgb[..., 2], "X": rgb[..., 0] * 0 + 9}
    path = write_exr(tmp_path / "x.exr", {name: sources[src] for name, src in layout.items()})
    frame = open_plate(path).read(1)
    expected = rgb if len(set(layout.values()) - {"X"}) == 3 else rgb[..., [0, 0, 0]]
    np.testing.assert_array_equal(frame.pixels, expected.astype(np.float32))
    assert frame.pixels.dtype == np.float32


@pytest.mark.parametrize("kind", ["float16", "float32", "uint32"])
def test_reads_half_float_and_whole_numbers(tmp_path: Path, kind: str) -> None:
    values = (picture() * 100).astype(kind)
    path = write_exr(tmp_path / "x.exr", {n: values[..., i] for i, n in enumerate("RGB")})
    np.testing.assert_array_equal(open_plate(path).read(1).pixels, values.astype(np.float32))


def test_takes_the_first_part_with_colour(tmp_path: Path) -> None:
    rgb = picture().astype(np.float16)
    geometry = Geometry.of_size(40, 24)

    def part(name: str, channels: dict[str, np.ndarray]) -> OpenEXR.Part:
        data = {key: np.ascontiguousarray(value) for key, value in channels.items()}
        return OpenEXR.Part(exr_header(geometry), data, name)

    parts = [
        part("depth", {"Z": rgb[..., 0].astype(np.float32)}),
        part("CryptoObject00", {n: rgb[..., 0].astype(np.float32) for n in "RGBA"}),
        part("rgba", {n: rgb[..., i] for i, n in enumerate("RGB")}),
    ]
    with OpenEXR.File(parts) as file:
        file.write(str(tmp_path / "x.exr"))
    frame = open_plate(tmp_path / "x.exr").read(1)
    np.testing.assert_array_equal(frame.pixels, rgb.astype(np.float32))


@pytest.mark.parametrize(
    "data",
    [Window(-8, -4, 48, 28), Window(5, 6, 20, 18), Window(0, 0, 40, 24)],
    ids=["overscan, negative origin", "crop", "equal"],
)
def test_windows_and_pixel_aspect_come_from_the_file(tmp_path: Path, data: Window) -> None:
    geometry = Geometry(Window(0, 0, 40, 24), data, 2.0)
    rgb = picture(data.height, data.width)
    write_rgb_exr(tmp_path / "x.0007.exr", rgb, geometry)
    frame = open_plate(tmp_path / "x.####.exr").read(7)
    assert frame.geometry == geometry
    assert frame.pixels.shape == (data.height, data.width, 3)
    np.testing.assert_allclose(frame.pixels, rgb, atol=1e-3)


def test_data_windows_that_change_lie_on_one_canvas(tmp_path: Path) -> None:
    display = Window(0, 0, 40, 24)
    boxes = {1: Window(0, 0, 10, 10), 2: Window(30, 4, 44, 20)}
    for number, box in boxes.items():
        rgb = np.full((box.height, box.width, 3), number, np.float32)
        write_rgb_exr(tmp_path / f"x.{number:04d}.exr", rgb, Geometry(display, box))
    plate = open_plate(tmp_path / "x.%04d.exr")
    assert plate.geometry.data == Window(0, 0, 44, 20)
    for number, box in boxes.items():
        pixels = plate.read(number).pixels[..., 0]
        assert pixels.shape == (20, 44)
        assert (pixels[box.y0 : box.y1, box.x0 : box.x1] == number).all()
        assert np.count_nonzero(pixels) == box.width * box.height


def test_anamorphic_plates_are_widened_for_the_engine(tmp_path: Path) -> None:
    rgb = picture()
    write_rgb_exr(tmp_path / "x.exr", rgb, Geometry(*[Window(0, 0, 40, 24)] * 2, 2.0))
    frame = open_plate(tmp_path / "x.exr").read(1)
    view = engine_view(frame, frame.pixels)
    assert view.shape == (24, 80, 3)
    assert view.dtype == np.float32
    np.testing.assert_allclose(view.mean(axis=(0, 1)), rgb.mean(axis=(0, 1)), atol=0.01)
    square = open_plate(write_rgb_exr(tmp_path / "square.exr", rgb)).read(1)
    assert engine_view(square, square.pixels) is square.pixels


FORMATS = {
    "png 8": (".png", "uint8", 1 / 255),
    "png 16": (".png", "uint16", 1 / 65535),
    "tiff 8": (".tif", "uint8", 1 / 255),
    "tiff 16": (".tiff", "uint16", 1 / 65535),
    "tiff float": (".tif", "float32", 1e-6),
    "dpx 16": (".dpx", "uint16", 1 / 65535),
    "jpeg": (".jpg", "uint8", 0.06),
}


@pytest.mark.parametrize(("suffix", "kind", "tolerance"), FORMATS.values(), ids=FORMATS.keys())
def test_formats_beyond_exr(tmp_path: Path, suffix: str, kind: str, tolerance: float) -> None:
    rgb = picture(64, 96) * np.array([1, 1, 0], np.float32)  # smooth, for JPEG's sake
    full = 1.0 if kind == "float32" else np.iinfo(kind).max
    write_picture(tmp_path / f"x.0010{suffix}", (rgb * full).round().astype(kind)
                  if full > 1 else rgb)  # fmt: skip
    plate = open_plate(tmp_path / f"x.####{suffix}")
    np.testing.assert_allclose(plate.read(10).pixels, rgb, atol=tolerance)
    assert plate.geometry == Geometry.of_size(96, 64)


def test_alpha_and_grey_pictures(tmp_path: Path) -> None:
    rgb = (picture() * 255).astype(np.uint8)
    rgba = np.dstack([rgb, np.zeros((24, 40), np.uint8)])
    write_picture(tmp_path / "a.1.png", rgba)
    write_picture(tmp_path / "b.1.png", rgb[..., :1])
    np.testing.assert_allclose(open_plate(tmp_path / "a.#.png").read(1).pixels, rgb / 255.0, 1e-6)
    grey = open_plate(tmp_path / "b.#.png").read(1).pixels
    assert grey.shape == (24, 40, 3)
    np.testing.assert_allclose(grey, np.repeat(rgb[..., :1], 3, 2) / 255.0, 1e-6)


def test_camera_orientation_is_applied(tmp_path: Path) -> None:
    rgb = (picture() * 255).astype(np.uint8)
    write_picture(tmp_path / "x.tif", rgb, Orientation=6)
    plate = open_plate(tmp_path / "x.tif")
    assert (plate.geometry.data.width, plate.geometry.data.height) == (24, 40)
    np.testing.assert_allclose(plate.read(1).pixels, np.rot90(rgb, -1) / 255.0, atol=1e-6)


def test_not_a_number_is_replaced_and_counted(tmp_path: Path) -> None:
    rgb = np.full((24, 40, 3), 0.5, np.float32)
    rgb[4, 5] = np.nan
    rgb[10, 11, 1] = np.inf
    channels = {n: rgb[..., i] for i, n in enumerate("RGB")}
    frame = open_plate(write_exr(tmp_path / "x.exr", channels)).read(1)
    assert frame.bad_pixels == 2
    np.testing.assert_allclose(frame.pixels, 0.5)
    nothing = np.full((8, 8), np.nan, np.float32)
    empty = open_plate(write_exr(tmp_path / "y.exr", {"Y": nothing})).read(1)
    assert empty.bad_pixels == 64
    assert (empty.pixels == 0).all()


@pytest.mark.parametrize("compression", ["dwaa", "dwab", "piz", "zips", "rle", "none", "pxr24"])
def test_compressions(tmp_path: Path, compression: str) -> None:
    rgb = picture(70, 90)
    write_picture(tmp_path / "x.exr", rgb, compression=compression)
    frame = open_plate(tmp_path / "x.exr").read(1)
    np.testing.assert_allclose(frame.pixels, rgb, atol=0.05)


def test_tiled_files_and_their_truncation(tmp_path: Path) -> None:
    spec = OpenImageIO.ImageSpec(90, 70, 3, "half")
    spec.tile_width, spec.tile_height = 32, 32
    output = OpenImageIO.ImageOutput.create(str(tmp_path / "x.exr"))
    assert output.open(str(tmp_path / "x.exr"), spec)
    output.write_image(picture(70, 90))
    output.close()
    frame = open_plate(tmp_path / "x.exr").read(1)
    np.testing.assert_allclose(frame.pixels, picture(70, 90), atol=1e-3)
    truncate(tmp_path / "x.exr", 0.7)
    with pytest.raises(PlateError, match="Frame 1 cannot be read"):
        open_plate(tmp_path / "x.exr")


def test_deep_pictures_are_refused(tmp_path: Path) -> None:
    spec = OpenImageIO.ImageSpec(4, 4, 2, "float")
    spec.channelnames = ("A", "Z")
    spec.deep = True
    deep = OpenImageIO.DeepData()
    deep.init(16, 2, ("float", "float"), ("A", "Z"))
    output = OpenImageIO.ImageOutput.create(str(tmp_path / "x.exr"))
    assert output.open(str(tmp_path / "x.exr"), spec)
    output.write_deep_image(deep)
    output.close()
    with pytest.raises(PlateError, match="no flat colour channels"):
        open_plate(tmp_path / "x.exr")
