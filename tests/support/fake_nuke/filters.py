"""Blur, erode, resize and crop, close enough to see that a plugin sets the right knobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .formats import Format

if TYPE_CHECKING:
    from .node import Node


def blurred(plane: np.ndarray, width: float, height: float) -> np.ndarray:
    """A Gaussian whose sigma is a third of the size (an assumption)."""
    for axis, size in ((1, width), (0, height)):
        if size > 0:
            reach = max(int(np.ceil(size)), 1)
            steps = np.arange(-reach, reach + 1)
            weights = np.exp(-0.5 * (steps / max(size / 3, 1e-6)) ** 2)
            plane = _weighted(plane, weights / weights.sum(), axis)
    return plane


def _weighted(plane: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    reach = len(weights) // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    wide = np.pad(plane, pad, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, len(weights), axis=axis)
    return (windows @ weights).astype(np.float32)


def eroded(plane: np.ndarray, width: float, height: float) -> np.ndarray:
    """The smallest value around each pixel; the largest where the size is negative."""
    for axis, size in ((1, width), (0, height)):
        reach = round(abs(size))
        if reach:
            pad = [(0, 0), (0, 0)]
            pad[axis] = (reach, reach)
            wide = np.pad(plane, pad, mode="edge")
            windows = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 1, axis=axis)
            plane = windows.min(axis=-1) if size > 0 else windows.max(axis=-1)
    return np.ascontiguousarray(plane)


def resized(node: Node, picture: Any) -> Any:
    """Reformat: nearest pixels, which shows where a picture went, not how it is filtered."""
    width, height = picture.format._size
    form = _wanted(node, width, height)
    out_width, out_height = form._size
    kind = node._plain("resize")
    across, down = out_width / width, out_height / height
    scale = {
        "none": (1.0, 1.0),
        "width": (across, across),
        "height": (down, down),
        "fit": (min(across, down),) * 2,
        "fill": (max(across, down),) * 2,
        "distort": (across, down),
    }[kind]
    planes = {
        name: _place(plane, scale, (out_width, out_height), bool(node._plain("center")))
        for name, plane in picture.channels.items()
    }
    return type(picture)(planes, form)


def _wanted(node: Node, width: int, height: int) -> Format:
    kind = node._plain("type")
    if kind == "to format":
        return node._knobs["format"]._get()  # type: ignore[no-any-return]
    if kind == "to box":
        return Format(int(node._plain("box_width")), int(node._plain("box_height")))
    across, down = node._knobs["scale"].array()  # type: ignore[attr-defined]
    return Format(round(width * across), round(height * down))


def _place(
    plane: np.ndarray, scale: tuple[float, float], size: tuple[int, int], centred: bool
) -> np.ndarray:
    width, height = size
    left = (width - plane.shape[1] * scale[0]) / 2 if centred else 0.0
    low = (height - plane.shape[0] * scale[1]) / 2 if centred else 0.0
    top = low if centred else height - plane.shape[0] * scale[1]
    x = np.floor((np.arange(width) + 0.5 - left) / scale[0]).astype(int)
    y = np.floor((np.arange(height) + 0.5 - top) / scale[1]).astype(int)
    inside_x, inside_y = (x >= 0) & (x < plane.shape[1]), (y >= 0) & (y < plane.shape[0])
    out = np.zeros((height, width), np.float32)
    out[np.ix_(inside_y, inside_x)] = plane[np.ix_(y[inside_y], x[inside_x])]
    return out


def cropped(node: Node, picture: Any) -> Any:
    """Crop: black outside the box (x, y from the lower left); with reformat the box is the size."""
    x, y, r, t = (int(edge) for edge in node._knobs["box"].array())  # type: ignore[attr-defined]
    height = picture.format._size[1]
    planes: dict[str, np.ndarray] = {}
    for name, plane in picture.channels.items():
        kept = np.zeros_like(plane)
        rows, columns = slice(height - t, height - y), slice(x, r)
        kept[rows, columns] = plane[rows, columns]
        planes[name] = kept[rows, columns] if node._plain("reformat") else kept
    form = Format(r - x, t - y) if node._plain("reformat") else picture.format
    return type(picture)(planes, form)
