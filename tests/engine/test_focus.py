"""The focus follows from the subject's size, its finest part, and the plate's detail."""

from __future__ import annotations

import math

import pytest
import torch

from smite_engine.errors import ShapeError
from smite_engine.focus import Focus, choose_focus, finest_part, smallest_share

UHD = (2160, 3840)
AREA = 640 * 384
GRID = (46, 82)


def first_pass(*parts: tuple[slice, slice], frames: int = 4) -> torch.Tensor:
    """[F, K, h, w] with one part in each of the given rectangles; later ones cover earlier."""
    labels = torch.zeros(frames, *GRID, dtype=torch.long)
    for index, rectangle in enumerate(parts):
        labels[:, *rectangle] = index + 1
    return torch.nn.functional.one_hot(labels, len(parts) + 1).permute(0, 3, 1, 2).float()


SMALL = (slice(20, 28), slice(30, 45))
LARGE = (slice(5, 42), slice(10, 70))
THIN = (slice(10, 30), slice(40, 43))

CASES = {
    "small subject": (first_pass(SMALL), UHD, Focus.CROP),
    "small, with a fine part": (first_pass(SMALL, (SMALL[0], slice(30, 31))), UHD, Focus.CROP),
    "large subject, large parts": (first_pass(LARGE), UHD, Focus.WHOLE),
    "large subject, fine part": (first_pass(LARGE, THIN), UHD, Focus.TILES),
    "fine part, plate of twice the pixels": (first_pass(LARGE, THIN), (756, 1344), Focus.TILES),
    "fine part, small plate": (first_pass(LARGE, THIN), (450, 800), Focus.WHOLE),
    "small subject, plate too small to enlarge": (first_pass(SMALL), (180, 320), Focus.WHOLE),
    "no subject": (first_pass(), UHD, Focus.WHOLE),
    "one frame": (first_pass(SMALL, frames=1), UHD, Focus.CROP),
}


@pytest.mark.parametrize(("maps", "picture", "focus"), CASES.values(), ids=CASES.keys())
def test_focus(maps: torch.Tensor, picture: tuple[int, int], focus: str) -> None:
    assert choose_focus(maps, picture, AREA) == focus


def test_a_false_find_in_one_frame_of_many_does_not_prevent_the_crop() -> None:
    maps = first_pass(SMALL, frames=16)
    maps[5] = first_pass(LARGE, frames=1)
    assert choose_focus(maps, UHD, AREA) == Focus.CROP
    maps[6:9] = maps[5]
    assert choose_focus(maps, UHD, AREA) == Focus.WHOLE


def test_frames_without_the_subject_do_not_count() -> None:
    maps = first_pass(SMALL, frames=6)
    maps[1:, 0], maps[1:, 1] = 1, 0
    assert choose_focus(maps, UHD, AREA) == Focus.CROP


def test_a_wider_margin_makes_a_crop_worth_less() -> None:
    medium = first_pass((slice(10, 27), slice(20, 40)))
    assert choose_focus(medium, UHD, AREA, margin=0.1) == Focus.CROP
    assert choose_focus(medium, UHD, AREA, margin=0.3) == Focus.WHOLE


def test_the_finest_part_is_measured_by_the_disc_in_it() -> None:
    assert finest_part(first_pass(LARGE, (slice(10, 40), slice(20, 25)))) == 5
    assert finest_part(first_pass((slice(10, 11), slice(3, 60)))) == 1
    assert finest_part(first_pass((slice(0, 46), slice(0, 82)))) == 46
    assert finest_part(first_pass()) == math.inf


def test_a_part_in_fewer_than_half_of_the_frames_is_no_fine_part() -> None:
    maps = first_pass(LARGE, (slice(20, 21), slice(40, 41)), frames=5)
    assert finest_part(maps) == 1
    maps[2:] = 0
    maps[2:, 1] = first_pass(LARGE, frames=3)[:, 1]
    assert finest_part(maps) > 20


def test_the_smallest_crop_fills_the_working_area_at_twice_its_size() -> None:
    assert smallest_share((1024, 1024), 512 * 512) == 0.25
    assert smallest_share((100, 100), 512 * 512) == 1.0


def test_a_single_frame_without_its_axis_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[F, K, h, w\] is needed"):
        choose_focus(torch.zeros(2, 4, 4), UHD, AREA)
