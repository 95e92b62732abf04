"""Merge2: operations on A and B (formulas: the node's own help, Nuke 17.0v3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import state

if TYPE_CHECKING:
    from .node import Node

_Operation = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

# A, B: a channel of each; a, b: their alphas.
OPERATIONS: dict[str, _Operation] = {
    "over": lambda A, B, a, b: A + B * (1 - a),
    "under": lambda A, B, a, b: A * (1 - b) + B,
    "plus": lambda A, B, a, b: A + B,
    "minus": lambda A, B, a, b: A - B,
    "from": lambda A, B, a, b: B - A,
    "multiply": lambda A, B, a, b: np.where((A < 0) & (B < 0), A, A * B),
    "max": lambda A, B, a, b: np.maximum(A, B),
    "min": lambda A, B, a, b: np.minimum(A, B),
    "in": lambda A, B, a, b: A * b,
    "out": lambda A, B, a, b: A * (1 - b),
    "mask": lambda A, B, a, b: B * a,
    "stencil": lambda A, B, a, b: B * (1 - a),
    "copy": lambda A, B, a, b: A,
    "average": lambda A, B, a, b: (A + B) / 2,
    "difference": lambda A, B, a, b: np.abs(A - B),
    "screen": lambda A, B, a, b: np.where(
        (A > 0) & (A < 1) & (B > 0) & (B < 1), A + B - A * B, np.maximum(A, B)
    ),
}


def merged(node: Node, above: Any, below: Any) -> dict[str, np.ndarray]:
    """The merged channels. RuntimeError for an operation that is not here."""
    name = node._plain("operation")
    if name not in OPERATIONS:
        raise RuntimeError(f"{node._full_name()}: this fake has no operation {name}.")
    layers = state.current().script.layers
    tops = layers.of(node._plain("Achannels"))
    bottoms = layers.of(node._plain("Bchannels"))
    outs = layers.of(node._plain("output"))
    mix = float(node._plain("mix"))
    alphas = above.plane(tops[-1]), below.plane(bottoms[-1])
    planes: dict[str, np.ndarray] = {}
    also = [word for word in str(node._plain("also_merge")).split() if word != "none"]
    pairs = list(zip(tops, bottoms, outs, strict=False))
    for word in also:
        names = [*below.channels, *above.channels] if word == "all" else layers.of(word)
        pairs += [(name, name, name) for name in dict.fromkeys(names) if name not in outs]
    for top, bottom, out in pairs:
        if top not in above.channels and bottom not in below.channels:
            continue
        A, B = above.plane(top), below.plane(bottom)
        A, B, a, b = _same_size(A, B, *alphas)
        planes[out] = (1 - mix) * B + mix * OPERATIONS[name](A, B, a, b)
    return planes


def _same_size(*planes: np.ndarray) -> tuple[np.ndarray, ...]:
    """All on the size of the largest; what is missing is black."""
    height = max(plane.shape[0] for plane in planes)
    width = max(plane.shape[1] for plane in planes)

    def padded(plane: np.ndarray) -> np.ndarray:
        out = np.zeros((height, width), np.float32)
        out[height - plane.shape[0] :, : plane.shape[1]] = plane
        return out

    return tuple(plane if plane.shape == (height, width) else padded(plane) for plane in planes)
