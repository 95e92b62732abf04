"""Which channels of a picture are its colour: any layout, any layer names, many parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ChannelPick", "pick_channels", "pick_matte_channel"]

_RED, _GREEN, _BLUE = ("r", "red"), ("g", "green"), ("b", "blue")
_MAIN_LAYERS = ("", "rgba", "rgb", "beauty", "combined", "main", "color", "colour")
_UTILITY = re.compile(
    r"crypto|depth|normal|motion|vector|velocity|position|uv$|^st$|mask|matte|^id$|objectid|"
    r"denois|variance|ao$|forward|backward",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ChannelPick:
    """Where the colour is: the part of a multi-part file, and one (grey) or three channels."""

    subimage: int
    channels: tuple[int, ...]


def pick_channels(parts: Sequence[tuple[str, Sequence[str]]]) -> ChannelPick | None:
    """The colour of a file whose parts are (part name, channel names).

    R, G and B of the main layer (`R`, `rgba.R`, `beauty.R`, `ViewLayer.Combined.R`, in any order
    and case) come first, then those of any layer that is not a utility (Cryptomatte, depth,
    motion ...), then a luminance channel, a lone channel of any name, and last the first three
    or first one of what is there. None where there is no channel at all.
    """
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for subimage, (part, names) in enumerate(parts):
        found += [(rank, subimage, channels) for rank, channels in _candidates(part, list(names))]
    if not found:
        return None
    _, subimage, channels = min(found, key=lambda item: item[:2])
    return ChannelPick(subimage, channels)


def pick_matte_channel(names: Sequence[str], colour: ChannelPick) -> int:
    """The channel that holds a painted matte: `A` where there is one, else the first colour."""
    for index, name in enumerate(names):
        if _leaf(name) in ("a", "alpha"):
            return index
    return colour.channels[0]


def _leaf(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _candidates(part: str, names: list[str]) -> list[tuple[int, tuple[int, ...]]]:
    """(rank, channels) of every way to see this part as colour; lower ranks are better."""
    found: list[tuple[int, tuple[int, ...]]] = []
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in names):
        leaves = {
            _leaf(name): index
            for index, name in enumerate(names)
            if name.rpartition(".")[0] == layer
        }
        rgb = tuple(
            next((leaves[alias] for alias in aliases if alias in leaves), -1)
            for aliases in (_RED, _GREEN, _BLUE)
        )
        grey = next((leaves[leaf] for leaf in ("y", "l", "luminance") if leaf in leaves), -1)
        rank = _layer_rank(part, layer)
        if min(rgb) >= 0:
            found.append((rank, rgb))
        elif grey >= 0 and not {"x", "z"} & leaves.keys():
            found.append((rank + 10, (grey,)))
    if len(names) == 1:
        found.append((20 + _layer_rank(part, ""), (0,)))
    elif len(names) >= 3 and not any("." in name for name in names):
        found.append((30 + _layer_rank(part, ""), (0, 1, 2)))
    elif names:
        found.append((40 + _layer_rank(part, ""), (0,)))
    return found


def _layer_rank(part: str, layer: str) -> int:
    """0 for the main layer, 1 for another picture, 5 for utilities."""
    last = layer.rpartition(".")[2].lower()
    if _UTILITY.search(layer) or (_UTILITY.search(part) and last not in _MAIN_LAYERS[1:]):
        return 5
    if last in _MAIN_LAYERS and (layer or part.lower() in _MAIN_LAYERS or not part):
        return 0
    return 1
