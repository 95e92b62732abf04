"""Colour: every plate becomes sRGB 0..1 for the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO
import pytest

from smite_server.colour import KNEE, ToDisplay, compress_highlights
from smite_server.pixel_errors import ColourError
from smite_server.plates import open_plate
from tests.server.pixel_files import picture, write_picture, write_rgb_exr

BUILT_IN = PyOpenColorIO.Config.CreateFromFile("ocio://studio-config-latest")


@pytest.fixture(autouse=True)
def _no_studio_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def converted(pixels: np.ndarray, source: str, target: str) -> np.ndarray:
    out = np.array(pixels, np.float32, order="C")
    BUILT_IN.getProcessor(source, target).getDefaultCPUProcessor().applyRGB(out)
    return out


def srgb_curve(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, written out."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_linear_below_the_knee_is_the_srgb_curve() -> None:
    light = picture() * KNEE
    np.testing.assert_allclose(ToDisplay(None, "x.exr").apply(light), srgb_curve(light), atol=2e-4)


@pytest.mark.parametrize(
    "space", ["ACEScg", "ACES2065-1", "Linear Rec.2020", "ARRI LogC4", "ACEScct", "lin_ap1_scene"]
)
def test_the_same_picture_in_any_scene_space_looks_the_same(space: str) -> None:
    linear = picture() * 3.0 + 0.02
    plate = converted(linear, "lin_rec709_scene", space)
    np.testing.assert_allclose(
        ToDisplay(space).apply(plate), ToDisplay("linear").apply(linear), atol=2e-3
    )


def test_cineon_agrees_with_its_formula() -> None:
    light = picture() * 0.5 + 0.01
    black = 10 ** ((95 - 685) / 300)
    codes = (685 + 300 * np.log10(light * (1 - black) + black)) / 1023
    np.testing.assert_allclose(
        ToDisplay("Cineon").apply(codes.astype(np.float32)), srgb_curve(light), atol=1e-3
    )


EVERY_SPACE = [space.getName() for space in BUILT_IN.getColorSpaces()]


@pytest.mark.parametrize("space", [*EVERY_SPACE, "Cineon", "sRGB", "linear", "rec709"])
def test_nothing_leaves_zero_to_one(space: str) -> None:
    wild = np.array([1e6, 65504, 3e38, np.inf, -np.inf, np.nan, -1, 0, 0.5, 1], np.float32)
    pixels = np.stack([wild, np.roll(wild, 1), np.roll(wild, 3)], axis=-1)[None]
    shown = ToDisplay(space).apply(pixels)
    assert np.isfinite(shown).all()
    assert shown.min() >= 0.0
    assert shown.max() <= 1.0


def test_highlights_rise_smoothly_and_never_arrive() -> None:
    light = np.geomspace(1e-3, 1e4, 4000).astype(np.float32)
    shown = compress_highlights(light)
    assert (np.diff(shown) >= 0).all()
    assert shown.max() <= 1.0
    np.testing.assert_array_equal(shown[light <= KNEE], light[light <= KNEE])
    assert compress_highlights(np.float32([1.0]))[0] == pytest.approx(0.8)
    step = np.float32(1e-3)
    below, at, above = compress_highlights(np.float32([KNEE - step, KNEE, KNEE + step]))
    assert (above - at) == pytest.approx(at - below, rel=0.01)


def test_a_very_bright_lamp_stays_bright() -> None:
    lamp = np.full((1, 1, 3), 1e6, np.float32)
    assert ToDisplay("linear").apply(lamp).min() > 0.99


def test_display_pictures_pass_unchanged() -> None:
    pixels = picture()
    for name in (None, "sRGB", "srgb_rec709_scene", "sRGB - Display"):
        assert ToDisplay(name, "x.png").apply(pixels) is pixels
    flipped = ToDisplay(None, "x.png").apply(pixels[..., ::-1])
    assert flipped.flags.c_contiguous
    grey = ToDisplay(None, "x.png").apply(np.broadcast_to(pixels[..., :1], pixels.shape))
    assert grey.flags.writeable


def test_the_format_decides_where_nothing_else_does() -> None:
    pixels = picture()
    np.testing.assert_array_equal(
        ToDisplay(None, "x.%04d.exr").apply(pixels), ToDisplay("linear").apply(pixels)
    )
    assert ToDisplay(None, "folder/x.####.jpg").apply(pixels) is pixels


def test_files_that_name_their_space(tmp_path: Path) -> None:
    rgb = picture()
    log = write_picture(tmp_path / "x.dpx", (rgb * 65535).astype(np.uint16),
                        oiio__ColorSpace="KodakLog")  # fmt: skip
    assert open_plate(log).colour_space == "Cineon"
    acescg = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    linear = picture() * 2 + 0.01
    exr = write_rgb_exr(
        tmp_path / "x.exr", converted(linear, "lin_rec709_scene", "ACEScg"), chromaticities=acescg
    )
    plate = open_plate(exr)
    shown = ToDisplay(plate.colour_space, plate.format_hint).apply(plate.read(1).pixels)
    np.testing.assert_allclose(shown, ToDisplay("linear").apply(linear), atol=6e-3)
    floating = open_plate(write_picture(tmp_path / "x.tif", rgb))
    assert floating.colour_space == "lin_rec709_scene"


NEAR = {
    "letters swapped": ("ACESgc", "ACEScg"),
    "a part of the name": ("LogC4", "ARRI LogC4"),
    "case and words": ("linear arri wide gamut", "Linear ARRI Wide Gamut"),
}


@pytest.mark.parametrize(("wrong", "right"), NEAR.values(), ids=NEAR.keys())
def test_an_unknown_name_gets_the_near_ones(wrong: str, right: str) -> None:
    with pytest.raises(ColourError, match=f"There is no colour space '{wrong}'.*{right}"):
        ToDisplay(wrong)


def test_a_name_like_nothing_gets_examples() -> None:
    with pytest.raises(ColourError, match="for example 'ACEScg'"):
        ToDisplay("qqq")


STUDIO = """ocio_profile_version: {version}
roles: {{scene_linear: studio_lin, default: studio_lin{roles}}}
displays: {{monitor: [!<View> {{name: film, colorspace: studio_lin}}]}}
colorspaces:
  - !<ColorSpace> {{name: studio_lin, encoding: scene-linear}}
  - !<ColorSpace>
    name: half_light
    encoding: scene-linear
    to_{word}: !<MatrixTransform> {{matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}}
{more}
"""


def test_the_studio_config_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.ocio"
    more = "  - !<ColorSpace> {name: lin_srgb, encoding: scene-linear}\n"
    config.write_text(STUDIO.format(version=2, roles="", word="scene_reference", more=more))
    monkeypatch.setenv("OCIO", str(config))
    light = picture() * 0.2
    np.testing.assert_allclose(
        ToDisplay("half_light").apply(light), ToDisplay("lin_srgb").apply(light * 2), atol=1e-4
    )
    ToDisplay("ACEScg")  # of the built-in config, for the metadata of files
    with pytest.raises(ColourError, match=r"config\.ocio.*'half_light'"):
        ToDisplay("half-light")


def test_a_studio_config_with_interchange_roles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.ocio"
    roles = ", aces_interchange: studio_lin"
    config.write_text(STUDIO.format(version=2, roles=roles, word="scene_reference", more=""))
    monkeypatch.setenv("OCIO", str(config))
    light = picture() * 0.2
    np.testing.assert_allclose(
        ToDisplay("studio_lin").apply(light), ToDisplay("ACES2065-1").apply(light), atol=1e-4
    )


def test_the_jobs_own_config_comes_before_the_studios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, studio = tmp_path / "own.ocio", tmp_path / "studio.ocio"
    for config, gain in ((own, 3), (studio, 2)):
        more = "  - !<ColorSpace> {name: lin_srgb, encoding: scene-linear}\n"
        text = STUDIO.format(version=2, roles="", word="scene_reference", more=more)
        row = "[{0}, 0, 0, 0, 0, {0}, 0, 0, 0, 0, {0},"
        config.write_text(text.replace(row.format(2), row.format(gain)))
    monkeypatch.setenv("OCIO", str(studio))
    light = picture() * 0.1
    for config, gain in ((str(own), 3), (None, 2)):
        np.testing.assert_allclose(
            ToDisplay("half_light", config=config).apply(light),
            ToDisplay("lin_srgb").apply(light * gain),
            atol=1e-4,
        )
    own.write_text("not a config: a secret")
    with pytest.raises(ColourError, match=r"cannot be read: .*own\.ocio") as caught:
        ToDisplay("half_light", config=str(own))
    assert "secret" not in str(caught.value), "what the file says is nobody's business"


def test_a_config_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    with pytest.raises(ColourError, match="OpenColorIO config cannot be read: /nowhere"):
        ToDisplay("ACEScg")


def test_a_folder_of_exr_files_is_scene_linear_like_its_pattern(tmp_path: Path) -> None:
    linear = picture() * 2 + 0.01
    write_rgb_exr(tmp_path / "shot.1001.exr", linear)
    expected = ToDisplay("linear").apply(linear)
    for given in (tmp_path, tmp_path / "shot.####.exr", tmp_path / "shot.1001.exr"):
        plate = open_plate(given)
        shown = ToDisplay(plate.colour_space, plate.format_hint).apply(plate.read(1001).pixels)
        np.testing.assert_allclose(shown, expected, atol=6e-3, err_msg=str(given))
