"""What a Read node reads at a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import state
from .image_files import Loaded

if TYPE_CHECKING:
    from .node import Node


def read_picture(node: Node, frame: float) -> Loaded:
    """The file of a frame, held or black outside first and last. RuntimeError: it is missing."""
    session = state.current()
    first, last = int(node._plain("first")), int(node._plain("last"))
    number = _shown(node, int(frame), first, last)
    if number is None:
        width, height = node._knobs["format"]._get()._size
        return Loaded({"rgba.alpha": np.zeros((height, width), np.float32)}, (width, height), 1.0)
    knob = node._knobs["file"]
    path = knob._file(number)  # type: ignore[attr-defined]
    for call in session.callbacks.listed("filenameFilter", node):
        path = call(path) or path
    path = absolute(path)
    if not path:
        raise RuntimeError(f"{node._full_name()}: no file name.")
    try:
        loaded = session.files.get(node, path)
    except RuntimeError as problem:
        return _without(node, str(problem), number, first, last)
    return loaded if _as_it_is(node, path) else _linear(loaded)


def absolute(path: str) -> str:
    """A relative path lies in the root's project_directory, if there is one."""
    folder = state.current().script.root._knobs["project_directory"]._text(1)
    if not path or path.startswith("/") or path[1:2] == ":" or not folder:
        return path
    return f"{folder.rstrip('/')}/{path}"


def _shown(node: Node, frame: int, first: int, last: int) -> int | None:
    """Which frame stands for `frame`; None: black."""
    if first <= frame <= last:
        return frame
    how = node._plain("before") if frame < first else node._plain("after")
    if how == "black":
        return None
    if how == "hold":
        return first if frame < first else last
    span = last - first + 1
    if how == "loop":
        return first + (frame - first) % span
    step = (frame - first) % (2 * span)
    return first + (step if step < span else 2 * span - 1 - step)


def _without(node: Node, problem: str, frame: int, first: int, last: int) -> Loaded:
    """A frame whose file is missing, by the knob on_error."""
    how = node._plain("on_error")
    width, height = node._knobs["format"]._get()._size
    if how == "black":
        return Loaded({"rgba.alpha": np.zeros((height, width), np.float32)}, (width, height), 1.0)
    if how == "nearest frame":
        for step in range(1, last - first + 1):
            for near in (frame - step, frame + step):
                if first <= near <= last:
                    try:
                        path = absolute(node._knobs["file"]._file(near))
                        return state.current().files.get(node, path)
                    except RuntimeError:
                        continue
    raise RuntimeError(f"{node._full_name()}: {problem}")


def _as_it_is(node: Node, path: str) -> bool:
    """Whether the values are taken raw; only sRGB pictures of 8 and 16 bits are converted here."""
    if node._plain("raw") or path.endswith((".exr", ".hdr")):
        return True
    colour = node._plain("colorspace")
    if colour in ("default", "sRGB"):
        return False
    if colour == "linear":
        return True
    raise RuntimeError(f"{node._full_name()}: this fake does not know the colour space {colour}.")


def _linear(loaded: Loaded) -> Loaded:
    """IEC 61966-2-1 decoded, alpha as it is."""

    def decode(plane: np.ndarray) -> np.ndarray:
        low = plane / 12.92
        high = ((np.maximum(plane, 0) + 0.055) / 1.055) ** 2.4
        return np.where(plane <= 0.04045, low, high).astype(np.float32)

    planes = {
        name: plane if name.endswith(".alpha") else decode(plane)
        for name, plane in loaded.channels.items()
    }
    return Loaded(planes, loaded.size, loaded.aspect)
