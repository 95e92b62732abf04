"""Metrics against slow implementations of their definitions, and on real masks."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smite_engine.metrics import (
    IGNORED,
    FlickerMeter,
    VideoConsistency,
    boundary,
    f_measure,
    iou,
)

MASKS = arrays(np.bool_, (13, 17))


def davis(name: str, frames: range) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rgb, bool mask) of real frames; skips where the footage is absent."""
    shared = Path(os.environ.get("SMITE_SHARED", Path(__file__).parents[3] / "shared"))
    clip = shared / "clips" / "davis" / name
    if not clip.exists():
        pytest.skip(f"no footage at {clip} (SMITE_SHARED names the folder)")
    return [
        (
            cv2.imread(str(clip / "JPEGImages" / f"{number:05d}.jpg"))[..., ::-1],
            cv2.imread(str(clip / "Annotations" / f"{number:05d}.png"), 0) > 0,
        )
        for number in frames
    ]


def slow_contour(mask: np.ndarray) -> list[tuple[int, int]]:
    """seg2bmap, pixel by pixel."""
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            right = mask[y, x + 1] if x + 1 < width else mask[y, x]
            below = mask[y + 1, x] if y + 1 < height else mask[y, x]
            both = mask[y + 1, x + 1] if x + 1 < width and y + 1 < height else mask[y, x]
            if mask[y, x] != right or mask[y, x] != below or mask[y, x] != both:
                found.append((y, x))
    return found


def slow_f(prediction: np.ndarray, truth: np.ndarray, radius: int) -> float:
    """F by the distance of every contour pixel to every other."""
    a, b = slow_contour(prediction), slow_contour(truth)

    def share(points: list, others: list) -> float:
        near = [any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in points]
        return sum(near) / len(near)

    if not a and not b:
        return 1.0
    if not a or not b:
        return 0.0
    precision, recall = share(a, b), share(b, a)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(MASKS)
def test_boundary_is_that_of_davis(mask: np.ndarray) -> None:
    assert list(zip(*np.nonzero(boundary(mask)), strict=True)) == slow_contour(mask)


@settings(deadline=None, max_examples=60)
@given(MASKS, MASKS, st.integers(1, 5))
def test_f_is_the_slow_f(prediction: np.ndarray, truth: np.ndarray, radius: int) -> None:
    value = f_measure(prediction, truth, tolerance=radius)
    if not prediction.any() and not truth.any():
        assert value is None
    elif not prediction.any() or not truth.any():
        assert value == 0.0
    else:
        assert value == pytest.approx(slow_f(prediction, truth, radius))


def test_f_on_real_masks_is_dilation_by_a_disk() -> None:
    (_, before), (_, after) = davis("horsejump-high", range(2))
    radius = math.ceil(0.008 * math.hypot(*after.shape))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.uint8)
    a, b = (boundary(mask).astype(np.uint8) for mask in (before, after))
    precision = (a & cv2.dilate(b, disk)).sum() / a.sum()
    recall = (b & cv2.dilate(a, disk)).sum() / b.sum()
    expected = 2 * precision * recall / (precision + recall)
    assert f_measure(before, after) == pytest.approx(expected, abs=1e-9)
    assert 0.5 < expected < 1.0


def test_iou_counts_as_promised() -> None:
    a = np.zeros((4, 4), bool)
    b = a.copy()
    assert iou(a, b) is None
    a[:2] = True
    assert iou(a, b) == 0.0
    b[1:3] = True
    assert iou(a, b) == pytest.approx(1 / 3)
    ignore = np.zeros((4, 4), bool)
    ignore[0] = ignore[2] = True
    assert iou(a, b, ignore) == 1.0
    ignore[1] = True
    assert iou(a, b, ignore) is None


def test_f_beside_ignored_pixels() -> None:
    truth = np.zeros((60, 60), bool)
    truth[20:40, 20:40] = True
    prediction = truth.copy()
    prediction[20:40, 40:55] = True  # wrong, but only where nothing counts
    ignore = np.zeros_like(truth)
    ignore[:, 40:] = True
    assert f_measure(prediction, truth) < 0.9
    assert f_measure(prediction, truth, ignore) == 1.0


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(4, 5\)"):
        iou(np.zeros((4, 4), bool), np.zeros((4, 5), bool))


def slow_mvc(predictions: list, truths: list, n: int) -> float | None:
    """Equation 1 of VSPW, window by window."""
    shares = []
    for start in range(len(truths) - n + 1):
        truth, prediction = np.stack(truths[start : start + n]), np.stack(predictions[start:][:n])
        steady = (truth == truth[0]).all(axis=0) & (truth[0] != IGNORED)
        right = steady & (prediction == truth).all(axis=0)
        if steady.any():
            shares.append(right.sum() / steady.sum())
    return float(np.mean(shares)) if shares else None


@pytest.mark.parametrize("n", [2, 8, 16])
@pytest.mark.parametrize("frames", [1, 7, 8, 30])
def test_mvc_is_the_slow_mvc(n: int, frames: int) -> None:
    rng = np.random.default_rng(n * 100 + frames)
    truths = [rng.integers(0, 3, (12, 14)).astype(np.uint8)]
    for _ in range(frames - 1):
        changed = rng.random((12, 14)) < 0.05
        truths.append(np.where(changed, rng.integers(0, 3, (12, 14)), truths[-1]).astype(np.uint8))
    for truth in truths:
        truth[rng.random((12, 14)) < 0.01] = IGNORED
    wrong = [rng.random((12, 14)) < 0.03 for _ in truths]
    predictions = [np.where(w, 1, t).astype(np.uint8) for w, t in zip(wrong, truths, strict=True)]
    meter = VideoConsistency((n,))
    for prediction, truth in zip(predictions, truths, strict=True):
        meter.add(prediction, truth)
    assert meter.result()[n] == pytest.approx(slow_mvc(predictions, truths, n))


def moving_texture(frames: int, speed: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A textured square that slides over a textured ground: uint8 frames and labels."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (160, 240, 3)).astype(np.uint8), (5, 5), 0)
    square = cv2.GaussianBlur(rng.integers(0, 256, (60, 60, 3)).astype(np.uint8), (5, 5), 0)
    pictures, labels = [], []
    for index in range(frames):
        picture, label = ground.copy(), np.zeros((160, 240), np.uint8)
        left = 30 + speed * index
        picture[50:110, left : left + 60] = square
        label[50:110, left : left + 60] = 1
        label[50:110, left + 30 : left + 60] = 2
        pictures.append(picture)
        labels.append(label)
    return pictures, labels


def flicker_of(pictures: list[np.ndarray], labels: list[np.ndarray]) -> float | None:
    meter = FlickerMeter()
    for picture, label in zip(pictures, labels, strict=True):
        meter.add(label, picture)
    return meter.result()


def test_labels_that_move_with_the_picture_do_not_flicker() -> None:
    pictures, labels = moving_texture(8)
    steady = flicker_of(pictures, labels)
    assert steady < 0.05
    swapped = [label if i % 2 else np.choose(label, [0, 2, 1]).astype(np.uint8)
               for i, label in enumerate(labels)]  # fmt: skip
    assert flicker_of(pictures, swapped) > 0.9
    gone = [label if i % 2 else label * 0 for i, label in enumerate(labels)]
    assert flicker_of(pictures, gone) > 0.9


def test_flicker_grows_with_the_noise() -> None:
    pictures, labels = moving_texture(6)
    rng = np.random.default_rng(0)
    figures = []
    for share in (0.0, 0.1, 0.3):
        noisy = [np.where(rng.random(m.shape) < share, 0, m).astype(np.uint8) for m in labels]
        figures.append(flicker_of(pictures, noisy))
    assert figures[0] + 0.05 < figures[1] < figures[2]
    assert figures[1] == pytest.approx(2 * 0.1 * 0.9, abs=0.08)


def test_flicker_takes_float_frames_and_has_none_without_a_step() -> None:
    pictures, labels = moving_texture(3)
    floats = [picture.astype(np.float32) / 255 for picture in pictures]
    assert flicker_of(floats, labels) == pytest.approx(flicker_of(pictures, labels), abs=0.01)
    assert flicker_of(pictures[:1], labels[:1]) is None
    assert flicker_of(pictures, [label * 0 for label in labels]) is None
    meter = FlickerMeter()
    assert meter.add(labels[0], pictures[0]) is None
    assert meter.add(labels[1], pictures[1]) == meter.result()


def test_true_masks_hardly_flicker_on_real_footage() -> None:
    frames = davis("car-roundabout", range(8))
    pictures = [rgb for rgb, _ in frames]
    truth = [mask.astype(np.uint8) for _, mask in frames]
    square = np.ones((7, 7), np.uint8)
    breathing = [cv2.dilate(m, square) if i % 2 else cv2.erode(m, square)
                 for i, m in enumerate(truth)]  # fmt: skip
    steady = flicker_of(pictures, truth)
    assert steady < 0.03
    assert flicker_of(pictures, breathing) > 4 * steady
