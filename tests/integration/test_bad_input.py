"""What bad input gets: one sentence that names it and what would be right; exit status 2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support import footage
from tests.support.command import Smite

FRAMES = 4


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A folder with a plate that a test may spoil."""
    footage.write_plate(tmp_path / "plate", FRAMES)
    return tmp_path / "plate"


@pytest.fixture
def refs(tmp_path: Path) -> Path:
    """A reference folder that a test may spoil."""
    return footage.write_references(tmp_path / "refs")


def segment(served: Smite, plate: Path, *more: str | Path) -> str:
    """Ask for mattes that cannot be made; return the sentence. Nothing may be written."""
    out = plate.parent / "out"
    name = plate if "#" in plate.name or plate.is_file() else plate / "cart.####.png"
    sentence = served.refuses("segment", name, "--model", "cart", "--out", out, *more)
    assert not [path for path in out.rglob("*.exr") if path.name.startswith(".")]
    return sentence


def test_missing_frame(served: Smite, learned: Path, plate: Path) -> None:
    (plate / "cart.1002.png").unlink()
    sentence = segment(served, plate)
    assert "1002" in sentence
    assert "--on-missing" in sentence


def test_truncated_frame(served: Smite, learned: Path, plate: Path) -> None:
    frame = plate / "cart.1003.png"
    frame.write_bytes(frame.read_bytes()[:200])
    assert "1003" in segment(served, plate)


def test_frame_that_is_no_picture(served: Smite, learned: Path, plate: Path) -> None:
    (plate / "cart.1003.png").write_text("this is a note, not a picture", encoding="utf-8")
    assert "1003" in segment(served, plate)


def test_frames_of_different_sizes(served: Smite, learned: Path, plate: Path) -> None:
    footage.write_png(plate / "cart.1004.png", np.zeros((40, 50, 3), np.float32))
    sentence = segment(served, plate)
    assert "1004" in sentence
    assert "50" in sentence
    assert str(footage.WIDTH) in sentence


def test_pattern_that_matches_nothing(served: Smite, plate: Path) -> None:
    sentence = segment(served, plate / "card.####.png")
    assert "card.####.png" in sentence
    assert "cart." in sentence
    assert "1001-1004" in sentence


def test_plate_that_does_not_exist(served: Smite, plate: Path) -> None:
    sentence = served.refuses(
        "segment", plate / "nothing.mov", "--model", "cart", "--out", plate.parent / "out"
    )
    assert "nothing.mov" in sentence


def test_frame_range_outside_the_plate(served: Smite, learned: Path, plate: Path) -> None:
    sentence = segment(served, plate, "--frames", "2001-2004")
    assert "2001" in sentence


def test_frame_range_that_is_none(served: Smite, plate: Path) -> None:
    assert "'ten'" in segment(served, plate, "--frames", "ten")


def test_unknown_model_with_near_names(served: Smite, learned: Path, plate: Path) -> None:
    out = plate.parent / "out"
    sentence = served.refuses("segment", plate / "cart.####.png", "--model", "carr", "--out", out)
    assert "'carr'" in sentence
    assert "did you mean cart?" in sentence


def test_model_of_another_backbone(served: Smite, learned: Path, plate: Path) -> None:
    data = learned.read_bytes()
    length = int.from_bytes(data[:8], "little")
    told = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["smite"])["backbone_hash"]
    assert len(told) >= 12
    other = plate.parent / "other.safetensors"
    other.write_bytes(data.replace(told.encode(), b"0" * len(told)))
    sentence = served.refuses(
        "segment", plate / "cart.####.png", "--model", other, "--out", plate.parent / "out"
    )
    assert "backbone" in sentence


def test_model_that_is_none(served: Smite, plate: Path) -> None:
    other = plate.parent / "other.safetensors"
    other.write_bytes(b"\x00" * 100)
    sentence = served.refuses(
        "segment", plate / "cart.####.png", "--model", other, "--out", plate.parent / "out"
    )
    assert "other.safetensors" in sentence


def test_mask_of_another_size(served: Smite, refs: Path) -> None:
    footage.write_labels(refs / "masks" / "still_1.png", np.ones((20, 30), np.uint8))
    sentence = served.refuses("learn", "spoilt", "--refs", refs)
    assert "still_1" in sentence
    assert "30" in sentence


def test_part_named_in_no_reference(served: Smite, refs: Path) -> None:
    sentence = served.refuses("learn", "spoilt", "--refs", refs, "--parts", "body,mast")
    assert "mast" in sentence


def test_empty_masks(served: Smite, refs: Path) -> None:
    for mask in (refs / "masks").iterdir():
        footage.write_labels(mask, np.zeros((footage.HEIGHT, footage.WIDTH), np.uint8))
    assert "refs" in served.refuses("learn", "spoilt", "--refs", refs)


def test_references_that_are_not_there(served: Smite, tmp_path: Path) -> None:
    assert "nowhere" in served.refuses("learn", "spoilt", "--refs", tmp_path / "nowhere")


def test_unknown_setting(served: Smite, refs: Path) -> None:
    sentence = served.refuses("learn", "spoilt", "--refs", refs, "--set", "embeding_steps=3")
    assert "embedding_steps" in sentence


def test_unknown_colour_space(served: Smite, learned: Path, plate: Path) -> None:
    assert "kodachrome" in segment(served, plate, "--colour-space", "kodachrome")


def test_output_folder_that_is_a_file(served: Smite, plate: Path) -> None:
    file = plate.parent / "note.txt"
    file.write_text("a note", encoding="utf-8")
    sentence = served.refuses(
        "segment", plate / "cart.####.png", "--model", "cart", "--out", file / "mattes"
    )
    assert "note.txt" in sentence


def test_clip_without_annotations(served: Smite, learned: Path, tmp_path: Path) -> None:
    clip = footage.write_clip(tmp_path / "clip", 2)
    shutil.rmtree(clip / "Annotations")
    sentence = served.refuses("evaluate", "--model", "cart", "--clip", clip)
    assert "Annotations" in sentence or "annotations" in sentence


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["frobnicate"], "frobnicate", id="no such command"),
        pytest.param(["learn", "x"], "--refs", id="missing option"),
        pytest.param(["learn", "x", "--refs", ".", "--qality", "3"], "--qality", id="typo"),
        pytest.param(["learn", "a/b", "--refs", "."], "a/b", id="bad model name"),
        pytest.param(["learn", "x", "--refs", ".", "--group", "top"], "top=blouse", id="group"),
        pytest.param(["evaluate", "--clip", "."], "--model", id="no model"),
        pytest.param(
            ["evaluate", "--clip", ".", "--model", "x", "--labels", "horse"], "255=horse",
            id="labels",
        ),
        pytest.param(
            ["segment", "x.exr", "--model", "x", "--out", "o", "--style", "parts,lairs"],
            "no style 'lairs'", id="no such style",
        ),
        pytest.param(["watch", "0123456789ab"], "0123456789ab", id="no such job"),
        pytest.param(["jobs", "--server", "tcp://127.0.0.1:9"], "tcp://127.0.0.1:9",
                     id="unreachable server"),
        pytest.param(["jobs", "--server", "tcp://192.0.2.1:5771"], "192.0.2.1",
                     id="a server on another machine"),
        pytest.param(["jobs", "--server", "here"], "'here'", id="no endpoint"),
        pytest.param(["serve", "--root", "no/such/folder"], "no/such/folder", id="no such root"),
        pytest.param(["serve", "--endpoint", "tcp://0.0.0.0:5771"], "0.0.0.0",
                     id="an endpoint that is open to others"),
    ],
)  # fmt: skip
def test_command_line(served: Smite, arguments: list[str], expected: str) -> None:
    assert expected in served.refuses(*arguments)
