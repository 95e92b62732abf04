"""Spatio-temporal guidance of the latents (SMITE sec. 4.4, eq. 7 and 8; updates of appendix 7.4).

Pure functions on tensors. Axis names as in :mod:`smite_engine.attention_maps`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.losses import class_weights
from smite_engine.lowpass import lowpass_loss

BETAS = (0.9, 0.999)
EPSILON = 1e-5


@dataclass(frozen=True)
class Energy:
    """Weights of eq. 7.

    Attributes:
        tracking: lambda of the tracking energy; 0 leaves it out.
        regular: lambda of the low-pass energy; 0 leaves it out.
        threshold: Share of the spatial frequencies that the low-pass keeps, 0..1.
    """

    tracking: float
    regular: float
    threshold: float


def tracking_energy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of S against the voted labels (eq. 5), with the class weights of learning.

    Args:
        logits: [F, K, h, w].
        labels: int64 [F, h, w], arg-max of the voted maps; constants.

    Returns:
        A scalar: weighted mean over all cells.
    """
    tokens = logits.shape[1]
    wanted = functional.one_hot(labels, tokens).permute(0, 3, 1, 2).to(logits.dtype)
    weights = class_weights(wanted.transpose(0, 1).flatten(1, 2))  # Of all F frames together.
    weighted = wanted * weights[:, None, None]
    return -(weighted * logits.log_softmax(dim=1)).sum() / weighted.sum().clamp_min(1)


def energy(
    weights: Energy,
    maps: torch.Tensor,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    reference: torch.Tensor,
) -> torch.Tensor:
    """E of eq. 7: lambda_tracking * E_tracking + lambda_reg * E_reg.

    Args:
        weights: The lambdas and the low-pass threshold.
        maps: S, [F, K, h, w].
        logits: S as logits.
        labels: See :func:`tracking_energy`; None where tracking is left out.
        reference: S_ref, [F, K, h, w].
    """
    total = maps.new_zeros(())
    if weights.tracking and labels is not None:
        total = total + weights.tracking * tracking_energy(logits, labels)
    if weights.regular:
        total = total + weights.regular * lowpass_loss(maps, reference, weights.threshold)
    return total


class LatentDescent:
    """The Adam-like descent of appendix 7.4 on latents; its moments start anew per denoising step.

    z' = z - a_t * M1 / (sqrt(M2) + eps), with bias-corrected moments and the step
    a_t = factor * (1 - alpha_t) / alpha_t, alpha_t of one step of the schedule.

    Args:
        alpha: alpha_t, 0..1 (0.9986 at timestep 100 of Stable Diffusion's schedule).
        factor: 10 in the authors' code.
        shape: Of the latents.
    """

    def __init__(
        self, alpha: float, factor: float, shape: torch.Size, device: torch.device
    ) -> None:
        self.rate = factor * (1 - alpha) / alpha
        self.count = 0
        self._first = torch.zeros(shape, device=device)
        self._second = torch.zeros(shape, device=device)

    def update(self, latents: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next latents; leaves the given ones as they are."""
        self.count += 1
        self._first.mul_(BETAS[0]).add_(gradient, alpha=1 - BETAS[0])
        self._second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        mean = self._first / (1 - BETAS[0] ** self.count)
        spread = (self._second / (1 - BETAS[1] ** self.count)).sqrt()
        return latents - self.rate * mean / (spread + EPSILON)
