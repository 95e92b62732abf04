"""The inflated UNet: attention that sees the whole window, and taps that read it (SMITE sec. 3).

diffusers' attention layers are given processors of our own. They compute what the default ones
compute, except that self-attention joins the patches of all frames of a span (queries, keys
and values), with the same weights; convolutions see each frame alone, as before. The layers that
WAS maps are read from also leave their queries and keys in an :class:`AttentionTap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from smite_engine.attention_maps import cross_logits

CROSS_LAYERS = (
    "up_blocks.1.attentions.0",
    "up_blocks.1.attentions.1",
    "up_blocks.1.attentions.2",
    "up_blocks.2.attentions.0",
    "up_blocks.2.attentions.1",
)
"""The layers that the method reads logits from (SMITE's code; SD at 512x512: 16x16 and 32x32)."""
SELF_LAYERS = ("up_blocks.3.attentions.0", "up_blocks.3.attentions.1", "up_blocks.3.attentions.2")
FINE_CROSS_LAYERS = CROSS_LAYERS + SELF_LAYERS
"""Those, and the cross-attention of the layers whose self-attention is read, on the latent grid."""

_COARSENESS = {"up_blocks.1": 4, "up_blocks.2": 2, "up_blocks.3": 1}


def cross_sizes(
    height: int, width: int, layers: Sequence[str] = CROSS_LAYERS
) -> list[tuple[int, int]]:
    """Grids (h, w) of cross-attention ``layers``, in order, for latents of height x width."""
    steps = [_COARSENESS[layer.split(".attentions")[0]] for layer in layers]
    return [(height // step, width // step) for step in steps]


class MapsComplete(Exception):  # noqa: N818 - a signal, not an error
    """The last attention that is read has run; the rest of the UNet is not needed."""


@dataclass
class AttentionTap:
    """What the processors of one UNet share: the window's frame count, and what was read.

    Attributes:
        frames: Consecutive frames of the batch that self-attention joins; the batch holds a whole
            number of such spans. 1: every frame attends to itself alone.
        tokens: Rows of the context that are part tokens, index 0 background.
        listening: Whether the layers leave their maps here.
        stop_early: Whether to raise :class:`MapsComplete` after the last layer that is read.
        layers: Cross-attention layers that are read, in the order that they run in.
        cross: Logits [F, n, K] of each of ``layers``.
        selves: (query, key), each [F, H, n, d], of each layer in :data:`SELF_LAYERS` order.
        queries: Cross-attention queries [F, n, C] of each of ``layers``.
    """

    frames: int = 1
    tokens: int = 1
    listening: bool = False
    stop_early: bool = False
    layers: tuple[str, ...] = CROSS_LAYERS
    cross: list[torch.Tensor] = field(default_factory=list)
    selves: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    queries: list[torch.Tensor] = field(default_factory=list)

    def clear(self) -> None:
        """Drops what was read, so that its memory is free before the next pass."""
        self.cross, self.selves, self.queries = [], [], []


class CrossAttention:
    """Cross-attention, with the part tokens' logits left in the tap where ``read`` is set."""

    def __init__(self, tap: AttentionTap, *, read: bool, last: bool = False) -> None:
        self.tap = tap
        self.read = read
        self.last = last

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        **_: Any,
    ) -> torch.Tensor:
        """[F, n, C] and the context [F, T, D] to [F, n, C]."""
        query = attn.to_q(hidden_states)
        key = attn.to_k(encoder_hidden_states)
        value = attn.to_v(encoder_hidden_states)
        if self.read and self.tap.listening:
            self.tap.queries.append(query)
        query, key, value = (_split_heads(x, attn.heads) for x in (query, key, value))
        if self.read and self.tap.listening:
            part_keys = key[:, :, : self.tap.tokens]
            self.tap.cross.append(cross_logits(query, part_keys, attn.scale))
            if self.last and self.tap.stop_early:
                raise MapsComplete
        result = functional.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        return _project(attn, result)


class InflatedSelfAttention:
    """Self-attention over all patches of all frames of the window."""

    def __init__(self, tap: AttentionTap, *, read: bool, last: bool = False) -> None:
        self.tap = tap
        self.read = read
        self.last = last

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        **_: Any,
    ) -> torch.Tensor:
        """[F, n, C] to [F, n, C]; frame-major when the window is joined."""
        query, key, value = (
            _split_heads(layer(hidden_states), attn.heads)
            for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        if self.read and self.tap.listening:
            self.tap.selves.append((query, key))
            if self.last and self.tap.stop_early:
                raise MapsComplete
        frames = self.tap.frames
        joined = [_join_frames(x, frames) for x in (query, key, value)]
        result = functional.scaled_dot_product_attention(*joined, scale=attn.scale)
        return _project(attn, _part_frames(result, frames))


def inflate(unet: nn.Module, cross_layers: tuple[str, ...] = CROSS_LAYERS) -> AttentionTap:
    """Gives every attention layer of a diffusers UNet its processor; returns their shared tap.

    Args:
        unet: A UNet2DConditionModel.
        cross_layers: :data:`CROSS_LAYERS` or :data:`FINE_CROSS_LAYERS`.

    Raises:
        ValueError: If the UNet lacks one of the layers that maps are read from.
    """
    tap = AttentionTap(layers=cross_layers)
    final = SELF_LAYERS[-1]
    ends_with_cross = final in cross_layers
    processors: dict[str, CrossAttention | InflatedSelfAttention] = {}
    for name in unet.attn_processors:
        block = name.split(".transformer_blocks")[0]
        if ".attn2." in name:
            processors[name] = CrossAttention(tap, read=block in cross_layers, last=block == final)
        else:
            last = block == final and not ends_with_cross
            processors[name] = InflatedSelfAttention(tap, read=block in SELF_LAYERS, last=last)
    present = {name.split(".transformer_blocks")[0] for name in processors}
    missing = sorted(set(cross_layers + SELF_LAYERS) - present)
    if missing:
        raise ValueError(f"the UNet has no attention layers {', '.join(missing)}")
    unet.set_attn_processor(processors)
    return tap


def _split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[F, n, H*d] to [F, H, n, d], a view."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def _join_frames(x: torch.Tensor, frames: int) -> torch.Tensor:
    """[B*F, H, n, d] to [B, H, F*n, d]."""
    if frames == 1:
        return x
    return x.unflatten(0, (-1, frames)).transpose(1, 2).flatten(2, 3)


def _part_frames(x: torch.Tensor, frames: int) -> torch.Tensor:
    """The reverse of :func:`_join_frames`."""
    if frames == 1:
        return x
    return x.unflatten(2, (frames, -1)).transpose(1, 2).flatten(0, 1)


def _project(attn: Any, result: torch.Tensor) -> torch.Tensor:
    """[F, H, n, d] through the output projection to [F, n, C]."""
    return attn.to_out[1](attn.to_out[0](result.transpose(1, 2).flatten(2)))
