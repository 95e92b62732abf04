"""The standard matting metrics on cases small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smite_engine.matting_metrics import (
    connectivity_error,
    dtssd,
    edge_band,
    gradient_error,
    mse,
    sad,
    unsteadiness,
)


def test_sad_is_a_sum_in_thousands() -> None:
    truth = np.zeros((20, 50), np.float32)
    alpha = truth + np.float32(0.25)
    assert sad(alpha, truth) == pytest.approx(0.25)
    assert sad(truth, truth) == 0


def test_mse_is_a_mean_of_squares() -> None:
    truth = np.array([[0.0, 1.0], [0.5, 1.0]])
    alpha = np.array([[0.0, 0.5], [0.5, 0.0]])
    assert mse(alpha, truth) == pytest.approx((0.25 + 1) / 4)


def test_a_region_keeps_only_its_pixels() -> None:
    truth, alpha = np.zeros((2, 2)), np.array([[1.0, 0.5], [0.0, 0.0]])
    region = np.array([[False, True], [False, True]])
    assert sad(alpha, truth, region) == pytest.approx(0.0005)
    assert mse(alpha, truth, region) == pytest.approx(0.125)
    assert mse(alpha, truth, np.zeros((2, 2), bool)) == 0


def test_gradient_of_a_ramp_is_the_response_of_its_kernel() -> None:
    """Far from the borders a slope s gives |s * sum(x * kernel)| in every pixel."""
    slope, size = 0.01, 31
    ramp = np.tile(np.arange(size) * slope, (size, 1))
    sigma = 1.4
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 0.01)))
    x = np.arange(-half, half + 1)
    bell = np.exp(-(x**2) / (2 * sigma**2))
    kernel = np.outer(bell, x * bell)
    response = slope * (kernel / math.sqrt((kernel**2).sum()) * x).sum()
    region = np.zeros((size, size), bool)
    region[10:21, 10:21] = True
    flat = np.zeros_like(ramp)
    assert gradient_error(ramp, flat, region) == pytest.approx(121 * response**2 / 1000)


def test_gradient_does_not_see_a_constant_offset() -> None:
    rng = np.random.default_rng(0)
    alpha = rng.uniform(0, 0.5, (16, 16))
    assert gradient_error(alpha + 0.25, alpha) == pytest.approx(0, abs=1e-12)


def test_an_island_is_disconnected() -> None:
    """A large square that both have, and an island of 4 pixels at 0.8 that only one has."""
    truth = np.zeros((12, 12))
    truth[:6, :6] = 1
    alpha = truth.copy()
    alpha[9:11, 9:11] = 0.8
    # The island is connected at level 0 alone: d = 0.8, phi = 0.2; the truth's phi is 1.
    assert connectivity_error(alpha, truth) == pytest.approx(4 * 0.8 / 1000)


def test_a_connected_slope_costs_nothing() -> None:
    """Both fall in steps of one level from the opaque side: no pixel is cut off."""
    truth = np.tile(np.array([1.0, 1.0, 1.0, 0.9, 0.8, 0.0]), (6, 1))
    alpha = truth.copy()
    alpha[:, 4] = 0.7  # Level 0.7 for both: d = 0 and 0.1, under the tolerance.
    assert connectivity_error(alpha, truth) == pytest.approx(0)


def test_a_connected_but_lower_alpha_counts_beyond_the_tolerance() -> None:
    truth = np.ones((4, 4))
    alpha = truth.copy()
    alpha[0, 0] = 0.5  # Level 0.5: d = 0 for the matte and 0.5 for the truth.
    assert connectivity_error(alpha, truth) == pytest.approx(0.5 / 1000)


def test_dtssd_is_about_changes_only() -> None:
    truth_before, truth = np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert dtssd(truth + 0.2, truth_before + 0.2, truth, truth_before) == pytest.approx(0)
    # One pixel of four changes by 1 less than the truth does.
    assert dtssd(truth_before, truth_before, truth, truth_before) == pytest.approx(0.5)


def test_unsteadiness_looks_where_the_truth_stands_still() -> None:
    before = np.array([[1.0, 0.0, 0.0, 0.2]])
    truth = np.array([[1.0, 0.0, 0.0, 0.9]])  # The last pixel moves and does not count.
    alpha = np.array([[0.9, 0.3, 0.0, 0.9]])
    total, pixels = unsteadiness(alpha, before, truth, before)
    assert (pytest.approx(total), pixels) == (0.4, 3)
    # The third is empty in all.
    total, pixels = unsteadiness(alpha, before, truth, before, with_clear=False)
    assert (pytest.approx(total), pixels) == (0.4, 2)


@pytest.mark.parametrize(("radius", "columns"), [(0.5, 2), (1.0, 4), (2.0, 6)])
def test_the_band_of_a_hard_edge_lies_on_both_sides(radius: float, columns: int) -> None:
    truth = np.zeros((5, 20), np.float32)
    truth[:, 10:] = 1
    band = edge_band(truth, radius)
    assert band.sum() == 5 * columns
    assert band[:, 10 - columns // 2 : 10 + columns // 2].all()


def test_the_band_of_a_blurred_edge_holds_all_of_it() -> None:
    truth = np.tile(np.clip((np.arange(40) - 10) / 20, 0, 1), (3, 1))
    band = edge_band(truth, 2)
    assert np.flatnonzero(band[0]).tolist() == list(range(9, 32))
    assert not edge_band(np.ones((4, 4)), 5).any()


def test_shapes_that_differ_are_told() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(2, 3\)"):
        sad(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="region"):
        mse(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((3, 3), bool))
