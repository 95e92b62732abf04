"""J and F against vos-benchmark: the same masks, the same frames, another implementation.

vos-benchmark follows DAVIS: it leaves out the first and the last frame of a shot, which are given
in DAVIS' contest, unless told otherwise. Both sides get the same set here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import pytest

from smite_engine.evaluate import Evaluator
from smite_engine.metrics import f_measure, iou

SHARED = Path(os.environ.get("SMITE_SHARED") or Path(__file__).parents[3] / "shared")
FIRST, LAST, FAR = 1, 2, 7  # Labels need not follow each other.

WHY = "vos-benchmark is not installed: pip install --no-deps vos-benchmark==0.1.0 scikit-image"
vos_evaluator = pytest.importorskip("vos_benchmark.evaluator", reason=WHY)
vos_benchmark = pytest.importorskip("vos_benchmark.benchmark", reason=WHY)

Labels = np.ndarray


def annotations(clip: str, numbers: Sequence[int]) -> list[np.ndarray]:
    """bool masks [480, 854] of DAVIS 2016; skips where they are absent."""
    folder = SHARED / "clips" / "davis" / clip / "Annotations"
    if not folder.is_dir():
        pytest.skip(f"no annotations at {folder} (SMITE_SHARED names the folder)")
    return [cv2.imread(str(folder / f"{number:05d}.png"), 0) > 127 for number in numbers]


def real_truth(numbers: Sequence[int]) -> list[Labels]:
    """Three objects: a horse and rider cut in two at its middle, and a swan upside down."""
    maps = []
    riders, swans = annotations("horsejump-high", numbers), annotations("blackswan", numbers)
    for rider, swan in zip(riders, swans, strict=True):
        labels = np.zeros(rider.shape, np.uint8)
        labels[swan[::-1]] = FAR
        labels[rider] = FIRST
        middle = int(np.nonzero(rider)[1].mean())
        labels[:, middle:][rider[:, middle:]] = LAST
        maps.append(labels)
    return maps


def perturbed(truth: Labels, seed: int) -> Labels:
    """Each object moved, grown or shrunk by some pixels; a random scatter of specks on top."""
    rng = np.random.default_rng(seed)
    result = np.zeros_like(truth)
    for label in np.unique(truth[truth > 0]).tolist():
        mask = np.roll((truth == label).astype(np.uint8), rng.integers(-12, 13, 2), axis=(0, 1))
        size = int(rng.integers(2, 9))
        change = cv2.erode if rng.random() < 0.5 else cv2.dilate
        result[change(mask, np.ones((size, size), np.uint8)) > 0] = label
    specks = rng.random(truth.shape) < 0.0005
    result[specks] = FIRST
    return result


def blobs(seed: int, size: tuple[int, int]) -> Labels:
    """Labels 0 to 3 by thresholds of smooth noise; borders, holes and islands of every size."""
    noise = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.digitize(smooth / smooth.std(), (-0.5, 0.4, 1.2)).astype(np.uint8)


def their_frame(prediction: Labels, truth: Labels) -> dict[int, tuple[float, float]]:
    """(J, F) of each label that is in either map."""
    evaluator = vos_evaluator.Evaluator()
    evaluator.feed_frame(prediction, truth)
    return {
        label: (values[0], evaluator.boundary_f[label][0])
        for label, values in evaluator.object_iou.items()
    }


def assert_same_frame(prediction: Labels, truth: Labels) -> None:
    theirs = their_frame(prediction, truth)
    assert theirs
    for label, (their_j, their_f) in theirs.items():
        masks = prediction == label, truth == label
        assert iou(*masks) == pytest.approx(their_j, abs=1e-6)
        assert f_measure(*masks) == pytest.approx(their_f, abs=1e-6)


@pytest.mark.parametrize("number", [3, 20, 41])
def test_frames_of_real_objects(number: int) -> None:
    (truth,) = real_truth([number])
    assert_same_frame(perturbed(truth, number), truth)


@pytest.mark.parametrize("size", [(97, 131), (180, 320), (333, 64)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_frames_of_blobs(seed: int, size: tuple[int, int]) -> None:
    assert_same_frame(blobs(seed, size), blobs(seed + 100, size))
    assert_same_frame(perturbed(blobs(seed, size), seed), blobs(seed, size))


def test_shots_over_the_frames_that_davis_counts(tmp_path: Path) -> None:
    """Through folders of PNG, as vos-benchmark is used, which drops the first and last frame."""
    truths = real_truth(range(10, 15))
    predictions = [perturbed(truth, number) for number, truth in enumerate(truths)]
    predictions[2][predictions[2] == FAR] = 0  # An object that is missed counts 0 in its frame.
    for kind, maps in (("truth", truths), ("prediction", predictions)):
        folder = tmp_path / kind / "shot"
        folder.mkdir(parents=True)
        for number, labels in enumerate(maps):
            assert cv2.imwrite(str(folder / f"{number:05d}.png"), labels)
    evaluate = vos_benchmark.VideoEvaluator(str(tmp_path / "truth"), str(tmp_path / "prediction"))
    name, their_j, their_f = evaluate("shot")
    assert (name, set(their_j)) == ("shot", {FIRST, LAST, FAR})

    ours = Evaluator([f"part {label}" for label in range(1, FAR + 1)])
    for prediction, truth in list(zip(predictions, truths, strict=True))[1:-1]:
        ours.add(prediction, truth)
    result = ours.result()
    for label in (FIRST, LAST, FAR):
        part = result["parts"][f"part {label}"]
        assert part["iou"] == pytest.approx(their_j[label] / 100, abs=1e-6)
        assert part["f_measure"] == pytest.approx(their_f[label] / 100, abs=1e-6)
    jf = (fmean(their_j.values()) + fmean(their_f.values())) / 200
    assert result["jf"] == pytest.approx(jf, abs=1e-6)
    assert 0.3 < jf < 0.95


def test_where_the_two_count_differently() -> None:
    """Two frames that DAVIS calls perfect and we do not; `smite_engine.metrics` says so."""
    none, full = np.zeros((40, 60), np.uint8), np.ones((40, 60), np.uint8)
    seen_before = vos_evaluator.Evaluator()
    seen_before.feed_frame(full, full)
    seen_before.feed_frame(none, none)
    assert (seen_before.object_iou[1][1], seen_before.boundary_f[1][1]) == (1, 1)
    assert iou(none == 1, none == 1) is None  # In neither mask: the frame is left out of the mean.
    assert f_measure(none == 1, none == 1) is None
    # A picture that is filled has no contour, as little as an empty one: a wrong 1 in DAVIS' F.
    assert their_frame(full, none) == {1: (0, 1)}
    assert iou(full == 1, none == 1) == f_measure(full == 1, none == 1) == 0
