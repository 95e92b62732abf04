"""How far a matte is from the exact one: pure functions of alphas.

SAD, MSE, gradient and connectivity error are those of Rhemann et al. 2009, "A Perceptually
Motivated Online Benchmark for Image Matting" (alphamatting.com), dtSSD that of Erofeev et al. 2015,
"Perceptually Motivated Benchmark for Video Matting". Alphas are float [H, W] in 0..1; a ``region``
is bool [H, W], and None is every pixel.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "connectivity_error",
    "dtssd",
    "edge_band",
    "gradient_error",
    "mse",
    "sad",
    "unsteadiness",
]

THOUSAND = 1000.0
"""SAD, gradient and connectivity errors are told in thousands, as alphamatting.com tells them."""

GRADIENT_SIGMA = 1.4
GRADIENT_CUT = 1e-2
"""The Gaussian's tail is cut where it is lower."""

CONNECTIVITY_STEP = 0.1
CONNECTIVITY_TOLERANCE = 0.15
"""theta of Rhemann et al.: smaller distances to the connected level do not count."""

OPAQUE = 1 - 1 / 255
CLEAR = 1 / 255
"""Alpha between these is partial."""

STEADY = 0.01
"""Ground truth that changes by no more between two frames stands still."""

Alpha = npt.NDArray[np.floating]
Region = npt.NDArray[np.bool_]


def sad(alpha: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of absolute differences, in thousands."""
    return float(_kept(np.abs(_difference(alpha, truth)), region).sum() / THOUSAND)


def mse(alpha: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Mean of squared differences; 0 over an empty region."""
    kept = _kept(_difference(alpha, truth) ** 2, region)
    return float(kept.mean()) if kept.size else 0.0


def gradient_error(alpha: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of squared differences of the gradients' lengths, in thousands.

    Gradients are convolutions with derivatives of a Gaussian of sigma 1.4, each kernel of unit
    length, the border repeated. Alphas are not stretched to 0..1 first, as the benchmark's own
    script does, so that a matte that is faint all over is not forgiven.
    """
    _difference(alpha, truth)
    return float(_kept((_steepness(alpha) - _steepness(truth)) ** 2, region).sum() / THOUSAND)


def connectivity_error(alpha: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of absolute differences of phi, in thousands (eq. 1 and 2 of Rhemann et al.).

    l_i is the highest level, in steps of 0.1, at which pixel i is 4-connected to the largest
    region in which both alphas reach that level; d_i = alpha_i - l_i; phi_i = 1 - d_i where
    d_i >= 0.15, else 1.
    """
    _difference(alpha, truth)
    level = _connected_level(np.minimum(alpha, truth))
    differences = np.abs(_phi(alpha, level) - _phi(truth, level))
    return float(_kept(differences, region).sum() / THOUSAND)


def dtssd(
    alpha: Alpha,
    before: Alpha,
    truth: Alpha,
    truth_before: Alpha,
    region: Region | None = None,
) -> float:
    """Root of the mean squared difference of the changes from one frame to the next, 0..2.

    Erofeev et al. sum over pixels; the mean does not grow with the picture. 0 over an empty region.
    """
    changes = _difference(alpha, before) - _difference(truth, truth_before)
    kept = _kept(changes**2, region)
    return math.sqrt(float(kept.mean())) if kept.size else 0.0


def unsteadiness(
    alpha: Alpha,
    before: Alpha,
    truth: Alpha,
    truth_before: Alpha,
    *,
    with_clear: bool = True,
) -> tuple[float, int]:
    """(sum of |alpha_t - alpha_(t-1)|, pixels) where the truth stays within 0.01.

    Without ``with_clear`` pixels are left out in which truth and matte are clear in both frames: a
    wide empty background is steady, and hides what flickers.
    """
    change = np.abs(_difference(alpha, before))
    counted = np.abs(_difference(truth, truth_before)) <= STEADY
    if not with_clear:
        counted &= np.maximum.reduce([alpha, before, truth, truth_before]) > CLEAR
    kept = _kept(change, counted)
    return float(kept.sum()), int(kept.size)


def edge_band(truth: Alpha, radius: float) -> Region:
    """bool [H, W]: pixels at most ``radius`` pixels from an edge of the true matte.

    Edges are the pixels of partial alpha (an edge that is blurred is as wide as its blur), and
    those on both sides of a step through one half.
    """
    edges = (truth > CLEAR) & (truth < OPAQUE)
    above = truth >= 0.5
    down = above[1:] != above[:-1]
    across = above[:, 1:] != above[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    if not edges.any():
        return edges
    away = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    found: Region = away <= radius
    return found


def _steepness(alpha: Alpha) -> npt.NDArray[np.float64]:
    """Length of the gradient, [H, W]."""
    sigma = GRADIENT_SIGMA
    half = math.ceil(
        sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * GRADIENT_CUT))
    )
    x = np.arange(-half, half + 1, dtype=np.float64)
    bell = np.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    slope = -x * bell / sigma**2
    length = math.sqrt(float((np.outer(bell, slope) ** 2).sum()))
    plane = np.ascontiguousarray(alpha, dtype=np.float64)
    # A derivative's sign is lost in the length, so that correlating serves for convolving.
    border = cv2.BORDER_REPLICATE
    across = cv2.sepFilter2D(plane, cv2.CV_64F, slope, bell, borderType=border) / length
    down = cv2.sepFilter2D(plane, cv2.CV_64F, bell, slope, borderType=border) / length
    found: npt.NDArray[np.float64] = np.hypot(across, down)
    return found


def _connected_level(lower: Alpha) -> npt.NDArray[np.float64]:
    """l of Rhemann et al., [H, W], from the lower of both alphas."""
    steps = round(1 / CONNECTIVITY_STEP)
    level = np.full(lower.shape, -1.0)
    for step in range(1, steps + 1):
        # Half a rounding error of float32 under the level, so that an alpha of 0.3 reaches 0.3.
        core = _largest(lower >= step / steps - 1e-7)
        level[(level < 0) & ~core] = (step - 1) / steps
    level[level < 0] = 1.0
    return level


def _largest(mask: Region) -> Region:
    """The largest 4-connected region of a mask; all False where it is empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    if count < 2:
        return np.zeros_like(mask)
    found: Region = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return found


def _phi(alpha: Alpha, level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    distance = alpha - level
    return 1 - np.where(distance >= CONNECTIVITY_TOLERANCE, distance, 0.0)


def _difference(alpha: Alpha, truth: Alpha) -> npt.NDArray[np.float64]:
    """alpha - truth; ValueError where they differ in shape."""
    if alpha.shape != truth.shape or alpha.ndim != 2:
        raise ValueError(
            f"the mattes must be [H, W] of one size, not {alpha.shape} and {truth.shape}"
        )
    return np.asarray(alpha, np.float64) - np.asarray(truth, np.float64)


def _kept(values: npt.NDArray[np.float64], region: Region | None) -> npt.NDArray[np.float64]:
    """The values inside the region, flat."""
    if region is None:
        return values.ravel()
    if region.shape != values.shape:
        raise ValueError(f"the region is {region.shape}, the mattes are {values.shape}")
    return values[region]
