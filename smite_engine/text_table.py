"""The embedded backbone's text side: stable embeddings of part names, with no vocabulary.

A name is cut into words and letter groups, each hashed into a learned table, and averaged. Any
name in any language has an embedding, equal names equal ones. SMITE learns its embeddings from
references; names only say where to start when there is no reference encoder.
"""

from __future__ import annotations

import re
import zlib

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

_GROUP_SIZES = (3, 4, 5)


class TextTable(ModelMixin, ConfigMixin):
    """Start row (the background token), hashed name embeddings, padding row; each [width]."""

    @register_to_config
    def __init__(self, width: int = 128, buckets: int = 2048, minimum_rows: int = 16) -> None:  # noqa: ARG002 - kept in config
        super().__init__()
        self.table = nn.Embedding(buckets, width)
        self.start = nn.Parameter(torch.randn(width))
        self.padding = nn.Parameter(0.1 * torch.randn(width))

    def name_embedding(self, name: str) -> torch.Tensor:
        """[width] of one part name."""
        buckets = [zlib.crc32(piece.encode()) % self.config.buckets for piece in _pieces(name)]
        return self.table(torch.tensor(buckets, device=self.start.device)).mean(dim=0)

    def context(self, parts: torch.Tensor) -> torch.Tensor:
        """The UNet's context [B, T, width]: start row, ``parts`` [B, K-1, width], padding."""
        batch, count, width = parts.shape
        rows = max(self.config.minimum_rows, 1 + count)
        start = self.start.expand(batch, 1, width)
        padding = self.padding.expand(batch, rows - 1 - count, width)
        return torch.cat([start, parts, padding], dim=1)


def _pieces(name: str) -> list[str]:
    """The words of a name and their letter groups, with marked word ends."""
    pieces: list[str] = []
    for word in re.findall(r"\w+", name.lower()) or [""]:
        marked = f"<{word}>"
        pieces.append(marked)
        for size in _GROUP_SIZES:
            pieces += [marked[i : i + size] for i in range(len(marked) - size + 1)]
    return pieces
