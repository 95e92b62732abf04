"""The way of a crop along one axis of the picture: centres, smoothed, and where crops start.

Spans are (start, end) of the subject in pixels, one each frame; None where it is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Span = tuple[float, float]

SMOOTHING = 2.0
"""Standard deviation, in frames, of the kernel that smooths a crop's way: a quarter second or so
across, which takes out the first pass's jitter and keeps up with a run."""

PLAY = 1.25
"""Most that a crop is enlarged by so that its smooth way holds the subject; a faster subject moves
the crop instead."""


def centres(spans: Sequence[Span | None]) -> npt.NDArray[np.float64]:
    """Centres of spans, of which there is one at least.

    Where there is no span the centre lies between its neighbours', at the ends it is the nearest's.
    """
    seen = [index for index, span in enumerate(spans) if span is not None]
    middles = [(span[0] + span[1]) / 2 for span in spans if span is not None]
    return np.interp(np.arange(len(spans)), seen, middles)


def smoothed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each value replaced by that of the line that fits its neighbours best, Gaussian-weighted.

    A line and not a mean, so that at the ends of a window, too, a uniform movement stays as it
    is. With w = exp(-d^2 / (2 SMOOTHING^2)), d the distance in frames and s_n = sum w d^n the
    value at d = 0 is sum w (s_2 - s_1 d) x / (s_0 s_2 - s_1^2).
    """
    if len(values) < 2:
        return values
    time = np.arange(len(values), dtype=np.float64)
    distance = time[None] - time[:, None]
    weight = np.exp(-0.5 * (distance / SMOOTHING) ** 2)
    s0, s1, s2 = ((weight * distance**n).sum(axis=1, keepdims=True) for n in range(3))
    kernel = weight * (s2 - s1 * distance) / (s0 * s2 - s1**2)
    return np.asarray(kernel @ values)


def room(spans: Sequence[Span | None], way: npt.NDArray[np.float64]) -> float:
    """Pixels that hold every span around its smooth centre; 0 without spans.

    At most ``PLAY`` times the longest one; one more, so that whole pixels hold it.
    """
    longest, held = 0.0, 0.0
    for span, centre in zip(spans, way.tolist(), strict=True):
        if span is not None:
            longest = max(longest, span[1] - span[0])
            held = max(held, 2 * (span[1] - centre), 2 * (centre - span[0]))
    return min(held, PLAY * longest) + 1 if longest else 0.0


def starts(
    way: npt.NDArray[np.float64],
    spans: Sequence[Span | None],
    side: int,
    length: int,
    margin: float,
) -> list[int]:
    """First pixels of crops along one axis: on their way, around the subject, in the picture."""
    found = []
    for centre, span in zip(way, spans, strict=True):
        start = round(float(centre) - side / 2)
        if span is not None:
            start = max(start, math.ceil(span[1] - (1 - margin) * side))
            start = min(start, math.floor(span[0] - margin * side))
        found.append(max(0, min(start, length - side)))
    return found
