"""The low-pass loss: its transform, its mask, its gradient, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smite_engine.errors import SettingsError, ShapeError
from smite_engine.lowpass import dct_matrix, kept_coefficients, lowpass, lowpass_loss


def random_maps(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def fft_dct(values: np.ndarray, axis: int) -> np.ndarray:
    """The orthonormal DCT-II along an axis, from the FFT of the samples and their mirror image."""
    values = np.moveaxis(values, axis, -1)
    size = values.shape[-1]
    spectrum = np.fft.fft(np.concatenate([values, values[..., ::-1]], axis=-1))[..., :size]
    turned = (spectrum * np.exp(-0.5j * math.pi * np.arange(size) / size)).real / 2
    scale = np.full(size, math.sqrt(2 / size))
    scale[0] = math.sqrt(1 / size)
    return np.moveaxis(turned * scale, -1, axis)


def slow_loss(was: np.ndarray, reference: np.ndarray, threshold: float) -> float:
    """Eq. 6 with both transforms and the mask written out; axes F, h, w are 0, 2, 3."""
    coefficients = []
    for maps in (was, reference):
        for axis in (0, 2, 3):
            maps = fft_dct(maps, axis)
        coefficients.append(maps)
    mask = np.zeros(was.shape)
    mask[:, :, : int(threshold * was.shape[2]), : int(threshold * was.shape[3])] = 1
    return float(np.abs(coefficients[0] * mask - coefficients[1] * mask).mean())


@pytest.mark.parametrize("size", [1, 2, 3, 16, 64, 96])
def test_the_matrix_is_orthonormal_and_the_dct(size: int) -> None:
    matrix = dct_matrix(size, torch.float64)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(size, dtype=torch.float64))
    samples = random_maps(size)
    expected = torch.from_numpy(fft_dct(samples.numpy(), 0))
    torch.testing.assert_close(matrix @ samples, expected)


@pytest.mark.parametrize("shape", [(1, 1, 3, 3), (1, 4, 8, 11), (7, 2, 13, 6), (16, 3, 9, 16)])
@pytest.mark.parametrize("threshold", [0.34, 0.4, 0.999, 1.0])
def test_the_loss_is_the_slow_loss(shape: tuple[int, ...], threshold: float) -> None:
    was, reference = random_maps(*shape, seed=1), random_maps(*shape, seed=2)
    expected = slow_loss(was.numpy(), reference.numpy(), threshold)
    assert float(lowpass_loss(was, reference, threshold)) == pytest.approx(expected, rel=1e-9)


def test_maps_that_are_the_same_have_no_loss() -> None:
    was = random_maps(3, 2, 8, 8)
    assert float(lowpass_loss(was, was.clone(), 0.4)) == 0.0


def test_only_shapes_below_the_threshold_cost() -> None:
    was = random_maps(4, 2, 16, 16)
    waves = dct_matrix(16, torch.float64)
    last_kept, first_masked = waves[5], waves[6]  # int(0.4 * 16) = 6
    kept = was + last_kept * last_kept[:, None]
    masked = was + first_masked * last_kept[:, None]
    assert float(lowpass_loss(masked, was, 0.4)) == pytest.approx(0, abs=1e-12)
    # The same wave in 4 frames and 2 parts is one temporal coefficient of sqrt(4) in each part.
    expected = 2 * math.sqrt(4) / was.numel()
    assert float(lowpass_loss(kept, was, 0.4)) == pytest.approx(expected)
    assert float(lowpass_loss(masked, was, 1.0)) == pytest.approx(expected)


def test_flicker_costs_more_than_the_same_mean_change() -> None:
    """Every temporal coefficient is kept."""
    was = random_maps(6, 1, 10, 10)
    jumping = was.clone()
    jumping[1::2] += 1
    assert float(lowpass_loss(jumping, was, 0.4)) > 1.5 * float(lowpass_loss(was + 0.5, was, 0.4))


def test_keeping_all_gives_the_maps_back() -> None:
    was = random_maps(5, 3, 7, 12)
    torch.testing.assert_close(lowpass(was, 1.0), was)


def test_low_passing_twice_changes_nothing_more() -> None:
    low = lowpass(random_maps(5, 3, 7, 12), 0.4)
    torch.testing.assert_close(lowpass(low, 0.4), low)


def test_the_least_threshold_keeps_the_mean_alone() -> None:
    was = random_maps(2, 3, 8, 8)
    torch.testing.assert_close(
        lowpass(was, 1 / 8), was.mean(dim=(2, 3), keepdim=True).expand_as(was)
    )


def test_gradients() -> None:
    was = random_maps(3, 2, 6, 5).requires_grad_()
    reference = random_maps(3, 2, 6, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: lowpass_loss(a, b, 0.4), (was, reference))
    assert torch.autograd.gradcheck(lambda a: lowpass(a, 0.4), (was,))


def test_a_matrix_made_in_inference_mode_serves_a_later_graph() -> None:
    with torch.inference_mode():
        dct_matrix(23)
    was = torch.zeros(1, 1, 23, 23, requires_grad=True)
    lowpass_loss(was, torch.ones(1, 1, 23, 23), 0.4).backward()
    assert was.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_width_maps_are_compared_in_float32(dtype: torch.dtype) -> None:
    was, reference = (random_maps(4, 2, 16, 16, seed=s).to(dtype) for s in (0, 1))
    loss = lowpass_loss(was, reference, 0.4)
    assert loss.dtype == torch.float32
    exact = lowpass_loss(was.double(), reference.double(), 0.4)
    assert float(loss) == pytest.approx(float(exact), rel=1e-5)


def test_the_mask_has_the_integer_part_of_the_share() -> None:
    assert kept_coefficients(64, 48, 0.4) == (25, 19)
    assert kept_coefficients(64, 48, 0.999) == (63, 47)
    assert kept_coefficients(64, 48, 1.0) == (64, 48)


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, math.nan])
def test_thresholds_out_of_range_are_refused(threshold: float) -> None:
    with pytest.raises(SettingsError, match="above 0 and is at most 1"):
        lowpass(torch.zeros(1, 1, 8, 8), threshold)


def test_a_threshold_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"keeps nothing of maps of 8x4 cells.*at least 0\.25"):
        lowpass_loss(torch.zeros(1, 1, 4, 8), torch.zeros(1, 1, 4, 8), 0.2)


def test_maps_that_do_not_fit_are_refused() -> None:
    maps = torch.zeros(2, 3, 8, 8)
    with pytest.raises(ShapeError, match="the reference maps"):
        lowpass_loss(maps, maps[:1], 0.4)
    with pytest.raises(ShapeError, match="the maps"):
        lowpass(maps[0], 0.4)
