"""Label maps against ground truth over a shot, frame by frame, in flat memory.

How it counts: IoU of a part is the mean over frames; a frame where the part is in neither mask is
left out, in only one counts 0. `miou_foreground` is the mean over parts, `miou` includes
background; `f_measure` is made in the same way; `jf` is the mean of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from smite_engine.metrics import IGNORED, FlickerMeter, Labels, VideoConsistency, f_measure, iou

__all__ = ["Evaluator"]


class Evaluator:
    """Gathers the figures of `smite evaluate`.

    Args:
        parts: slugs (or names) of the parts; part i has label i + 1. They are the keys of the
            result's `parts`.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self.frames = 0
        self._ious = [_Mean() for _ in range(len(parts) + 1)]
        self._fs = [_Mean() for _ in parts]
        self._consistency = VideoConsistency((8, 16))
        self._flicker = FlickerMeter()

    def add(
        self, prediction: Labels, truth: Labels, rgb: npt.NDArray[np.floating] | None = None
    ) -> None:
        """The next frame in time.

        Args:
            prediction: uint8 [H, W], 0 background, i part i.
            truth: the same, with 255 for pixels that count for nothing.
            rgb: the frame for the optical flow of `flicker`, display sRGB 0..1 [H', W', 3]; None
                leaves this figure out.

        Raises:
            ValueError: shapes that differ.
        """
        if prediction.shape != truth.shape:
            raise ValueError(
                f"the maps have different shapes: {prediction.shape} and {truth.shape}"
            )
        ignore = truth == IGNORED
        some_ignored = ignore if ignore.any() else None
        for label, mean in enumerate(self._ious):
            predicted, true = prediction == label, truth == label
            mean.add(iou(predicted, true, some_ignored))
            if label:
                self._fs[label - 1].add(f_measure(predicted, true, some_ignored))
        self._consistency.add(prediction, truth)
        if rgb is not None:
            self._flicker.add(prediction, rgb)
        self.frames += 1

    def result(self, seconds_per_frame: float | None = None) -> dict[str, Any]:
        """The figures as `smite evaluate --json` prints them: fractions 0..1, or None.

        None stands for a part that is in no mask, for mVC of clips shorter than the window, and
        for flicker without a visible step.
        """
        ious = [mean.value() for mean in self._ious]
        fs = [mean.value() for mean in self._fs]
        foreground, contour = _mean(ious[1:]), _mean(fs)
        consistency = self._consistency.result()
        return {
            "miou": _mean(ious),
            "miou_foreground": foreground,
            "f_measure": contour,
            "jf": None if foreground is None or contour is None else (foreground + contour) / 2,
            "mvc8": consistency[8],
            "mvc16": consistency[16],
            "flicker": self._flicker.result(),
            "seconds_per_frame": seconds_per_frame,
            "frames": self.frames,
            "parts": {
                part: {"iou": part_iou, "f_measure": part_f}
                for part, part_iou, part_f in zip(self.parts, ious[1:], fs, strict=True)
            },
        }


class _Mean:
    """The mean of the values that are not None, without keeping them."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self._sum += value
            self._count += 1

    def value(self) -> float | None:
        return self._sum / self._count if self._count else None


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is there; None where nothing is."""
    present = [value for value in values if value is not None]
    return fmean(present) if present else None
