"""WAS maps: the segmentation that a diffusion UNet's attention already contains (SMITE eq. 1).

Pure functions on tensors. Axis names: F frames, K tokens (index 0 is background), h x w the map's
grid (row-major, pixel centres at half integers), H heads, n = h*w positions, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional

from smite_engine.errors import ShapeError


def cross_logits(query: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
    """Logits of the tokens at each position, averaged over heads.

    Args:
        query: [F, H, n, d].
        key: [F, H, K, d], the part tokens only.
        scale: Usually ``d ** -0.5``.

    Returns:
        float32 [F, n, K]. The mean over heads of products is one product over all heads'
        channels; half-width numbers would overflow or lose their last bits in it.
    """
    heads = query.shape[1]
    joined_query = query.transpose(1, 2).flatten(2).float()
    joined_key = key.transpose(1, 2).flatten(2).float()
    return joined_query @ joined_key.transpose(1, 2) * (scale / heads)


def on_one_grid(
    layers: Sequence[torch.Tensor], sizes: Sequence[tuple[int, int]], size: tuple[int, int]
) -> Iterator[torch.Tensor]:
    """Layers [F, n_i, C_i] on grids (h_i, w_i), each resized bilinearly to [F, C_i, h, w].

    Raises:
        ShapeError: If a layer does not have the positions that its size promises.
    """
    for layer, (height, width) in zip(layers, sizes, strict=True):
        if layer.shape[1] != height * width:
            raise ShapeError("a cross-attention layer", f"[F, {height * width}, K]", layer.shape)
        grid = layer.transpose(1, 2).unflatten(2, (height, width))
        yield functional.interpolate(grid, size=size, mode="bilinear", align_corners=False)


def merge_layers(
    layers: Sequence[torch.Tensor], sizes: Sequence[tuple[int, int]], size: tuple[int, int]
) -> torch.Tensor:
    """R of eq. 1: the layers' logits on one grid, averaged.

    Args:
        layers: Each [F, n_i, K], from :func:`cross_logits`.
        sizes: (h_i, w_i) of each layer, with h_i * w_i = n_i.
        size: (h, w) of the result; resized bilinearly, ``align_corners`` off.

    Returns:
        [F, K, h, w].

    Raises:
        ShapeError: If a layer does not have the positions that its size promises.
    """
    total: torch.Tensor | None = None
    for resized in on_one_grid(layers, sizes, size):
        total = resized if total is None else total + resized
    if total is None:
        raise ShapeError("the list of cross-attention layers", "at least one layer", (0,))
    return total / len(layers)


def joined_queries(
    queries: Sequence[torch.Tensor],
    sizes: Sequence[tuple[int, int]],
    size: tuple[int, int],
    heads: Sequence[int],
) -> torch.Tensor:
    """Queries of all layers on one grid, such that R of eq. 1 is their product with joined keys.

    Resizing and both means are linear, so with the keys of the layers side by side
    ``merge_layers(...)`` equals ``joined @ keys.T``: R is a linear classifier of these queries.

    Args:
        queries: Each [F, n_i, C_i], before heads are split.
        sizes: (h_i, w_i) of each layer, with h_i * w_i = n_i.
        size: (h, w) of the result.
        heads: Number of heads of each layer.

    Returns:
        float32 [F, h * w, sum C_i].
    """
    resized = on_one_grid([query.float() for query in queries], sizes, size)
    layers = [
        (maps.shape[1] / count) ** -0.5 / (count * len(queries)) * maps
        for maps, count in zip(resized, heads, strict=True)
    ]
    return torch.cat(layers, dim=1).flatten(2).transpose(1, 2)


def accumulate(
    layers: Sequence[tuple[torch.Tensor, torch.Tensor]], cross: torch.Tensor, scale: float
) -> torch.Tensor:
    """S[q] = sum_k A[q, k] R[k], averaged over heads and layers (SMITE eq. 1).

    A = softmax(scale * query . key) within the same frame. It is never stored: the sum is scaled
    dot-product attention with the values R, so memory is linear in positions and the result is
    differentiable.

    Args:
        layers: (query, key) pairs, each [F, H, n, d], n = h*w of ``cross``.
        cross: R, [F, K, h, w].
        scale: Logit scale of the self-attention, usually ``d ** -0.5``.

    Returns:
        [F, K, h, w].

    Raises:
        ShapeError: If a layer's positions are not those of ``cross``.
    """
    frames, tokens, height, width = cross.shape
    values = cross.flatten(2).transpose(1, 2).unsqueeze(1)
    total = torch.zeros_like(values)
    for query, key in layers:
        if query.shape[2] != height * width:
            raise ShapeError("a self-attention layer", f"[F, H, {height * width}, d]", query.shape)
        spread = values.expand(-1, query.shape[1], -1, -1).to(query.dtype)
        # Kernels want values as wide as the heads; wider token sets go in slices.
        pieces = [_attend(query, key, part, scale) for part in spread.split(query.shape[3], dim=3)]
        total = total + torch.cat(pieces, dim=3).mean(dim=1, keepdim=True).to(total.dtype)
    mean = total.squeeze(1).transpose(1, 2) / len(layers)
    return mean.reshape(frames, tokens, height, width)


def _attend(
    query: torch.Tensor, key: torch.Tensor, values: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention of [F, H, n, d] with values [F, H, n, v <= d], padded for the fast kernels."""
    used = values.shape[3]
    padded = functional.pad(values, (0, query.shape[3] - used))
    return functional.scaled_dot_product_attention(query, key, padded, scale=scale)[..., :used]


def suppress_background(cross: torch.Tensor) -> torch.Tensor:
    """Channel 0 of [F, K, h, w] set to 0 wherever it is not above its own mean in its frame."""
    background = cross[:, :1]
    mean = background.mean(dim=(2, 3), keepdim=True)
    kept = torch.where(background > mean, background, torch.zeros_like(background))
    return torch.cat([kept, cross[:, 1:]], dim=1)


def rescale_to(was: torch.Tensor, cross: torch.Tensor) -> torch.Tensor:
    """Each channel of ``was`` mapped linearly from its own [min, max] to that of ``cross``.

    Args:
        was: [F, K, h, w].
        cross: [F, K, h', w'], before the background is suppressed.

    Returns:
        [F, K, h, w]; a channel that is constant becomes the minimum of its cross map.
    """
    low, high = _extremes(was)
    target_low, target_high = _extremes(cross)
    span = (high - low).clamp_min(torch.finfo(was.dtype).tiny)
    return (was - low) / span * (target_high - target_low) + target_low


def _extremes(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = maps.flatten(2)
    return flat.amin(dim=2)[..., None, None], flat.amax(dim=2)[..., None, None]


def reference_was(
    layers: Sequence[tuple[torch.Tensor, torch.Tensor]],
    cross: torch.Tensor,
    scale: float,
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """The WAS maps of inference: background suppressed, accumulated, resized, rescaled.

    Args:
        layers: As in :func:`accumulate`.
        cross: R, raw logits [F, K, h, w].
        scale: As in :func:`accumulate`.
        size: (h, w) of the result, resized bilinearly before the rescale; None keeps the grid.

    Returns:
        [F, K, *size], float.
    """
    was = accumulate(layers, suppress_background(cross), scale)
    if size is not None and size != was.shape[2:]:
        was = functional.interpolate(was, size=size, mode="bilinear", align_corners=False)
    return rescale_to(was, cross)


def pool_queries(
    queries: Sequence[torch.Tensor], sizes: Sequence[tuple[int, int]], masks: torch.Tensor
) -> torch.Tensor:
    """Mean query of each part in each layer, layers side by side.

    Args:
        queries: Cross-attention queries [F, n_i, C_i].
        sizes: (h_i, w_i) with h_i * w_i = n_i.
        masks: Coverage [F, P, h, w] in 0..1 of each part.

    Returns:
        [F, P, sum C_i]; zeros where a part is absent.
    """
    pooled = []
    for query, size in zip(queries, sizes, strict=True):
        weights = functional.adaptive_avg_pool2d(masks, size).flatten(2)
        total = weights.sum(dim=2, keepdim=True).clamp_min(1e-6)
        pooled.append(weights @ query / total)
    return torch.cat(pooled, dim=2)
