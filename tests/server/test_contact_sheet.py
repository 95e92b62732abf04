"""The contact sheet: which frames, what it shows, how much it holds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smite_server.contact_sheet import ContactSheet, part_colours
from smite_server.pixel_errors import MatteError
from smite_server.plates import open_plate
from smite_server.truth import read_truth
from tests.server.pixel_files import picture, shared


def flat_sheet(frames: int, parts: int = 2, **options: object) -> ContactSheet:
    sheet = ContactSheet([f"part {i}" for i in range(parts)], **options)
    rgb, mattes = picture(48, 80), np.zeros((parts, 48, 80), np.float32)
    mattes[0, :, :40] = 1.0
    for number in range(1001, 1001 + frames):
        sheet.add(number, rgb, mattes)
    return sheet


@pytest.mark.parametrize("frames", [1, 2, 7, 12, 13, 24, 25, 48, 49, 100, 333, 1000])
def test_frames_are_chosen_evenly(frames: int) -> None:
    numbers = flat_sheet(frames).numbers()
    assert numbers[0] == 1001
    assert len(set(np.diff(numbers).tolist())) <= 1
    assert min(frames, 7) <= len(numbers) <= 12
    assert numbers[-1] > 1000 + frames * 0.8 or frames < 3


def test_a_long_shot_holds_no_more_than_a_short_one() -> None:
    def held(sheet: ContactSheet) -> int:
        return sum(sys.getsizeof(t.rgb.base) + t.mattes.nbytes for t in sheet._thumbs)

    assert len(flat_sheet(1000)._thumbs) <= 48
    assert held(flat_sheet(1000)) <= 49 / 48 * held(flat_sheet(48))


def test_the_page_shows_plate_overlay_and_mattes(tmp_path: Path) -> None:
    sheet = flat_sheet(3, title="SQ_010")
    sheet.save(tmp_path / "s.png")
    assert [path.name for path in tmp_path.iterdir()] == ["s.png"]
    page = np.asarray(Image.open(tmp_path / "s.png").convert("RGB")).astype(int)
    shown = (picture(48, 80) * 255 + 0.5).astype(int)
    y, x = locate(page, shown)
    np.testing.assert_array_equal(page[y : y + 48, x : x + 80], shown)
    overlay = page[y : y + 48, x + 86 : x + 166]
    mixed = (shown + np.array(part_colours(2)[0])) / 2
    np.testing.assert_allclose(overlay[:, :40], mixed[:, :40], atol=1)
    np.testing.assert_array_equal(overlay[:, 40:], shown[:, 40:])
    matte = page[y : y + 48, x + 172 : x + 252]
    assert (matte[:, :40] == 255).all()
    assert (matte[:, 40:] == 0).all()


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def locate(page: np.ndarray, tile: np.ndarray) -> tuple[int, int]:
    """Where a tile's first row lies on the page."""
    for y in range(page.shape[0] - tile.shape[0]):
        if (page[y, 20 : 20 + tile.shape[1]] == tile[0]).all():
            return y, 20
    raise AssertionError("the plate is not on the page")


def test_anamorphic_and_portrait_thumbnails_have_true_proportions() -> None:
    squeezed = flat_sheet(1, pixel_aspect=2.0)._thumbs[0].rgb
    assert squeezed.shape[:2] == (48, 160)
    tall = ContactSheet(["a"])
    tall.add(1, picture(1000, 500), np.zeros((1, 1000, 500), np.float32))
    height, width = tall._thumbs[0].rgb.shape[:2]
    assert height / width == pytest.approx(2, rel=0.02)
    assert height <= 400


def test_many_parts_wrap(tmp_path: Path) -> None:
    sheet = flat_sheet(2, parts=40)
    sheet.save(tmp_path / "s.png")
    width, height = size_of(tmp_path / "s.png")
    assert width < 2500
    assert height > 5 * 48
    assert len(set(part_colours(24))) == 24


def test_nothing_to_show_and_wrong_counts(tmp_path: Path) -> None:
    with pytest.raises(MatteError, match="no frame to show"):
        ContactSheet(["a"]).save(tmp_path / "s.png")
    with pytest.raises(MatteError, match="1 mattes for 2 parts"):
        ContactSheet(["a", "b"]).add(1, picture(), np.zeros((1, 24, 40), np.float32))


def test_real_footage(tmp_path: Path) -> None:
    clip = shared("clips", "davis", "libby")
    truth = read_truth(clip, [("dog", "dog")], {255: "dog"})
    sheet = ContactSheet(["dog"], title="libby")
    for frame in open_plate(truth.plate_path, frames="0-48x4"):
        matte = (truth.labels(frame.number) == 1).astype(np.float32)
        sheet.add(frame.number, frame.pixels, matte[None])
    sheet.save(tmp_path / "sheet.png")
    assert size_of(tmp_path / "sheet.png")[1] > 1000
