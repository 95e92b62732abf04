"""Templates and the paths they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from smite_server.naming import (
    DEFAULT_TEMPLATE,
    expand_template,
    loose_key,
    report_path,
    sequence_pattern,
    sheet_path,
)
from smite_server.pixel_errors import MatteError

NAMES = {
    "default": (DEFAULT_TEMPLATE, "SQ_010/eye/SQ_010_eye_v003.1001.exr"),
    "flat": ("{shot}_{part}.{frame:06d}.exr", "SQ_010_eye.001001.exr"),
    "no padding": ("{part}/{frame}.exr", "eye/1001.exr"),
}


@pytest.mark.parametrize(("template", "path"), NAMES.values(), ids=NAMES.keys())
def test_templates(template: str, path: str) -> None:
    assert expand_template(template, "SQ_010", "eye", 3, 1001) == path


def test_patterns_have_one_hash_per_digit() -> None:
    assert sequence_pattern(DEFAULT_TEMPLATE, "s", "eye", 1) == "s/eye/s_eye_v001.####.exr"
    assert sequence_pattern("{part}.{frame:06d}.exr", "s", "eye", 1) == "eye.######.exr"
    assert sequence_pattern("{part}.{frame}.exr", "s", "eye", 1) == "eye.#.exr"


def test_a_shot_of_several_steps_makes_folders() -> None:
    path = expand_template(DEFAULT_TEMPLATE, "SEQ/010", "eye", 1, 5)
    assert path == "SEQ/010/eye/SEQ_010_eye_v001.0005.exr"


BAD_TEMPLATES = {
    "unknown field": ("{shot}/{part}/{take}.{frame}.exr", r"unknown field \{take\}.*\{version\}"),
    "attribute": ("{shot.__class__}/{part}.{frame}.exr", "unknown field"),
    "positional": ("{}/{part}.{frame}.exr", "unknown field"),
    "no part": ("{shot}.{frame}.exr", r"no \{part\}"),
    "no frame": ("{shot}.{part}.exr", r"no \{frame\}"),
    "open brace": ("{part}.{frame", "not valid"),
    "bad format": ("{part:04d}.{frame}.exr", "does not fit"),
    "absolute": ("/etc/{part}.{frame}.exr", "leaves the output folder"),
    "upwards": ("../{part}.{frame}.exr", "leaves the output folder"),
    "drive": ("C:/{part}.{frame}.exr", "leaves the output folder"),
    "folder only": ("{part}/{frame}/", "leaves the output folder"),
}


@pytest.mark.parametrize(("template", "sentence"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES.keys())
def test_bad_templates(template: str, sentence: str) -> None:
    with pytest.raises(MatteError, match=sentence):
        expand_template(template, "s", "eye", 1, 1)


@pytest.mark.parametrize("shot", ["", "..", "a/../b", "/abs", "a\\b", "a//b", "x\0y", "a:b"])
def test_shots_that_are_no_names(shot: str) -> None:
    with pytest.raises(MatteError, match="shot name"):
        expand_template(DEFAULT_TEMPLATE, shot, "eye", 1, 1)


def test_report_and_sheet_lie_beside_the_mattes() -> None:
    assert report_path(Path("out"), "SQ", 2) == Path("out/SQ/SQ_smite_v002.json")
    assert sheet_path(Path("out"), "A/SQ", 2) == Path("out/A/SQ/A_SQ_smite_v002.png")


def test_names_that_mean_the_same_part() -> None:
    assert loose_key("Left-Eye ") == loose_key("left_eye") == loose_key("LEFT EYE") == "left_eye"
