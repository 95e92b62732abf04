"""Small pictures of frames, for sheets, thumbnails and flicker."""

from __future__ import annotations

import cv2
import numpy as np

from smite_server.geometry import Floats

SMALL_SIDE = 512
"""Longer side of the picture that a frame is shown by, and flicker is measured on."""


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
