"""Ground truth of clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smite_server.geometry import Geometry, Window
from smite_server.pixel_errors import TruthError
from smite_server.plates import open_plate
from smite_server.truth import IGNORED, read_truth
from tests.server.pixel_files import picture, shared, write_exr, write_picture, write_rgb_exr
from tests.server.test_references import blocks, write_mask

PARTS = (("left_eye", "left eye"), ("mouth", "mouth"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    for number in range(4):
        (tmp_path / "JPEGImages").mkdir(exist_ok=True)
        image = tmp_path / "JPEGImages" / f"f_{number:05d}.png"
        write_picture(image, (picture() * 255).astype(np.uint8))
        write_mask(tmp_path / "Annotations" / f"f_{number:05d}.png", blocks(0, 5, 6, 11))
    return tmp_path


def test_labels_json_maps_values(clip: Path) -> None:
    (clip / "labels.json").write_text(json.dumps({"5": "Left Eye", "6": "mouth", "11": "ear"}))
    truth = read_truth(clip, PARTS)
    assert truth.numbers == (0, 1, 2, 3)
    assert truth.stems[1] == "f_00001"
    assert open_plate(truth.plate_path).numbers == truth.numbers
    np.testing.assert_array_equal(truth.labels(2), blocks(0, 1, 2, 0))


def test_options_map_values_and_ignore(clip: Path) -> None:
    truth = read_truth(clip, PARTS, {5: "left_eye", 6: "mouth"}, ignore=(11,))
    np.testing.assert_array_equal(truth.labels(0), blocks(0, 1, 2, IGNORED))
    both = read_truth(clip, PARTS, {5: "mouth", 6: "mouth", 11: "background"})
    np.testing.assert_array_equal(both.labels(0), blocks(0, 2, 2, 0))


def test_options_win_over_labels_json(clip: Path) -> None:
    (clip / "labels.json").write_text(json.dumps({"5": "left eye", "6": "mouth", "11": "x"}))
    truth = read_truth(clip, PARTS, {11: "mouth"})
    np.testing.assert_array_equal(truth.labels(0), blocks(0, 1, 2, 2))


def test_frames_without_annotation_are_not_counted(clip: Path) -> None:
    (clip / "Annotations" / "f_00002.png").unlink()
    truth = read_truth(clip, PARTS, {5: "left_eye", 6: "mouth"}, (11,))
    assert truth.numbers == (0, 1, 3)
    with pytest.raises(TruthError, match="Frame 2 has no annotation"):
        truth.labels(2)


def test_skipped_frames(clip: Path) -> None:
    truth = read_truth(clip, PARTS, {5: "left_eye"})
    assert truth.without((0,)) == (1, 2, 3)
    assert truth.without(()) == (0, 1, 2, 3)
    with pytest.raises(TruthError, match=r"--skip-frames 7 is not in the clip: .* are 0-3"):
        truth.without((0, 7))
    with pytest.raises(TruthError, match="leaves no frame"):
        truth.without(range(4))


def test_soft_mattes_win_by_size_against_the_rest(tmp_path: Path) -> None:
    geometry = Geometry(Window(0, 0, 40, 24), Window(-4, 0, 44, 24))
    for folder in ("plate", "truth/left_eye", "truth/mouth", "truth/nose"):
        (tmp_path / folder).mkdir(parents=True)
    eye = blocks(10, 4, 3, 0, width=48) / 10
    mouth = blocks(0, 5, 3, 0, width=48) / 10
    for number in (1001, 1002):
        rgb = picture(24, 48)
        write_rgb_exr(tmp_path / f"plate/p.{number}.exr", rgb, geometry)
        for slug, matte in (("left_eye", eye), ("mouth", mouth), ("nose", eye * 0)):
            path = tmp_path / "truth" / slug / f"x_{slug}.{number}.exr"
            write_exr(path, {"A": matte.astype(np.float16)}, geometry)
    truth = read_truth(tmp_path, PARTS)
    assert truth.numbers == (1001, 1002)
    np.testing.assert_array_equal(truth.labels(1002), blocks(1, 2, 0, 0, width=48))
    (tmp_path / "truth" / "mouth" / "x_mouth.1002.exr").unlink()
    assert read_truth(tmp_path, PARTS).numbers == (1001,)
    with pytest.raises(TruthError, match=r"no folder of the model's parts.*it has left_eye, mouth"):
        read_truth(tmp_path, [("wheel", "wheel")])


def test_mistakes_get_one_sentence(clip: Path) -> None:
    with pytest.raises(TruthError, match=r"which mask value is which part: .*--labels 255=part"):
        read_truth(clip, PARTS)
    with pytest.raises(TruthError, match=r"--labels 5=tail names no part; the model has left_eye"):
        read_truth(clip, PARTS, {5: "tail"})
    with pytest.raises(TruthError, match=r"value 6, which stands for no part: .*f_00000\.png"):
        read_truth(clip, PARTS, {5: "mouth"}, (11,)).labels(0)
    with pytest.raises(TruthError, match="clip folder does not exist"):
        read_truth(clip / "nowhere", PARTS)
    with pytest.raises(TruthError, match="no clip to evaluate"):
        read_truth(clip / "Annotations", PARTS)
    write_mask(clip / "Annotations" / "f_00001.png", blocks(0, 5, height=12))
    with pytest.raises(TruthError, match="annotation is 40x12 but the plate is 40x24"):
        read_truth(clip, PARTS, {5: "mouth"}).labels(1)
    (clip / "labels.json").write_text(json.dumps({"5": "tail"}))
    with pytest.raises(TruthError, match=r"labels\.json names none"):
        read_truth(clip, PARTS)


CLIPS = {
    "davis": (("davis", "horsejump-high"), {255: "horse"}, (), 50, 0.02),
    "pumavos": (("pumavos", "chair"), {1: "horse"}, (), 60, 0.01),
    "camvid": (("camvid", "0016E5"), {3: "horse", **dict.fromkeys((1, 2, 4, 5, 6, 7, 8, 9, 10),
               "background")}, (11,), 50, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("case", CLIPS.values(), ids=CLIPS.keys())
def test_real_clips(case: tuple) -> None:
    steps, labels, ignore, count, share = case
    truth = read_truth(shared("clips", *steps), [("horse", "horse")], labels, ignore)
    assert len(truth.numbers) == count
    first = truth.labels(truth.numbers[0])
    assert set(np.unique(first)) <= {0, 1, IGNORED}
    assert (first == 1).mean() > share
