"""Label maps on disk: pictures whose pixel values are numbers of parts, and `labels.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from smite_server.geometry import Window
from smite_server.images import UnreadableError, read_matte_with_window
from smite_server.naming import loose_key

__all__ = [
    "MAX_PARTS",
    "Labels",
    "Values",
    "labels_of_mattes",
    "read_label_map",
    "read_labels_json",
    "translate",
]

Labels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.integer[Any]]
BACKGROUND_NAMES = frozenset(("background", "bg", "null", "none", ""))
"""Names (as `loose_key` writes them) that `labels.json` may give to what is no part."""

MAX_PARTS = 250
_PLAIN_MODES = frozenset(("1", "L", "P", "I", "I;16", "I;16B", "I;16L"))


def read_labels_json(path: Path) -> dict[int, str]:
    """Value -> name, "" for background. Raises UnreadableError with the reason."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableError(f"it is no JSON ({error})") from None
    if not isinstance(content, dict):
        raise UnreadableError('it must map values to names, as {"1": "left eye"}')
    labels: dict[int, str] = {}
    for value, name in content.items():
        if not str(value).isdecimal() or not isinstance(name, str):
            raise UnreadableError(
                f'it must map values to names, as {{"1": "left eye"}}, not {value!r} to {name!r}'
            )
        is_part = int(value) and loose_key(name) not in BACKGROUND_NAMES
        labels[int(value)] = name if is_part else ""
    return dict(sorted(labels.items()))


def read_label_map(path: Path) -> Values:
    """The numbers in a label map: uint8 or int32 [H, W]; palettes are not looked up.

    Raises UnreadableError where it is no picture, or its colours are no numbers.
    """
    try:
        with Image.open(path) as image:
            image.load()
            mode = image.mode
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(_reason(error)) from None
    if mode in _PLAIN_MODES:
        return pixels.astype(np.uint8 if mode in ("1", "L", "P") else np.int32)
    grey = pixels[..., 0]
    colours = pixels[..., : 1 if mode in ("LA", "PA") else 3]
    if mode not in ("LA", "PA", "RGB", "RGBA") or (colours != grey[..., None]).any():
        raise UnreadableError(f"it is a {mode} picture, not one number per pixel")
    return grey


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, FileNotFoundError):
        return "the file is missing"
    return str(error).splitlines()[0] if str(error) else "not a picture"


def translate(values: Values, table: Mapping[int, int]) -> Labels:
    """Values -> labels by a table; values it lacks become 0."""
    present = [int(value) for value in np.unique(values)]
    labels = np.zeros(values.shape, np.uint8)
    for value in present:
        label = table.get(value, 0)
        if label:
            labels[values == value] = label
    return labels


def labels_of_mattes(files: Iterable[tuple[int, Path]], data: Window, display: Window) -> Labels:
    """Soft mattes -> one label map: each pixel's largest matte, background = 1 - their sum.

    Args:
        files: (label, matte file) pairs.
        data: the window of the result; mattes with smaller data windows are zero around them.
        display: the display window that every matte must have the size of.

    Raises:
        UnreadableError: a matte that cannot be read, or of another size.
    """
    labels = np.zeros(data.shape, np.uint8)
    best = np.zeros(data.shape, np.float32)
    total = np.zeros(data.shape, np.float32)
    for label, path in files:
        try:
            matte = read_matte_with_window(path, data, display)
        except UnreadableError as fault:
            raise UnreadableError(f"{path.name}: {fault}") from None
        total += matte
        wins = matte > best
        labels[wins] = label
        best = np.maximum(best, matte)
    labels[1.0 - total > best] = 0
    return labels
