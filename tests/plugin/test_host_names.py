"""Names that hosts make: shots, models, colour spaces, frames, files of versions, folders."""

from __future__ import annotations

from pathlib import Path

import PyOpenColorIO
import pytest

from smite_hosts import HostProblem
from smite_hosts.colour_names import NUKE_LUTS, ocio_name
from smite_hosts.frame_choice import choose_frames, frames_around
from smite_hosts.mattes_on_disk import (
    carry_over,
    file_of,
    next_version,
    other_version,
    pattern_of,
    style_of,
)
from smite_hosts.model_names import newest_first
from smite_hosts.model_names import next_version as next_model
from smite_hosts.places import find_places
from smite_hosts.reference_plan import Reference, copy_references, plan_references
from smite_hosts.shot_names import DEFAULT_PATTERN, out_folder, shot_of_script
from smite_server.colour import ToDisplay

STUDIO = r"/(?P<show>\w+)/(?P<sequence>\w+)/(?P<shot>\w+)/comp/"


@pytest.mark.parametrize(
    ("script", "pattern", "name", "shot"),
    [
        pytest.param("/s/SEQ_010.nk", DEFAULT_PATTERN, "{shot}", "SEQ_010", id="plain"),
        pytest.param("/s/SEQ_010_v003.nk", DEFAULT_PATTERN, "{shot}", "SEQ_010", id="version"),
        pytest.param("C:\\s\\a b_v1.nknc", DEFAULT_PATTERN, "{shot}", "a_b", id="windows"),
        pytest.param(
            "/x/dune/AB/010/comp/y.nk", STUDIO, "{sequence}_{shot}", "AB_010", id="studio"
        ),
    ],
)
def test_shot_of_a_script(script: str, pattern: str, name: str, shot: str) -> None:
    assert shot_of_script(script, pattern, name) == shot


@pytest.mark.parametrize(
    ("script", "pattern", "name", "key"),
    [
        pytest.param(None, DEFAULT_PATTERN, "{shot}", "unsaved_script", id="unsaved"),
        pytest.param("/x/y.nk", STUDIO, "{shot}", "no_shot_in_name", id="does not fit"),
        pytest.param("/x/y.nk", "(?P<shot>", "{shot}", "bad_shot_pattern", id="no pattern"),
        pytest.param("/x/y.nk", DEFAULT_PATTERN, "{scene}", "bad_shot_pattern", id="no group"),
    ],
)
def test_scripts_without_a_shot(script: str | None, pattern: str, name: str, key: str) -> None:
    with pytest.raises(HostProblem) as caught:
        shot_of_script(script, pattern, name)
    assert caught.value.key == key


def test_output_folder_of_a_template() -> None:
    script = "/x/dune/AB/010/comp/y.nk"
    assert out_folder("{folder}/m", script, STUDIO, "s", "n") == "/x/dune/AB/010/comp/m"
    assert out_folder("/m/{show}/{shot}", script, STUDIO, "s", "n") == "/m/dune/s"
    assert out_folder("/m/{shot}", None, STUDIO, "s", "n") == "/m/s"
    with pytest.raises(HostProblem, match="save the script"):
        out_folder("{folder}/m", None, STUDIO, "s", "n")


@pytest.mark.parametrize(
    ("text", "plate", "numbers"),
    [
        pytest.param("", (1001, 1003), (1001, 1002, 1003), id="empty: the plate's own"),
        pytest.param("1001-1003x2", (1001, 1010), (1001, 1003), id="step"),
        pytest.param("-2--1", (-5, 5), (-2, -1), id="negative"),
        pytest.param("1-2 5", None, (1, 2, 5), id="plate unknown"),
    ],
)
def test_frames_of_a_range(
    text: str, plate: tuple[int, int] | None, numbers: tuple[int, ...]
) -> None:
    assert choose_frames(text, plate, 100).numbers == numbers


@pytest.mark.parametrize(
    ("text", "plate", "says"),
    [
        pytest.param("", None, "There is no frame to work on", id="nothing"),
        pytest.param("", (10, 5), "the plate's range 10-5 is empty", id="plate of 0 frames"),
        pytest.param(
            "1-5", (1001, 1100), "lies outside the plate, which has 1001-1100", id="0-based"
        ),
        pytest.param("1001-1101", (1001, 1100), "frame 1101 of the range", id="one too many"),
        pytest.param("10o1", (1, 9), "'10o1' is no frame range", id="no range"),
        pytest.param("1-10000", None, "has 10,000 frames, and 5,000 are the most", id="10,000"),
        pytest.param("1-99999999", None, "has over 1,000,000 frames", id="millions"),
    ],
)
def test_ranges_that_cannot_be(text: str, plate: tuple[int, int] | None, says: str) -> None:
    with pytest.raises(HostProblem, match=says):
        choose_frames(text, plate, 5000)


@pytest.mark.parametrize(
    ("frames", "reach", "text"),
    [
        pytest.param("1001-1100", 8, "1001-1013", id="stays in the range"),
        pytest.param("1001-1100", 0, "1001-1100", id="all"),
        pytest.param("1001-1100x2", 3, "1003,1005,1007", id="in the range's steps"),
        pytest.param("1004-1006", 9, "1004-1006", id="more than there is"),
    ],
)
def test_frames_around_one(frames: str, reach: int, text: str) -> None:
    assert frames_around(choose_frames(frames, None, 500), 1005, reach) == text


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        pytest.param("default", None, id="default"),
        pytest.param("sRGB", "sRGB Encoded Rec.709 (sRGB)", id="sRGB"),
        pytest.param("color_picking (sRGB)", "sRGB Encoded Rec.709 (sRGB)", id="with a role"),
        pytest.param("Blackmagic Film Generation 5", "BMDFilm WideGamut Gen5", id="with spaces"),
        pytest.param("Panalog", None, id="without a counterpart"),
    ],
)
def test_nuke_luts(shown: str, name: str | None) -> None:
    assert ocio_name(shown, luts=NUKE_LUTS) == name


def test_names_under_ocio_are_the_configs_own() -> None:
    assert ocio_name("scene_linear (ACES - ACEScg)") == "ACES - ACEScg"
    assert ocio_name("sRGB Encoded Rec.709 (sRGB)") == "sRGB Encoded Rec.709 (sRGB)"
    assert ocio_name("ACEScg", raw=True) is None


@pytest.mark.parametrize("name", sorted({name for name in NUKE_LUTS.values() if name}))
def test_the_server_knows_every_name_of_the_table(name: str) -> None:
    config = PyOpenColorIO.Config.CreateFromFile("ocio://studio-config-latest")
    assert config.getColorSpace(name) is not None or name == "Cineon"
    ToDisplay(name)


def test_model_versions() -> None:
    known = ("horse_v001", "horse_v010", "horses_v040", "car")
    assert next_model("horse", known) == "horse_v011"
    assert next_model("horse_v001", known) == "horse_v011"
    assert next_model("car", known) == "car_v001"
    assert newest_first(known) == ("car", "horse_v010", "horse_v001", "horses_v040")
    with pytest.raises(HostProblem, match="cannot name a part model"):
        next_model("a/b", ())


@pytest.mark.parametrize(
    ("path", "frame", "pattern"),
    [
        pytest.param("/m/s_v001.1001.exr", 1001, "/m/s_v001.%04d.exr", id="usual"),
        pytest.param("C:\\m\\s_v001.1001.exr", 1001, "C:/m/s_v001.%04d.exr", id="windows"),
        pytest.param("/m/s_v0001.0001.exr", 1, "/m/s_v0001.%04d.exr", id="the last number"),
        pytest.param("/m/s.-008.exr", -8, "/m/s.%04d.exr", id="negative"),
        pytest.param("/m/still.exr", 7, "/m/still.exr", id="no number"),
    ],
)
def test_pattern_of_a_file_and_back(path: str, frame: int, pattern: str) -> None:
    assert pattern_of(path, frame) == pattern
    assert file_of(pattern, frame) == path.replace("\\", "/")


def test_files_of_hashes() -> None:
    assert file_of("/m/#/x.####.exr", 12) == "/m/#/x.0012.exr"
    assert style_of("layers") == "layers"
    assert style_of("left_eye") == "parts"


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_versions_on_disk(tmp_path: Path) -> None:
    assert next_version(tmp_path, "S") == 1
    for version in (1, 3):
        touch(tmp_path / "S" / "layers" / f"S_layers_v{version:03d}.1001.exr")
    assert next_version(tmp_path, "S") == 4
    pattern = str(tmp_path / "S" / "layers" / "S_layers_v001.%04d.exr")
    third = pattern.replace("v001", "v003")
    assert other_version(pattern, 1, 1001, 1010) == third
    assert other_version(third, -1, 1001, 1010) == pattern
    assert other_version(third, 1, 1001, 1010) == ""


def test_frames_are_carried_over_to_the_next_version(tmp_path: Path) -> None:
    old = {"layers": {"layers": f"{tmp_path}/a_v001.%04d.exr"}}
    new = {"layers": {"layers": f"{tmp_path}/b/a_v002.%04d.exr"}}
    for frame in (1, 2, 3):
        touch(tmp_path / f"a_v001.{frame:04d}.exr", f"old {frame}")
    touch(tmp_path / "b" / "a_v002.0002.exr", "new 2")
    assert carry_over(old, new, (1, 2, 3, 4)) == 2
    texts = [(tmp_path / "b" / f"a_v002.{n:04d}.exr").read_text() for n in (1, 2, 3)]
    assert texts == ["old 1", "new 2", "old 3"]


def test_plan_of_references(tmp_path: Path) -> None:
    first = Reference("Ref1", 1001, "image", (("left eye", "a"), ("mane", "b")))
    second = Reference("Ref1", 1001, "image", (("mane", "c"),))
    plan = plan_references([first, second], tmp_path, "Learn1", also=("tail",))
    assert [render.path.name for render in plan.renders] == [
        "Ref1_1001.exr",
        "Ref1_1001.left_eye.exr",
        "Ref1_1001.mane.exr",
        "Ref1_1001_1.exr",
        "Ref1_1001_1.mane.exr",
    ]
    assert [render.alpha for render in plan.renders] == [False, True, True, False, True]
    spec = plan.spec("horse_v001", {"seed": 1})
    assert spec.parts == ("tail", "left eye", "mane")
    assert spec.groups == (("left eye", ("left_eye",)),)


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        pytest.param((), "reference_without_parts", id="no part"),
        pytest.param((("rgb", 1),), "bad_part_name", id="reserved"),
        pytest.param((("2", 1),), "bad_part_name", id="no letter"),
        pytest.param((("a b", 1), ("A-b", 2)), "part_twice", id="the same slug"),
    ],
)
def test_references_that_cannot_be_planned(
    parts: tuple[tuple[str, int], ...], key: str, tmp_path: Path
) -> None:
    with pytest.raises(HostProblem) as caught:
        plan_references([Reference("Ref1", 1, "image", parts)], tmp_path, "Learn1")
    assert caught.value.key == key


def test_old_references_are_taken_along(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.exr", "x")
    assert copy_references(tmp_path / "a", tmp_path / "b", "m") == 1
    assert (tmp_path / "b" / "x.exr").read_text() == "x"
    with pytest.raises(HostProblem, match="are not on this machine any more"):
        copy_references(tmp_path / "none", tmp_path / "b", "m")


@pytest.mark.parametrize(
    ("platform", "environment", "preferences"),
    [
        pytest.param("linux", {}, "/h/.config/smite/preferences.json", id="linux"),
        pytest.param(
            "linux", {"XDG_CONFIG_HOME": "/c"}, "/c/smite/preferences.json", id="linux: XDG"
        ),
        pytest.param(
            "darwin", {}, "/h/Library/Application Support/smite/preferences.json", id="macOS"
        ),
        pytest.param("win32", {"APPDATA": "/a"}, "/a/smite/preferences.json", id="windows"),
        pytest.param(
            "win32", {"SMITE_HOST_HOME": "/one"}, "/one/preferences.json", id="all in one place"
        ),
    ],
)
def test_places(platform: str, environment: dict[str, str], preferences: str) -> None:
    found = find_places(environment, platform, Path("/h"))
    assert found.preferences == Path(preferences)
