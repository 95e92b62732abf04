"""nuke.execute: renders Write nodes to files.

https://learn.foundry.com/nuke/developers/132/pythondevguide/_autosummary/nuke.executeMultiple.html:
a user's Cancel raises; nukescripts.renderpanel knows it as RuntimeError whose text begins with
"Cancelled". Each frame is charged to the session's clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import state
from .frame_ranges import FrameRange, FrameRanges
from .image_files import save
from .node import Node
from .pictures import Picture, picture_of
from .reading import absolute

SRGB_FILES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def execute(
    nameOrNode: Node | str,
    start: Any = None,
    end: int | None = None,
    incr: int = 1,
    views: Any = None,
    continueOnError: bool = False,
) -> None:
    session = state.current()
    node = session.script.find(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if node is None or node._class_name != "Write":
        raise RuntimeError(f"{nameOrNode} is not executable: give a Write node.")
    if session.executing:
        raise RuntimeError("I'm already executing something else")
    frames = _frames(start, end, incr)
    session.executing = True
    try:
        session.do_callbacks("beforeRender", node)
        for done, frame in enumerate(frames):
            if session.cancel_render(done):
                raise RuntimeError("Cancelled")
            _one(node, frame, continueOnError)
        session.do_callbacks("afterRender", node)
    finally:
        session.executing = False


def _frames(start: Any, end: int | None, incr: int) -> list[int]:
    if isinstance(start, FrameRanges):
        return start.toFrameList()
    if isinstance(start, FrameRange):
        return list(start)
    root = state.current().script.root
    first = root.firstFrame() if start is None else start
    last = root.lastFrame() if end is None else end
    for frame in (first, last, incr):
        if not isinstance(frame, int):
            raise TypeError(f"nuke.execute wants whole frames, not {frame!r}.")
    return list(range(first, last + (1 if incr > 0 else -1), incr))


def _one(node: Node, frame: int, go_on: bool) -> None:
    session = state.current()
    session.do_callbacks("beforeFrameRender", node)
    session.ui.rendered()
    try:
        with session.ui.not_counted():
            write_frame(node, frame)
    except RuntimeError:
        if not go_on:
            raise
    session.do_callbacks("afterFrameRender", node)


def write_frame(node: Node, frame: int) -> Path:
    """Render one frame of a Write node. RuntimeError where Nuke would stop with an error."""
    name = node._name()
    path = Path(absolute(node._knobs["file"]._file(frame)))
    if not path.name:
        raise RuntimeError(f"{name}: no file name.")
    if not path.parent.is_dir():
        if not node._plain("create_directories"):
            raise RuntimeError(f"{name}: Can't open {path}: No such file or directory")
        path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture_of(node, frame)
    if not picture.channels:
        raise RuntimeError(f"{name}: nothing is connected to render.")
    channels = _channels(node, picture)
    kind = str(node._plain("file_type")).strip() or path.suffix.lstrip(".")
    half = "datatype" not in node._knobs or node._plain("datatype") == "16 bit half"
    compression = node._plain("compression") if "compression" in node._knobs else "Zip (1 scanline)"
    if kind != "exr":
        channels = _display(node, path, channels)
    save(path, channels, half, compression, picture.format._aspect)
    return path


def _channels(node: Node, picture: Picture) -> dict[str, np.ndarray]:
    """The channels that the knob says; one that the picture has not is written black."""
    layers = state.current().script.layers
    names: list[str] = []
    for word in str(node._plain("channels")).split():
        if word == "all":
            names += picture.channels
        elif word != "none":
            names += layers.of(word)
    if not names:
        raise RuntimeError(f"{node._name()}: no channels to write.")
    return {name: picture.plane(name) for name in dict.fromkeys(names)}


def _display(node: Node, path: Path, channels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Files of whole numbers get sRGB (IEC 61966-2-1) unless raw."""
    if path.suffix not in SRGB_FILES:
        raise RuntimeError(f"{node._name()}: this fake writes no {path.suffix} files.")
    if node._plain("raw") or node._plain("colorspace") == "linear":
        return channels

    def encoded(plane: np.ndarray) -> np.ndarray:
        high = 1.055 * np.maximum(plane, 0.0031308) ** (1 / 2.4) - 0.055
        return np.where(plane <= 0.0031308, plane * 12.92, high).astype(np.float32)

    return {
        name: plane if name.endswith(".alpha") else encoded(plane)
        for name, plane in channels.items()
    }
