"""Plates: patterns, folders, gaps, broken frames, real clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from smite_server.pixel_errors import PlateError
from smite_server.plates import engine_view, open_plate
from tests.server.pixel_files import picture, shared, truncate, write_picture, write_rgb_exr


def shot(folder: Path, numbers: list[int], **attributes: object) -> str:
    """An EXR sequence `x.####.exr` whose pixels tell the frame: R is number / 4096."""
    for number in numbers:
        rgb = np.full((24, 40, 3), number / 4096, np.float32)
        write_rgb_exr(folder / f"x.{number:04d}.exr", rgb, **attributes)
    return str(folder / "x.####.exr")


def shown_number(pixels: np.ndarray) -> int:
    return round(float(pixels[0, 0, 0]) * 4096)


@pytest.mark.parametrize(
    "pattern", ["x.####.exr", "x.%04d.exr", "x.#.exr", "x.%d.exr", "x.@@@@.exr"]
)
def test_patterns_find_their_frames(tmp_path: Path, pattern: str) -> None:
    shot(tmp_path, [998, 999, 1000, 1001])
    (tmp_path / "x.final.exr").write_text("not of the sequence")
    plate = open_plate(str(tmp_path / pattern))
    assert plate.numbers == (998, 999, 1000, 1001)
    assert [shown_number(frame.pixels) for frame in plate] == [998, 999, 1000, 1001]
    assert len(plate) == 4


def test_frames_past_the_padding_and_a_folder_with_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "shot [v2] 100%"
    folder.mkdir()
    shot(folder, [9999, 10000])
    assert open_plate(folder / "x.####.exr").numbers == (9999, 10000)


def test_frame_range_picks_and_names_what_is_not_there(tmp_path: Path) -> None:
    plate = shot(tmp_path, list(range(1001, 1011)))
    assert open_plate(plate, frames="1002-1008x3").numbers == (1002, 1005, 1008)
    with pytest.raises(PlateError, match="Frames 1011-1012 are missing"):
        open_plate(plate, frames="1009-1012")
    with pytest.raises(PlateError, match=r"Frame 2000 is missing.*the plate has 1001-1010"):
        open_plate(plate, frames="2000")


def test_folders_of_pictures(tmp_path: Path) -> None:
    numbered, named, mixed = (tmp_path / name for name in ("numbered", "named", "mixed"))
    for folder in (numbered, named, mixed):
        folder.mkdir()
    rgb = (picture() * 255).astype(np.uint8)
    for number in (0, 1, 2):
        write_picture(numbered / f"{number:05d}.png", rgb)
        write_picture(mixed / f"a.{number:04d}.png", rgb)
        write_picture(mixed / f"b.{number:04d}.png", rgb)
    for name in ("first", "second", "third"):
        write_picture(named / f"{name}.png", rgb)
    (numbered / "notes.txt").write_text("")
    assert open_plate(numbered).numbers == (0, 1, 2)
    assert open_plate(named).numbers == (1, 2, 3)
    with pytest.raises(PlateError, match=r"more than one sequence \(a\.####\.png \(0-2\); b\."):
        open_plate(mixed)


def test_a_step_between_frames_is_no_gap(tmp_path: Path) -> None:
    shot(tmp_path, [1001, 1003, 1005, 1009])
    with pytest.raises(PlateError, match="Frame 1007 is missing"):
        open_plate(tmp_path / "x.####.exr")


def test_one_picture_is_a_shot_of_one_frame(tmp_path: Path) -> None:
    shot(tmp_path, [1001, 1002])
    assert open_plate(tmp_path / "x.1002.exr").numbers == (1002,)


def test_gaps_fail_hold_or_are_skipped(tmp_path: Path) -> None:
    plate = shot(tmp_path, [1001, 1002, 1005])
    with pytest.raises(PlateError, match=r"Frames 1003-1004 are missing: .*; give them, or use"):
        open_plate(plate)
    held = open_plate(plate, frames="1000-1005", on_missing="hold")
    frames = list(held)
    assert [frame.number for frame in frames] == [1000, 1001, 1002, 1003, 1004, 1005]
    assert [shown_number(f.pixels) for f in frames] == [1001, 1001, 1002, 1002, 1002, 1005]
    assert [frame.held_from for frame in frames] == [1001, None, None, 1002, 1002, None]
    assert held.missing == (1000, 1003, 1004)
    skipped = open_plate(plate, on_missing="skip")
    assert skipped.numbers == (1001, 1002, 1005)
    assert skipped.missing == (1003, 1004)
    with pytest.raises(PlateError, match="none of fail, hold and skip"):
        open_plate(plate, on_missing="ignore")  # type: ignore[arg-type]


def test_broken_frames_are_named_before_any_work(tmp_path: Path) -> None:
    plate = shot(tmp_path, [1001, 1002, 1003, 1004])
    truncate(tmp_path / "x.1002.exr")
    (tmp_path / "x.1004.exr").write_text("no picture at all")
    with pytest.raises(PlateError, match=r"Frames 1002,1004 cannot be read \(.* in frame 1002\)"):
        open_plate(plate)
    held = [frame.held_from for frame in open_plate(plate, on_missing="hold")]
    assert held == [None, 1001, None, 1003]
    assert [frame.number for frame in open_plate(plate, on_missing="skip")] == [1001, 1003]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".dpx"])
def test_truncated_pictures_are_named(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        noise = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
        write_picture(tmp_path / f"x.{number}{suffix}", noise)
    truncate(tmp_path / f"x.2{suffix}", 0.7)
    with pytest.raises(PlateError, match="Frame 2 cannot be read"):
        list(open_plate(tmp_path / f"x.#{suffix}"))
    held = [frame.held_from for frame in open_plate(tmp_path / f"x.#{suffix}", on_missing="hold")]
    assert held == [None, 1, None]
    skip = open_plate(tmp_path / f"x.#{suffix}", on_missing="skip")
    assert [frame.number for frame in skip] == [1, 3]
    assert skip.missing == (2,)


def test_a_hole_in_the_middle_of_an_exr_is_found_when_it_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in (1, 2):
        write_rgb_exr(tmp_path / f"x.{number}.exr", rng.random((64, 64, 3), np.float32))
    data = bytearray((tmp_path / "x.2.exr").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    (tmp_path / "x.2.exr").write_bytes(data)
    with pytest.raises(PlateError, match=r"Frame 2 cannot be read \(.+\): .*x\.2\.exr; give"):
        list(open_plate(tmp_path / "x.#.exr"))
    assert [f.held_from for f in open_plate(tmp_path / "x.#.exr", on_missing="hold")] == [None, 1]


def test_frames_of_different_sizes_are_named(tmp_path: Path) -> None:
    plate = shot(tmp_path, [1001, 1002, 1003])
    write_rgb_exr(tmp_path / "x.1002.exr", picture(12, 20))
    with pytest.raises(PlateError, match=r"frames 1002 are 20x12, the others are 40x24"):
        open_plate(plate)


MISTAKES = {
    "no folder": ("nowhere/x.####.exr", "folder does not exist"),
    "no match": ("y.####.exr", r"No frame of the plate exists.*the folder holds x\.####\.exr"),
    "no file": ("y.exr", "There is no such plate"),
    "two numbers": ("x_%02d.####.exr", "more than one frame number"),
    "no movie": ("y.mov", "There is no such movie"),
}


@pytest.mark.parametrize(("path", "sentence"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_plate_that_is_not_there(tmp_path: Path, path: str, sentence: str) -> None:
    shot(tmp_path, [1, 2])
    with pytest.raises(PlateError, match=sentence):
        open_plate(tmp_path / path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="holds no pictures"):
        open_plate(tmp_path)


def test_metadata_names_colour_space_and_frame_rate(tmp_path: Path) -> None:
    acescg = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    plate = open_plate(shot(tmp_path, [1], chromaticities=acescg))
    assert plate.colour_space == "lin_ap1_scene"
    bare = open_plate(write_rgb_exr(tmp_path / "bare.exr", picture()))
    assert bare.colour_space is None
    assert bare.frames_per_second is None


def test_real_frames_are_read_without_copies() -> None:
    folder = shared("clips", "davis", "libby", "JPEGImages")
    plate = open_plate(folder)
    assert plate.numbers == tuple(range(49))
    frame = plate.read(3)
    reference = cv2.imread(str(folder / "00003.jpg"))[..., ::-1] / 255.0
    assert frame.pixels.shape == (480, 854, 3)
    assert np.abs(frame.pixels - reference).mean() < 0.01
    assert engine_view(frame, frame.pixels) is frame.pixels


def test_real_clips_with_other_names() -> None:
    chair = open_plate(shared("clips", "pumavos", "chair", "JPEGImages"))
    assert chair.numbers == tuple(range(60))
    camvid = open_plate(shared("clips", "camvid", "0016E5", "JPEGImages"))
    assert camvid.numbers[:2] == (7959, 7961)
    assert len(camvid) == 50


def test_frames_carry_time_code_and_gaps_count_on(tmp_path: Path) -> None:
    for number in (1001, 1002, 1004):
        code = OpenEXR.TimeCode(10, 0, 0, number - 1001, False, False, False, False, False, False,
                                0, 0, 0, 0, 0, 0, 0, 0)  # fmt: skip
        rgb = np.zeros((24, 40, 3), np.float32)
        write_rgb_exr(
            tmp_path / f"x.{number}.exr", rgb, timeCode=code, framesPerSecond=Fraction(24)
        )
    plate = open_plate(tmp_path / "x.####.exr", on_missing="hold")
    assert [str(frame.time_code) for frame in plate] == [
        "10:00:00:00", "10:00:00:01", "10:00:00:02", "10:00:00:03",
    ]  # fmt: skip
    assert plate.second_reader() is plate, "pictures have no place to lose"
