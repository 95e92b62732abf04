"""Noise of the latents, drawn per frame, and the diffusion schedule that scales it."""

from __future__ import annotations

import torch


def alphas_cumprod(steps: int = 1000, start: float = 0.00085, end: float = 0.012) -> torch.Tensor:
    """Cumulated products of (1 - beta) of the scaled-linear schedule that Stable Diffusion uses.

    Returns:
        float32 [steps].
    """
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0).float()


def frame_noise(seed: int, number: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise of one frame, a function of (seed, frame number) alone.

    A window that is computed again, on any schedule of windows, meets the same noise.

    Returns:
        float32 of ``shape``, on the CPU.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + number) & 0x7FFF_FFFF_FFFF_FFFF)
    return torch.randn(shape, generator=generator)


def add_noise(latents: torch.Tensor, noise: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """z_t = sqrt(alpha) z_0 + sqrt(1 - alpha) noise; ``alpha`` broadcasts over [F, C, h, w]."""
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
