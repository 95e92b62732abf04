"""The text sides of backbones: rows of the context that the UNet's cross-attention reads.

The learned embeddings are rows of the text encoder's *output*: position 0, the start token, is the
background and stays what it is; positions 1..P hold the parts; the rest stays what the encoder
gave for the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from smite_engine.text_table import TextTable


class TextSide(Protocol):
    """What a backbone asks of its text side."""

    def base(self, names: Sequence[str]) -> torch.Tensor:
        """The context [T, D] of the names, before the parts' rows are replaced."""

    def initial(self, names: Sequence[str]) -> torch.Tensor:
        """Embeddings [P, D] that the names alone give."""


def with_parts(base: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """The context [T, D] with rows 1..P replaced by ``embeddings`` [P, D]; differentiable."""
    count = len(embeddings)
    return torch.cat([base[:1], embeddings.to(base), base[1 + count :]])


class TableText:
    """The embedded backbone's text side: a hashed table, see :class:`TextTable`."""

    def __init__(self, table: TextTable) -> None:
        self.table = table.eval().requires_grad_(False)

    def base(self, names: Sequence[str]) -> torch.Tensor:
        none = self.table.start.new_zeros(1, len(names), self.table.config.width)
        return self.table.context(none)[0]

    def initial(self, names: Sequence[str]) -> torch.Tensor:
        return torch.stack([self.table.name_embedding(name) for name in names])


class ClipText:
    """The text side of Stable Diffusion: a CLIP tokenizer and text encoder of transformers."""

    def __init__(self, tokenizer: Any, encoder: torch.nn.Module, device: torch.device) -> None:
        self.tokenizer = tokenizer
        self.encoder = encoder.to(device).eval().requires_grad_(False)
        self.device = device

    def base(self, names: Sequence[str]) -> torch.Tensor:
        return self._rows(", ".join(names))[0]

    def initial(self, names: Sequence[str]) -> torch.Tensor:
        """Names of several tokens: the mean of their output rows."""
        return torch.stack([self._mean_row(name) for name in names])

    def _mean_row(self, name: str) -> torch.Tensor:
        rows, count = self._rows(name)
        return rows[1 : 1 + max(1, count)].mean(dim=0)

    @torch.no_grad()
    def _rows(self, prompt: str) -> tuple[torch.Tensor, int]:
        """The encoder's output [T, D] of a prompt, and its tokens without start and end."""
        length = self.tokenizer.model_max_length
        coded = self.tokenizer(
            prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        plain = self.tokenizer(prompt, truncation=True, max_length=length).input_ids
        output = self.encoder(coded.input_ids.to(self.device))
        return output.last_hidden_state[0].float(), len(plain) - 2
