"""Shuffle2's mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import state
from .tcl_words import tcl_list

if TYPE_CHECKING:
    from .node import Node


def shuffled(node: Node, inputs: dict[str, Any]) -> Any:
    """Input B with its output layers filled.

    `mappings` in a script is `"N from layer channel to layer channel ..."`: N, then for each the
    name of a channel (or black, white), the number of its input layer, of its channel, the name of
    the output channel, the number of its output layer, of its channel, e.g.
    `4 rgba.red 0 0 rgba.red 0 0 ...` (as saved by Nuke 12.1 and later; an assumption beyond that).
    """
    layers = state.current().script.layers
    below = inputs["B"]
    sources = {
        "0": inputs[node._plain("fromInput1")],
        "1": inputs[node._plain("fromInput2")],
    }
    new: dict[str, np.ndarray] = {}
    words = tcl_list(str(node._plain("mappings")))
    if not words:
        ins = layers.of(node._plain("in1")) if node._plain("in1") != "none" else []
        outs = layers.of(node._plain("out1")) if node._plain("out1") != "none" else []
        return below.changed(
            {out: sources["0"].plane(name) for name, out in zip(ins, outs, strict=False)}
        )
    triples = words[1:]
    if not words[0].isdigit() or len(triples) != 6 * int(words[0]):
        raise RuntimeError(f"{node._full_name()}: mappings {' '.join(words)} cannot be read.")
    for at in range(0, len(triples), 6):
        name, layer, _channel, out, _out_layer, _out_channel = triples[at : at + 6]
        if name in ("black", "white"):
            new[out] = np.full_like(below.plane(out), float(name == "white"))
        else:
            new[out] = sources["1" if layer == "1" else "0"].plane(name)
        layers.add_channels([out])
    return below.changed(new)
