"""Quality control of a segment job on its way: measures each frame, keeps what the review shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt

from smite_engine.matte_quality import QualityMeter
from smite_server.geometry import Floats
from smite_server.quality_control import suspicion
from smite_server.report_frames import FrameReport, PartReport
from smite_server.review import Review, review_of
from smite_server.review_pictures import ReviewPictures

__all__ = ["ShotQuality"]

Bytes = npt.NDArray[np.uint8]

DIGITS = 5
"""Decimals that a report keeps of a figure."""


class ShotQuality:
    """Gathers what a shot's report and review say of its frames.

    Args:
        parts: slug -> display name, in the order of the mattes.
    """

    def __init__(self, parts: Mapping[str, str]) -> None:
        self._parts = dict(parts)
        self._meter = QualityMeter()
        self._pictures = ReviewPictures()
        self.frames: list[FrameReport] = []

    def add(
        self, frame: FrameReport, mattes: Floats, probabilities: Floats, rgb: Floats
    ) -> FrameReport:
        """The next frame; returns it with its figures, as the report has it.

        Args:
            frame: without figures of parts; its flicker is measured here.
            mattes: 0..1, [P, H, W] as they are delivered, or smaller.
            probabilities: the engine's maps [K, h, w], background first.
            rgb: the frame, display sRGB 0..1, small.
        """
        found = self._meter.add(mattes, probabilities, rgb)
        parts = {
            slug: PartReport(*map(_rounded, astuple(f)))
            for slug, f in zip(self._parts, found.parts, strict=True)
        }
        measured = FrameReport(
            **{**vars(frame), "flicker": _rounded(found.flicker), "parts": parts}
        )
        self.frames.append(measured)
        score = suspicion(self.frames, tuple(self._parts))
        self._pictures.add(frame.number, score, rgb, mattes)
        return measured

    def state(self) -> tuple[dict[str, Any], dict[str, Bytes]]:
        """What `restore` needs beside the report's frames: notes for JSON, and arrays by name."""
        notes, arrays = self._pictures.state()
        found = {f"pictures.{name}": array for name, array in arrays.items()}
        found |= {f"meter.{name}": array for name, array in self._meter.state().items()}
        return notes, found

    def restore(
        self, frames: list[FrameReport], notes: Mapping[str, Any], arrays: Mapping[str, Bytes]
    ) -> None:
        """Goes on after these frames. Raises KeyError or ValueError for what is no state."""
        pictures = ReviewPictures()
        pictures.restore(notes, _below(arrays, "pictures."))
        self._meter.restore(_below(arrays, "meter."))
        self._pictures, self.frames = pictures, frames

    def finish(self, plate_side: float) -> Review:
        """Judges the shot; ``plate_side`` is the plate's longer side with square pixels."""
        return review_of(self.frames, self._parts, plate_side, self._pictures)


def _rounded(value: float | None) -> Any:
    return None if value is None else round(float(value), DIGITS)


def _below(arrays: Mapping[str, Bytes], prefix: str) -> dict[str, Bytes]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
