"""Small pictures of frames: what is kept of a frame while its maps are made."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from smite_server.geometry import Floats, Geometry

SMALL_SIDE = 512
"""Longer side of the picture that is kept of a frame for sheet and flicker."""


@dataclass(frozen=True)
class Waiting:
    """What is kept of a frame until its maps come: little, as a window of frames waits.

    ``small`` is float32 [h, w, 3], display sRGB 0..1.
    """

    geometry: Geometry
    small: Floats
    bad_pixels: int = 0
    held_from: int | None = None


def small_copy(view: Floats, side: int = SMALL_SIDE) -> Floats:
    """Return a copy of ``view`` [H, W, 3] whose longer side is at most ``side``."""
    height, width = view.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def fit(matte: Floats, small: Floats) -> Floats:
    """Return ``matte`` [H, W] at the size of ``small`` [h, w, 3]."""
    height, width = small.shape[:2]
    matte = np.ascontiguousarray(matte, np.float32)  # halfs too, which OpenCV does not resize
    return np.asarray(cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA), np.float32)
