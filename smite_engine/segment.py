"""Segments a shot window by window (SMITE sec. 4.3, one pass at a late timestep)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from smite_engine.backbone import Backbone
from smite_engine.errors import Cancelled, SettingsError
from smite_engine.losses import training_was
from smite_engine.noise import frame_noise
from smite_engine.part_model import PartModel
from smite_engine.profiles import Quality
from smite_engine.settings import from_mapping, require_range
from smite_engine.sizing import WorkingSize, on_picture, to_canvas, working_size
from smite_engine.text_sides import with_parts

QUALITIES = ("draft", "standard")


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


@dataclass(frozen=True)
class SegmentSettings:
    """Segmentation settings; None takes the quality preset's value.

    Attributes:
        quality: ``draft`` (small, fast) or ``standard``.
        seed: Of the noise.
        window: Frames that self-attention joins.
        area: Most pixels of the canvas.
        contrast: Power that probabilities are raised to; higher has harder edges.
    """

    quality: str = "standard"
    seed: int = 0
    window: int | None = None
    area: int | None = None
    contrast: float | None = None

    def __post_init__(self) -> None:
        if self.quality not in QUALITIES:
            raise SettingsError(
                f'The quality "{self.quality}" is not in this version; use '
                f"{' or '.join(QUALITIES)}."
            )
        require_range("window", self.window or 1, 1, 64)
        require_range("area", self.area or 64 * 64, 64 * 64, 2048 * 2048)
        require_range("contrast", self.contrast or 1.0, 0.5, 16)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentSettings:
        """Settings from plain values; raises SettingsError on an unknown name."""
        return from_mapping(cls, values)

    def preset(self, backbone: Backbone) -> Quality:
        chosen = backbone.profile.draft if self.quality == "draft" else backbone.profile.standard
        return Quality(area=self.area or chosen.area, window=self.window or chosen.window)


def segment(
    backbone: Backbone,
    model: PartModel,
    frames: Iterable[Frame],
    settings: SegmentSettings,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[FrameMaps]:
    """Yields the maps of each frame, a window at a time; memory does not grow with the shot.

    Args:
        backbone: The one that ``model`` was learned on; is as it was when the iteration ends.
        model: The part model.
        frames: In the shot's order; all of one size. Read one window ahead of what is yielded.
        settings: See :class:`SegmentSettings`.
        cancelled: Asked before each window.

    Raises:
        BackboneMismatchError: If the model belongs to another backbone.
        Cancelled: If ``cancelled()`` is true.
        OutOfDeviceMemoryError: If a window does not fit the device.
    """
    model.require_backbone(backbone.id, backbone.hash)
    preset = settings.preset(backbone)
    base = backbone.text.base(model.parts.names).to(backbone.device)
    context = with_parts(base, model.embeddings.to(backbone.device))
    each = _Pass(
        backbone=backbone,
        context=context,
        tokens=len(model.parts) + 1,
        seed=settings.seed,
        area=preset.area,
        contrast=settings.contrast or backbone.profile.contrast,
    )
    remaining = iter(frames)
    with backbone.tuned(model.weights):
        while window := list(islice(remaining, preset.window)):
            if cancelled():
                raise Cancelled("The segment job was cancelled.")
            for frame, probabilities in zip(window, each.maps(window), strict=True):
                yield FrameMaps(frame.number, probabilities, _confidence(probabilities))


@dataclass(frozen=True)
class _Pass:
    """What every window of a shot is passed through with."""

    backbone: Backbone
    context: torch.Tensor
    tokens: int
    seed: int
    area: int
    contrast: float

    @torch.no_grad()
    def maps(self, window: list[Frame]) -> np.ndarray:
        """Probabilities float32 [F, K, h, w] of one window."""
        size = working_size(*window[0].image.shape[:2], self.area)
        latents = torch.cat([self.backbone.encode(_canvas(frame, size)) for frame in window])
        shape = tuple(latents.shape[1:])
        noise = torch.stack([frame_noise(self.seed, frame.number, shape) for frame in window])
        timestep = self.backbone.profile.timestep
        noisy = self.backbone.noisy(latents, noise, timestep)
        read = self.backbone.read(noisy, timestep, self.context, self.tokens)
        was = on_picture(training_was(read), size).clamp_min(0)
        return sharpen(was, self.contrast).cpu().numpy()


def sharpen(probabilities: torch.Tensor, contrast: float) -> torch.Tensor:
    """p ** contrast, normalised over K, of [F, K, h, w]; the arg-max stays what it is."""
    powered = probabilities.clamp_min(1e-8) ** contrast
    return powered / powered.sum(dim=1, keepdim=True)


def _canvas(frame: Frame, size: WorkingSize) -> torch.Tensor:
    image = torch.from_numpy(frame.image).permute(2, 0, 1)[None]
    return to_canvas(image, size)


def _confidence(probabilities: np.ndarray) -> float:
    winner = probabilities.argmax(axis=0)
    subject = winner > 0
    return float(probabilities.max(axis=0)[subject].mean()) if subject.any() else 0.0


def mattes_at(maps: FrameMaps, height: int, width: int) -> np.ndarray:
    """Mattes float32 [K - 1, height, width] in 0..1, sums at most 1: bilinear edges."""
    soft = torch.from_numpy(maps.probabilities)[None]
    grown = functional.interpolate(soft, size=(height, width), mode="bilinear")
    return grown[0, 1:].numpy()


def labels_at(maps: FrameMaps, height: int, width: int) -> np.ndarray:
    """Label map uint8 [height, width]: the most probable part of each pixel, 0 background."""
    soft = torch.from_numpy(maps.probabilities)[None]
    grown = functional.interpolate(soft, size=(height, width), mode="bilinear")
    return grown[0].argmax(dim=0).to(torch.uint8).numpy()
