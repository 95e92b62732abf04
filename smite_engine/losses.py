"""The losses of learning (SMITE sec. 4.2, after SLiMe)."""

from __future__ import annotations

import torch

from smite_engine.attention_maps import accumulate
from smite_engine.backbone import AttentionRead


def training_was(read: AttentionRead) -> torch.Tensor:
    """WAS maps of learning, [F, K, h, w], sums of 1: logits softmaxed over tokens, no threshold.

    Where the backbone wants it, each cell keeps a share of what its own logits say: the step of a
    lazy random walk, (own * I + (1 - own) * A) softmax(R), instead of A softmax(R).
    """
    own = read.cross.softmax(dim=1)
    spread = accumulate(read.selves, own, read.scale)
    return spread if read.own_share == 0 else torch.lerp(spread, own, read.own_share)


def class_weights(coverage: torch.Tensor) -> torch.Tensor:
    """Weights [K] of the cross-entropy: background 1, part c N_foreground / N_c (absent: 0)."""
    areas = coverage.sum(dim=(1, 2))
    foreground = areas[1:].sum()
    weights = torch.where(areas > 0.5, foreground / areas.clamp_min(0.5), 0.0)
    return torch.cat([weights.new_ones(1), weights[1:].clamp(max=50.0)])


def part_loss(read: AttentionRead, coverage: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """CE(cross logits, mask) + K * MSE(WAS, mask) of one frame (SMITE sec. 4.2, after SLiMe).

    Args:
        read: Of one frame.
        coverage: Share of each part in each cell, [K, h, w], background first.
        known: [h, w], 1 where ``coverage`` counts.
    """
    tokens = len(coverage)
    weights = class_weights(coverage * known)[:, None, None] * coverage * known
    logits = read.cross[0]
    entropy = -(weights * logits.log_softmax(dim=0)).sum() / weights.sum().clamp_min(1)
    was = training_was(read)[0]
    squared = ((was - coverage).pow(2) * known).sum() / (known.sum().clamp_min(1) * tokens)
    return entropy + tokens * squared
