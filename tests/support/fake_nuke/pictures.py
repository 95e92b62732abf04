"""What a node shows at a frame: evaluated from the Reads and Constants above it.

Only what mattes need is computed; a node that is not here raises when it is rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import state
from .filters import blurred, eroded, resized
from .formats import Format
from .merging import merged

if TYPE_CHECKING:
    from .node import Node


@dataclass(frozen=True)
class Picture:
    """Channels by Nuke's names, each float32 [H, W] (top row first) over a format."""

    channels: dict[str, np.ndarray]
    format: Format

    def plane(self, name: str) -> np.ndarray:
        """A channel; one that is not there is black, as in Nuke."""
        for key in (name, f"rgba.{name}"):
            if key in self.channels:
                return self.channels[key]
        return np.zeros((self.format._size[1], self.format._size[0]), np.float32)

    def changed(self, channels: dict[str, np.ndarray]) -> Picture:
        return Picture({**self.channels, **channels}, self.format)


def picture_of(node: Node, frame: float) -> Picture:
    """RuntimeError, in one sentence with the node's name, where it cannot be rendered."""
    if node._plain("disable"):
        return _input(node, 0, frame)
    if node._is_group():
        output = node._output()  # type: ignore[attr-defined]
        if output is None:
            raise RuntimeError(f"{node._full_name()}: the group has no Output.")
        return picture_of(output, frame)
    make = MAKERS.get(node._class_name)
    if make is None:
        raise RuntimeError(f"{node._full_name()}: this fake cannot render a {node._class_name}.")
    return make(node, frame)


def channels_of(node: Node, frame: float) -> list[str]:
    try:
        found = picture_of(node, frame).channels
    except RuntimeError:
        return []
    return list(found)


def format_of(node: Node, frame: float) -> Format:
    try:
        return picture_of(node, frame).format
    except RuntimeError:
        return state.current().script.root._knobs["format"]._get()  # type: ignore[no-any-return]


def range_of(node: Node) -> tuple[int, int]:
    """First and last frame; the root's where nothing above says."""
    names = {"Read": ("first", "last"), "FrameRange": ("first_frame", "last_frame")}
    names["Constant"] = ("first", "last")
    if node._class_name in names:
        first, last = names[node._class_name]
        return int(node._plain(first)), int(node._plain(last))
    source = _source(node, 0)
    if node._is_group():
        source = node._output()  # type: ignore[attr-defined]
    if source is not None:
        return range_of(source)
    root = state.current().script.root
    return int(root._plain("first_frame")), int(root._plain("last_frame"))


def _source(node: Node, index: int) -> Node | None:
    """What is connected; an Input node of a group means the group's own input."""
    if node._class_name == "Input" and node._parent is not None:
        number = node._parent._input_nodes().index(node)
        return node._parent._inputs.get(number)
    return node._inputs.get(index)


def _input(node: Node, index: int, frame: float) -> Picture:
    source = _source(node, index)
    if source is None:
        return Picture({}, state.current().script.root._knobs["format"]._get())
    return picture_of(source, frame)


def _names(node: Node, knob: str, picture: Picture) -> list[str]:
    """The channels that a knob chooses, of those of a picture and of the script."""
    layers = state.current().script.layers
    found: list[str] = []
    for word in str(node._plain(knob)).split():
        if word == "all":
            found += picture.channels
        elif word != "none":
            found += layers.of(word)
    return list(dict.fromkeys(found))


def _pass(node: Node, frame: float) -> Picture:
    return _input(node, 0, frame)


def _constant(node: Node, frame: float) -> Picture:
    form = node._knobs["format"]._get()
    colour = node._knobs["color"]._get()
    colour = colour if isinstance(colour, list) else [colour] * 4
    names = state.current().script.layers.of(node._plain("channels"))
    shape = (form._size[1], form._size[0])
    planes = {
        name: np.full(shape, colour[index % 4] if len(names) > 1 else colour[3], np.float32)
        for index, name in enumerate(names)
    }
    return Picture(planes, form)


def _read(node: Node, frame: float) -> Picture:
    from .reading import read_picture

    loaded = read_picture(node, frame)
    state.current().script.layers.add_channels(list(loaded.channels))
    width, height = loaded.size
    return Picture(dict(loaded.channels), Format(width, height, 0, 0, 0, 0, loaded.aspect))


def _copy(node: Node, frame: float) -> Picture:
    """B with channels of A (input 1)."""
    below, above = _input(node, 0, frame), _input(node, 1, frame)
    new: dict[str, np.ndarray] = {}
    for number in range(4):
        source, target = node._plain(f"from{number}"), node._plain(f"to{number}")
        if "none" not in (source, target):
            layers = state.current().script.layers
            new[layers.of(target)[0]] = above.plane(layers.of(source)[0])
    for name in _names(node, "channels", above):
        if name in above.channels:
            new[name] = above.plane(name)
    return (
        below.changed(new) if below.channels else Picture({**below.channels, **new}, above.format)
    )


def _shuffle2(node: Node, frame: float) -> Picture:
    """`mappings`: a Tcl list of from and to, as `rgba.red 0 0 rgba.alpha 0 3`; none: same order.

    The meaning of the numbers (input layer and its channel, output layer and its channel) is read
    from saved scripts: an assumption.
    """
    from .shuffling import shuffled

    inputs = {"B": _input(node, 0, frame), "A": _input(node, 1, frame)}
    return shuffled(node, inputs)


def _shuffle(node: Node, frame: float) -> Picture:
    below = _input(node, 0, frame)
    layers = state.current().script.layers
    source, target = layers.of(node._plain("in")), layers.of(node._plain("out"))
    letters = ("red", "green", "blue", "alpha")
    new: dict[str, np.ndarray] = {}
    for letter, name in zip(letters, target, strict=False):
        word = str(node._plain(letter))
        if word in ("black", "white"):
            new[name] = np.full_like(below.plane(source[0]), float(word == "white"))
        else:
            new[name] = below.plane(source[min(letters.index(word), len(source) - 1)])
    return below.changed(new)


def _merge(node: Node, frame: float) -> Picture:
    below, above = _input(node, 0, frame), _input(node, 1, frame)
    planes = merged(node, above, below)
    return below.changed(planes) if below.channels else Picture(planes, above.format)


def _dissolve(node: Node, frame: float) -> Picture:
    """Input 0 at which 0, input 1 at which 1; input 2 is the mask (not modelled)."""
    which = min(max(float(node._plain("which")), 0.0), 1.0)
    first, second = _input(node, 0, frame), _input(node, 1, frame)
    names = dict.fromkeys([*first.channels, *second.channels])
    planes = {name: (1 - which) * first.plane(name) + which * second.plane(name) for name in names}
    return Picture(planes, first.format if first.channels else second.format)


def _switch(node: Node, frame: float) -> Picture:
    return _input(node, int(node._plain("which")), frame)


def _each(change: Callable[[Any, np.ndarray], np.ndarray]) -> Callable[[Node, float], Picture]:
    """A maker that changes the chosen channels one by one."""

    def make(node: Node, frame: float) -> Picture:
        below = _input(node, 0, frame)
        mix = float(node._plain("mix"))
        names = [name for name in _names(node, "channels", below) if name in below.channels]
        return below.changed(
            {
                name: (1 - mix) * below.plane(name) + mix * change(node, below.plane(name))
                for name in names
            }
        )

    return make


def _add_channels(node: Node, frame: float) -> Picture:
    below = _input(node, 0, frame)
    new = [name for name in _names(node, "channels", below) if name not in below.channels]
    return below.changed({name: below.plane(name) for name in new})


def _remove(node: Node, frame: float) -> Picture:
    below = _input(node, 0, frame)
    chosen = set(_names(node, "channels", below))
    keep = node._plain("operation") == "keep"
    left = {name: plane for name, plane in below.channels.items() if (name in chosen) == keep}
    return Picture(left, below.format)


def _hold(node: Node, frame: float) -> Picture:
    return _input(node, 0, float(node._plain("first_frame")))


def _offset(node: Node, frame: float) -> Picture:
    return _input(node, 0, frame - float(node._plain("time_offset")))


def _reformat(node: Node, frame: float) -> Picture:
    return resized(node, _input(node, 0, frame))


def _crop(node: Node, frame: float) -> Picture:
    from .filters import cropped

    return cropped(node, _input(node, 0, frame))


MAKERS: dict[str, Callable[[Any, float], Picture]] = {
    "Read": _read,
    "Constant": _constant,
    "Copy": _copy,
    "Shuffle2": _shuffle2,
    "Shuffle": _shuffle,
    "Merge2": _merge,
    "Dissolve": _dissolve,
    "Switch": _switch,
    "Blur": _each(lambda node, plane: blurred(plane, *node._knobs["size"].array())),
    "FilterErode": _each(lambda node, plane: eroded(plane, *node._knobs["size"].array())),
    "Dilate": _each(
        lambda node, plane: eroded(plane, *(-size for size in node._knobs["size"].array()))
    ),
    "Invert": _each(lambda node, plane: 1 - plane),
    "Multiply": _each(lambda node, plane: plane * float(node._plain("value"))),
    "AddChannels": _add_channels,
    "Remove": _remove,
    "FrameHold": _hold,
    "TimeOffset": _offset,
    "Reformat": _reformat,
    "Crop": _crop,
    **dict.fromkeys(
        ("NoOp", "Dot", "PostageStamp", "Input", "Output", "Write", "FrameRange", "Viewer"), _pass
    ),
}
