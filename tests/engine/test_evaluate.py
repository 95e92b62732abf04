"""The figures of `smite evaluate`, counted as the product says."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from smite_engine.evaluate import Evaluator

KEYS = [
    "miou", "miou_foreground", "f_measure", "jf", "mvc8", "mvc16", "flicker",
    "seconds_per_frame", "frames", "parts",
]  # fmt: skip


def frame(*columns: int) -> np.ndarray:
    """A label map of vertical stripes, 32 pixels high, 16 wide each."""
    return np.repeat(np.array(columns, np.uint8), 16)[None].repeat(32, axis=0)


def test_the_keys_are_those_of_the_product() -> None:
    evaluator = Evaluator(["eye", "mouth"])
    evaluator.add(frame(0, 1, 2), frame(0, 1, 2))
    result = evaluator.result(0.5)
    assert list(result) == KEYS
    assert list(result["parts"]) == ["eye", "mouth"]
    assert list(result["parts"]["eye"]) == ["iou", "f_measure"]
    assert result["seconds_per_frame"] == 0.5
    assert result["frames"] == 1


def test_perfect_is_one() -> None:
    evaluator = Evaluator(["eye", "mouth"])
    for _ in range(20):
        evaluator.add(frame(0, 1, 2), frame(0, 1, 2))
    result = evaluator.result()
    for key in ("miou", "miou_foreground", "f_measure", "jf", "mvc8", "mvc16"):
        assert result[key] == 1.0
    assert result["flicker"] is None


def test_frames_in_neither_mask_are_left_out_and_in_only_one_count_zero() -> None:
    evaluator = Evaluator(["eye", "mouth"])
    evaluator.add(frame(1, 0, 0, 0), frame(1, 0, 0, 0))  # eye 1, mouth in neither
    evaluator.add(frame(0, 0, 0, 0), frame(1, 0, 0, 0))  # eye 0 (only truth), mouth in neither
    evaluator.add(frame(0, 0, 2, 2), frame(0, 0, 2, 0))  # eye in neither, mouth 1/2
    evaluator.add(frame(0, 0, 2, 0), frame(0, 0, 0, 0))  # mouth 0 (only prediction)
    result = evaluator.result()
    assert result["parts"]["eye"]["iou"] == pytest.approx((1 + 0) / 2)
    assert result["parts"]["mouth"]["iou"] == pytest.approx((0.5 + 0) / 2)
    assert result["parts"]["eye"]["f_measure"] == pytest.approx(0.5)
    assert result["miou_foreground"] == pytest.approx((0.5 + 0.25) / 2)
    background = (1 + 3 / 4 + 2 / 3 + 3 / 4) / 4
    assert result["miou"] == pytest.approx((background + 0.5 + 0.25) / 3)
    f = result["f_measure"]
    assert f == np.mean([part["f_measure"] for part in result["parts"].values()])
    assert result["jf"] == pytest.approx((result["miou_foreground"] + f) / 2)


def test_a_part_that_never_appears_is_no_figure() -> None:
    evaluator = Evaluator(["eye", "hat"])
    evaluator.add(frame(0, 1), frame(0, 1))
    result = evaluator.result()
    assert result["parts"]["hat"] == {"iou": None, "f_measure": None}
    assert result["miou_foreground"] == 1.0
    assert result["miou"] == 1.0


def test_ignored_pixels_count_for_nothing() -> None:
    evaluator = Evaluator(["eye"])
    evaluator.add(frame(0, 1, 1, 0), frame(0, 1, 255, 255))
    result = evaluator.result()
    assert result["miou"] == 1.0
    assert result["f_measure"] == 1.0


def test_nothing_added_is_no_figure_and_no_crash() -> None:
    result = Evaluator(["eye"]).result()
    assert result["frames"] == 0
    assert all(result[key] is None for key in KEYS[:8])


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        Evaluator(["eye"]).add(frame(0, 1), frame(0, 1, 1))


def test_memory_stays_flat() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (32, 48, 3)).astype(np.uint8)
    evaluator = Evaluator(["eye", "mouth"])
    sizes = []
    tracemalloc.start()
    for number in range(200):
        evaluator.add(frame(0, 1, 2), frame(0, number % 2, 2), rgb)
        if number in (40, 199):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] - sizes[0] < 16_000
