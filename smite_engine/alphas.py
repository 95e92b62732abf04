"""Alphas of K parts that share the pixels of a frame among them, background first."""

from __future__ import annotations

import torch
from torch.nn import functional

TRACE = 1e-4
"""Alphas below this are nothing, so that blocks inside a part hold that part alone."""


def partition(alphas: torch.Tensor, least: float = TRACE) -> torch.Tensor:
    """[K, ...] with ``least`` or less taken for nothing, no value below 0, and sums of 1.

    Where nothing is left the first is all.
    """
    kept = functional.threshold(alphas, least, 0.0)
    total = kept.sum(dim=0)
    empty = total == 0
    kept[0] += empty
    return kept.div_(total.add_(empty))


def most_of(alphas: torch.Tensor) -> torch.Tensor:
    """[K, H, W]: 1 for the largest, the first of equals, 0 for the others."""
    best, winner = alphas[0], torch.zeros_like(alphas[0], dtype=torch.uint8)
    for index, plane in enumerate(alphas[1:], 1):  # Faster than argmax by far.
        winner.masked_fill_(plane > best, index)
        best = torch.maximum(best, plane)
    return torch.stack([winner == index for index in range(len(alphas))]).to(alphas.dtype)


def present(planes: torch.Tensor) -> torch.Tensor:
    """Indices of the planes of alphas [K, H, W] that are not 0 all over."""
    return (planes.amax(dim=(1, 2)) > 0).nonzero().flatten()
