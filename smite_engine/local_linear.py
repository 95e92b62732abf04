"""Alpha as a linear function of the plate's colour, locally: alpha_i = a^T I_i + b.

The model of the guided filter (He et al. 2010, "Guided Image Filtering", eq. 14 to 16, with a
colour guide) and of closed-form matting (Levin et al. 2008): where the colours of a window lie near
a line, plane or tetrahedron between those of its parts, the alphas are linear in colour, and
so are blurred edges. One filtering is one step of relaxing the matting Laplacian (He et al. 2010,
"Fast Matting Using Large Kernel Matting Laplacian Matrices", eq. 9): L p = p - filtered(p).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional


def box_mean(planes: torch.Tensor, radius: int) -> torch.Tensor:
    """Means over windows of (2 * radius + 1) squared of [C, H, W]; the border is repeated.

    A sum of shifted planes, not of running sums: a pixel's value depends on its window alone, to
    the last bit, so that blocks of a picture join without a seam.
    """
    side = 2 * radius + 1
    # As a batch of one: "replicate" wants four dimensions.
    padded = functional.pad(planes[None], (radius,) * 4, mode="replicate")[0]
    height, width = planes.shape[-2:]
    tall = padded[:, :height].clone()
    for shift in range(1, side):
        tall += padded[:, shift : shift + height]
    total = tall[..., :width].clone()
    for shift in range(1, side):
        total += tall[..., shift : shift + width]
    return total.mul_(1 / side**2)


LEAST_VARIANCE = 1e-3
"""Summed over the parts; alphas that vary less are constant."""


@dataclass(frozen=True)
class ColourStatistics:
    """What the windows of a guide look like.

    Attributes:
        guide: float32 [3, H, W].
        mean: float32 [3, H, W], of each pixel's window.
        factors: float32 [6, H, W], of the window's covariance + eps, see :func:`_factors`.
        radius: Of the windows.
    """

    guide: torch.Tensor
    mean: torch.Tensor
    factors: torch.Tensor
    radius: int

    @classmethod
    def of(cls, guide: torch.Tensor, radius: int, eps: float) -> ColourStatistics:
        """``eps`` (squared colour) is the variance below which a window counts as flat."""
        x, y, z = guide
        products = torch.stack([x * x, x * y, x * z, y * y, y * z, z * z])
        means = box_mean(torch.cat([guide, products]), radius)
        mean = means[:3]
        u, v, w = mean
        covariance = means[3:] - torch.stack([u * u, u * v, u * w, v * v, v * w, w * w])
        # Rounding may leave a variance just below 0.
        covariance[[0, 3, 5]] = covariance[[0, 3, 5]].clamp_min_(0) + eps
        return cls(guide, mean, _factors(covariance, eps), radius)

    def fit(self, alphas: torch.Tensor) -> torch.Tensor:
        """(a, b) of each window, averaged over the windows that hold a pixel: [K, 4, H, W].

        Args:
            alphas: float32 [K, H, W].
        """
        covariance, mean = self.covariance(alphas)
        slope = self.slope(covariance)
        offset = mean - (slope * self.mean[None]).sum(dim=1)
        model = torch.cat([slope, offset[:, None]], dim=1)
        return box_mean(model.flatten(0, 1), self.radius).view_as(model)

    def covariance(self, alphas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """([K, 3, H, W] of each alpha with the colours of its window, [K, H, W] its mean)."""
        count, height, width = alphas.shape
        weighed = (self.guide[None] * alphas[:, None]).reshape(-1, height, width)
        means = box_mean(torch.cat([alphas, weighed]), self.radius)
        mean = means[:count]
        both = means[count:].view(count, 3, height, width)
        return both - self.mean[None] * mean[:, None], mean

    def slope(self, covariance: torch.Tensor) -> torch.Tensor:
        """a of each window, [K, 3, H, W], from the covariances."""
        x, y, z = covariance.unbind(1)
        d1, l21, l31, d2, l32, d3 = self.factors
        y = y - l21 * x
        z = (z - l31 * x - l32 * y) / d3
        y = y / d2 - l32 * z
        return torch.stack([x / d1 - l21 * y - l31 * z, y, z], dim=1)


def unexplained(alphas: torch.Tensor, guide: torch.Tensor, radius: int, eps: float) -> torch.Tensor:
    """What share of the alphas' variance in each window is not linear in colour: [H, W], 0..1.

    0 where the alphas hardly vary: there is nothing to explain.

    Args:
        alphas: float32 [K, H, W], sums of 1.
        guide: float32 [3, H, W].
        radius: Of the windows.
        eps: Variance of colour below which a window counts as flat.
    """
    statistics = ColourStatistics.of(guide, radius, eps)
    covariance, mean = statistics.covariance(alphas)
    variance = (box_mean(alphas.square(), radius) - mean.square()).clamp_min(0).sum(dim=0)
    explained = (covariance * statistics.slope(covariance)).sum(dim=(0, 1))
    share = 1 - explained / variance.clamp_min(LEAST_VARIANCE)
    return torch.where(variance > LEAST_VARIANCE, share, 0.0).clamp(0, 1)


def crispness(planes: torch.Tensor, radius: int, flat: float) -> torch.Tensor:
    """How much of the detail around each pixel is as fine as pixels are: [H, W], 0..1.

    The share of the variance of 5x5 windows that is lost by a 3x3 mean, over windows of ``radius``:
    about 0.2 at a step, 0 on a slope, as motion blur and defocus leave it, and where all is flat.

    Args:
        planes: float32 [C, H, W].
        radius: Of the windows.
        flat: Variance, summed over the planes, that makes no detail.
    """
    fine = box_mean((planes - box_mean(planes, 1)).square().sum(dim=0, keepdim=True), radius)
    mean = box_mean(planes, 2)
    spread = box_mean((planes - mean).square().sum(dim=0, keepdim=True), radius)
    return fine[0] / (spread[0] + flat)


def applied(model: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """a^T I + b: models [K, 4, H, W] on a guide [3, H, W] -> [K, H, W]."""
    alphas = torch.addcmul(model[:, 3], model[:, 0], guide[0])
    alphas.addcmul_(model[:, 1], guide[1])
    return alphas.addcmul_(model[:, 2], guide[2])


def _factors(matrix: torch.Tensor, least: float) -> torch.Tensor:
    """L D L^T of symmetric 3x3 matrices, [6, H, W]: d1, l21, l31, d2, l32, d3.

    From xx, xy, xz, yy, yz, zz of the matrices. Of nearly singular ones (a grey plate) a float32
    determinant may round to anything; here no d falls below ``least``, as it cannot where that
    was added to the diagonal.
    """
    xx, xy, xz, yy, yz, zz = matrix
    d1 = xx.clamp_min(least)
    l21, l31 = xy / d1, xz / d1
    d2 = (yy - l21 * xy).clamp_min_(least)
    rest = yz - l21 * xz
    l32 = rest / d2
    d3 = (zz - l31 * xz - l32 * rest).clamp_min_(least)
    return torch.stack([d1, l21, l31, d2, l32, d3])
