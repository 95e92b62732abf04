"""What the Blender add-on decides without Blender: plates, colours, nodes and words."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from smite_blender.colours import colour_space
from smite_blender.plate import Plate, frame_of_file, plate_of_file
from smite_blender.wiring import CRYPTOMATTE_NODE, IMAGE_NODE, plan_nodes
from smite_blender.words import TEXTS, in_blender
from smite_hosts import TABLE, HostProblem

PLATE = Plate("/p/x.%04d.exr", 1001, 1100, 1)
FILES = {
    "layers": {"layers": "/m/S_layers_v001.%04d.exr"},
    "parts": {"nose": "/m/S_nose_v001.%04d.exr", "hull": "/m/S_hull_v001.%04d.exr"},
    "cryptomatte": {"cryptomatte": "/m/S_cryptomatte_v001.%04d.exr"},
}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_a_file_of_a_sequence_stands_for_all_of_it(tmp_path: Path) -> None:
    touch(tmp_path, "a_v2.0998.exr", "a_v2.1003.exr", "a_v2.1003.exr.part", "b_v2.0001.exr")
    plate = plate_of_file(str(tmp_path / "a_v2.1003.exr"), 5, None, "Scene")
    assert plate.path == (tmp_path / "a_v2.%04d.exr").as_posix()
    assert plate.range == (998, 1003)
    assert (plate.scene_frame_of(998), plate.number_at(5)) == (5, 998)
    assert plate.still_at(998) == tmp_path / "a_v2.0998.exr"
    assert plate.still_at(1004) is None


def test_patterns_stills_and_movies(tmp_path: Path) -> None:
    touch(tmp_path, "x.7.png", "x.12.png", "still.png", "shot.MOV")
    assert plate_of_file(str(tmp_path / "x.#.png"), 1, None, "S").range == (7, 12)
    assert plate_of_file(str(tmp_path / "still.png"), 1, None, "S").range == (1, 1)
    movie = plate_of_file(str(tmp_path / "shot.MOV"), 1, None, "S")
    assert (movie.range, movie.still_at(1)) == (None, None)
    one = plate_of_file(str(tmp_path / "x.7.png"), 1, None, "S", sequence=False)
    assert (one.path, one.range) == ((tmp_path / "x.7.png").as_posix(), (1, 1))


@pytest.mark.parametrize(
    ("path", "key"),
    [("", "no_plate"), ("none/x.1.png", "plate_missing"), ("x.1.png", "plate_missing")],
)
def test_a_plate_that_is_not_there(tmp_path: Path, path: str, key: str) -> None:
    with pytest.raises(HostProblem) as caught:
        plate_of_file(str(tmp_path / path) if path else "", 1, None, "Scene")
    assert caught.value.key == key


def test_the_last_number_of_a_name_is_the_frame() -> None:
    assert frame_of_file("/s/seq_010_v003.0042.exr") == 42
    assert frame_of_file("/s010/plain.exr") is None


@pytest.mark.parametrize(
    ("shown", "file", "own", "expected"),
    [
        ("sRGB", "a.png", False, None),
        ("Linear Rec.709", "a.exr", False, None),
        ("sRGB", "a.exr", False, "sRGB Encoded Rec.709 (sRGB)"),
        ("Linear Rec.2020", "a.exr", False, "Linear Rec.2020"),
        ("Filmic Log", "a.exr", False, None),
        ("Non-Color", "a.png", False, None),
        ("ACES - ACEScg", "a.exr", True, "ACES - ACEScg"),
    ],
)
def test_colour_spaces(shown: str, file: str, own: bool, expected: str | None) -> None:
    assert colour_space(shown, file, own_config=own) == expected


def test_one_node_shows_all_layers_where_the_plate_is_shown() -> None:
    (plan,) = plan_nodes("layers", FILES, (1004, 1003, 1007), PLATE, ())
    assert (plan.name, plan.kind) == ("SMITE layers", IMAGE_NODE)
    assert plan.file == "/m/S_layers_v001.1003.exr"
    # Scene frame 3 shows the file 1003: Blender adds the offset to the frames since the start, + 1.
    assert (plan.start, plan.duration, plan.offset) == (3, 5, 1002)


def test_a_node_for_each_part_or_each_cryptomatte() -> None:
    parts = plan_nodes("parts", FILES, (1001,), PLATE, ())
    assert [plan.name for plan in parts] == ["SMITE hull", "SMITE nose"]
    crypto = plan_nodes("cryptomatte", FILES, (1001,), PLATE, ("hull", "nose"))
    assert {plan.kind for plan in crypto} == {CRYPTOMATTE_NODE}
    assert [plan.matte_id for plan in crypto] == ["hull", "nose"]
    assert len({plan.file for plan in crypto}) == 1


def test_nothing_is_shown_before_there_is_a_frame() -> None:
    assert plan_nodes("layers", FILES, (), PLATE, ()) == ()
    assert plan_nodes("layers", {}, (1001,), PLATE, ()) == ()


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_blenders_words_have_the_fields_of_the_table(key: str) -> None:
    assert fields_of(TEXTS[key]) <= fields_of(TABLE[key].text)


def test_other_sentences_stay_as_they_are() -> None:
    told = HostProblem("bad_range", range="'x'")
    assert in_blender(told) == told.message
    written = HostProblem.said("no_model", "Already written.")
    assert in_blender(written) == "Already written."
    assert "SMITE panel" in in_blender(HostProblem("unsaved_script"))
