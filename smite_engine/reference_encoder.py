"""Initial token embeddings from references: what a part looks like to the UNet itself.

The paper starts its embeddings at random or at the parts' names. The embedded backbone has little
language, but it was trained with this module: the UNet's own cross-attention queries, averaged
over a part's mask, mapped to the embedding whose keys answer to such queries. Learning then
refines the embedding as in the paper.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn


class ReferenceEncoder(ModelMixin, ConfigMixin):
    """Pooled queries [..., sum of layer widths] to embeddings [..., width]."""

    @register_to_config
    def __init__(self, pooled_width: int, width: int = 128, hidden: int = 256) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(pooled_width)
        self.linear = nn.Linear(pooled_width, width)
        self.deep = nn.Sequential(
            nn.Linear(pooled_width, hidden), nn.SiLU(), nn.Linear(hidden, width)
        )

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        normed = self.norm(pooled)
        return self.linear(normed) + self.deep(normed)
