"""How each frame of a shot went: the entries of a report. Imports no array library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["MEASURED_SIDE", "FrameReport", "PartReport"]

MEASURED_SIDE = 480
"""Longer side of the pictures whose pixels `edge_motion` is in (`smite_engine.plate_motion`)."""


@dataclass(frozen=True)
class PartReport:
    """One part in one frame, as `smite_engine.matte_quality` measures it.

    Attributes:
        area: share of the picture that the matte covers, 0..1.
        confidence: 0..1, mean probability where the part wins; None where it does not.
        flicker: share of the part's visible track steps whose label changed; None where none is.
        edge_motion: pixels, of a picture whose longer side is 480, by which the matte's edge moved
            against the plate's own motion; None where there is no edge to follow.
        new_piece: share of the part in a piece that appears apart from it; None where there was no
            part before.
    """

    area: float
    confidence: float | None = None
    flicker: float | None = None
    edge_motion: float | None = None
    new_piece: float | None = None


@dataclass(frozen=True)
class FrameReport:
    """How one frame went.

    Attributes:
        number: frame number.
        confidence: 0..1, mean of the winning probability over the subject.
        flicker: share of visible track steps from the frame before whose label changed; None for
            the first frame and where nothing could be tracked.
        seconds: of work for this frame.
        bad_pixels: NaN and Inf pixels that were replaced.
        held_from: the frame that stood in for a missing one.
        parts: slug -> how that part went.
    """

    number: int
    confidence: float | None = None
    flicker: float | None = None
    seconds: float | None = None
    bad_pixels: int = 0
    held_from: int | None = None
    parts: Mapping[str, PartReport] = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """The frame whose `dataclasses.asdict` an entry is. Raises KeyError or TypeError."""
        parts = {slug: PartReport(**figures) for slug, figures in entry["parts"].items()}
        return cls(**{**entry, "parts": parts})
