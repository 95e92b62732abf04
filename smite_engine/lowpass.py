"""Low-pass regularisation: how far WAS maps moved in their coarse shape (SMITE eq. 6).

The orthonormal 3-D DCT-II over (F, h, w) of each part, low-pass in h and w only. It is separable,
so it is one small matrix for each axis, of which only the rows that are kept are multiplied.
Axis names: F frames, K tokens (index 0 is background), h x w the maps' grid.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from smite_engine.errors import SettingsError, ShapeError


def dct_matrix(
    size: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """The orthonormal DCT-II of ``size`` samples, [size, size]: coefficients = matrix @ samples.

    C[k, x] = sqrt(2 / n) cos(pi (2 x + 1) k / (2 n)), row 0 divided by sqrt(2); its transpose is
    its inverse. Computed in float64, then cast. The result is shared: it is not to be written to.
    """
    return _cached_matrix(size, dtype, torch.device(device))


@lru_cache(maxsize=64)
def _cached_matrix(size: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    # A matrix made in inference mode could not be used in a later graph.
    with torch.inference_mode(mode=False):
        samples = torch.arange(size, dtype=torch.float64)
        matrix = torch.cos(math.pi / (2 * size) * (2 * samples + 1) * samples[:, None])
        matrix *= math.sqrt(2 / size)
        matrix[0] /= math.sqrt(2)
        return matrix.to(device=device, dtype=dtype)


def kept_coefficients(height: int, width: int, threshold: float) -> tuple[int, int]:
    """How many rows and columns of spatial coefficients are kept: int(T*h), int(T*w).

    Raises:
        SettingsError: If T is not above 0 and at most 1, or keeps nothing of this grid.
    """
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"The low-pass threshold lies above 0 and is at most 1, not {threshold}."
        )
    kept = int(threshold * height), int(threshold * width)
    if 0 in kept:
        raise SettingsError(
            f"The low-pass threshold {threshold} keeps nothing of maps of {width}x{height} cells; "
            f"it must be at least {1 / min(height, width):.3g} there."
        )
    return kept


def lowpass(was: torch.Tensor, threshold: float) -> torch.Tensor:
    """The maps without their fine shape: inverse DCT of the masked DCT.

    Every temporal coefficient is kept, so the transform over frames cancels and is left out.

    Args:
        was: [F, K, h, w], floating point.
        threshold: T of eq. 6, the share of spatial coefficients that is kept along each axis.

    Returns:
        [F, K, h, w], differentiable; float32 or wider.

    Raises:
        ShapeError: If ``was`` has other axes.
        SettingsError: As :func:`kept_coefficients`.
    """
    maps = _maps(was, "the maps")
    rows, columns = _kept_rows(maps, threshold)
    return rows.T @ (rows @ maps @ columns.T) @ columns


def lowpass_loss(was: torch.Tensor, reference: torch.Tensor, threshold: float) -> torch.Tensor:
    """|DCT(S) - DCT(S_ref)| of eq. 6, the mean over all coefficients; masked ones count as 0.

    The transform is linear, so the difference is transformed, once.

    Args:
        was: S, [F, K, h, w], floating point.
        reference: S_ref, of the same shape.
        threshold: As in :func:`lowpass`.

    Returns:
        A scalar, differentiable; float32 or wider.

    Raises:
        ShapeError: If the shapes differ.
        SettingsError: As :func:`kept_coefficients`.
    """
    if was.shape != reference.shape:
        raise ShapeError("the reference maps", str(list(was.shape)), reference.shape)
    difference = _maps(was, "the maps") - _maps(reference, "the reference maps")
    rows, columns = _kept_rows(difference, threshold)
    spatial = rows @ difference @ columns.T
    over_frames = dct_matrix(len(difference), difference.dtype, difference.device)
    coefficients = over_frames @ spatial.flatten(1)
    return coefficients.abs().sum() / difference.numel()


def _maps(maps: torch.Tensor, what: str) -> torch.Tensor:
    """The maps in float32 or wider: sums of half-width numbers lose the small coefficients."""
    if maps.ndim != 4 or 0 in maps.shape:
        raise ShapeError(what, "[F, K, h, w], not empty", maps.shape)
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


def _kept_rows(maps: torch.Tensor, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The kept rows of the matrices of h and w: [int(T*h), h] and [int(T*w), w]."""
    height, width = maps.shape[2:]
    of_height, of_width = kept_coefficients(height, width, threshold)
    return (
        dct_matrix(height, maps.dtype, maps.device)[:of_height],
        dct_matrix(width, maps.dtype, maps.device)[:of_width],
    )
