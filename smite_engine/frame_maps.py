"""What a shot is made of for the engine: frames in, soft maps out, and mattes from the maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class Frame:
    """A frame of the shot: its number, and float32 [H, W, 3] display sRGB in 0..1."""

    number: int
    image: np.ndarray


@dataclass(frozen=True)
class FrameMaps:
    """The soft maps of one frame.

    Attributes:
        number: As in the :class:`Frame`.
        probabilities: float32 [K, h, w], background first, sums of 1, at map resolution; the map
            covers the whole picture, its cells are equal shares of it.
        confidence: Mean probability of the winning part over the subject's cells; 0 where no part
            is found.
    """

    number: int
    probabilities: np.ndarray
    confidence: float


def frame_maps(number: int, probabilities: torch.Tensor) -> FrameMaps:
    """The maps of a frame from probabilities [K, h, w] on any device."""
    found = probabilities.cpu().numpy()
    winner = found.argmax(axis=0)
    subject = winner > 0
    confidence = float(found.max(axis=0)[subject].mean()) if subject.any() else 0.0
    return FrameMaps(number, found, confidence)


def sharpen(probabilities: torch.Tensor, contrast: float) -> torch.Tensor:
    """p ** contrast, normalised over K, of [F, K, h, w]; the arg-max stays what it is."""
    powered = probabilities.clamp_min(1e-8) ** contrast
    return powered / powered.sum(dim=1, keepdim=True)


def mattes_at(maps: FrameMaps, height: int, width: int) -> np.ndarray:
    """Mattes float32 [K - 1, height, width] in 0..1, sums at most 1: bilinear edges."""
    return _grown(maps, height, width)[1:].numpy()


def labels_at(maps: FrameMaps, height: int, width: int) -> np.ndarray:
    """Label map uint8 [height, width]: the most probable part of each pixel, 0 background."""
    return _grown(maps, height, width).argmax(dim=0).to(torch.uint8).numpy()


def _grown(maps: FrameMaps, height: int, width: int) -> torch.Tensor:
    """Probabilities float32 [K, height, width]."""
    soft = torch.from_numpy(maps.probabilities)[None]
    return functional.interpolate(soft, size=(height, width), mode="bilinear")[0]
