"""How the mattes of a shot go, frame by frame and part by part: area, confidence, flicker, edges.

Nothing here needs ground truth: each figure holds a frame's mattes against those of the frame
before, along the plate's own motion. All of it is measured on pictures of flow size, so that a
figure means the same for plates of any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from smite_engine.errors import ShapeError
from smite_engine.matte_pieces import new_piece
from smite_engine.metrics import Labels, label_steps, labels_at_end
from smite_engine.plate_motion import FLOW_SIDE, Field, Masks, PlateMotion, Step, carry, flow_size

__all__ = [
    "FrameFigures",
    "PartFigures",
    "QualityMeter",
    "confidences",
    "edge_motion",
    "part_flicker",
]

SHORTEST_EDGE = 8.0
"""An edge of fewer pixels in sight, in either frame, has no motion that is worth a figure."""

SMOOTHING = 1.0
"""Sigma, in pixels, of the blur before edges are measured: the length of an edge is then the same
in all directions, and the stairs of a hard matte do not count."""

RIM, SPREAD = 5, 6.0
"""Pixels: the inside of a part begins half of ``RIM`` from its edge, and its flow is averaged with
a Gaussian of sigma ``SPREAD``."""

HALF = 127

Bytes = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PartFigures:
    """One part in one frame.

    Attributes:
        area: Share of the picture that the matte covers, 0..1.
        confidence: Mean probability of the part over the map's cells that it wins, 0..1; None
            where it wins none.
        flicker: Share of the part's visible track steps, from the frame before, whose label
            changes, 0..1; None where there are none.
        edge_motion: How far the matte's edge has moved from where the plate's motion would have
            taken it, on average, in pixels of a picture whose longer side is `FLOW_SIDE`; None
            where the part has no edge in sight in one of the two frames.
        new_piece: Share of the part in a piece that appears apart from it, 0..1; None where there
            was no part before.
    """

    area: float
    confidence: float | None = None
    flicker: float | None = None
    edge_motion: float | None = None
    new_piece: float | None = None


@dataclass(frozen=True)
class FrameFigures:
    """All parts of one frame, in their order.

    Attributes:
        flicker: Of all parts together, as `metrics.FlickerMeter` counts it.
    """

    flicker: float | None
    parts: tuple[PartFigures, ...]


class QualityMeter:
    """Measures a shot's mattes in order; keeps the small mattes and picture of one frame."""

    def __init__(self) -> None:
        self._motion = PlateMotion()
        self._mattes: Bytes | None = None
        self._known: Masks | None = None

    def add(
        self,
        mattes: npt.NDArray[np.floating],
        probabilities: npt.NDArray[np.floating],
        rgb: npt.NDArray[np.floating],
    ) -> FrameFigures:
        """The next frame.

        Args:
            mattes: [K - 1, H, W] in 0..1, as they are delivered, or smaller.
            probabilities: [K, h, w], the engine's soft maps, background first.
            rgb: The frame, float 0..1 display-referred, [H', W', 3].

        Raises:
            ShapeError: If there are not as many mattes as parts in the maps.
        """
        if len(mattes) != len(probabilities) - 1:
            raise ShapeError("The mattes", f"{len(probabilities) - 1} parts", mattes.shape)
        step = self._motion.add(rgb)
        small = small_mattes(mattes, flow_size(*rgb.shape[:2]))
        before, self._mattes = self._mattes, small
        sure = confidences(probabilities)
        areas = small.reshape(len(small), -1).mean(axis=1) / 255.0
        if step is None or before is None or before.shape != small.shape:
            flickers: list[float | None] = [None] * (len(small) + 1)
            moved: list[float | None] = [None] * len(small)
        else:
            flickers = part_flicker(step, labels_of(before), labels_of(small), len(small))
            scale = FLOW_SIDE / max(small.shape[1:])
            moved = [edge_motion(step, *pair, scale) for pair in zip(before, small, strict=True)]
        figures = zip(areas, sure, flickers[1:], moved, self._new_pieces(small, step), strict=True)
        return FrameFigures(
            flickers[0], tuple(PartFigures(float(a), *rest) for a, *rest in figures)
        )

    def _new_pieces(self, mattes: Bytes, step: Step | None) -> list[float | None]:
        """What is new of each part; the parts are remembered as they are known now."""
        known = self._known
        if known is not None and known.shape != mattes.shape:
            known = None
        found = [
            new_piece(matte, None if known is None else known[index], step)
            for index, matte in enumerate(mattes)
        ]
        self._known = np.stack([mask for _, mask in found]) if found else None
        return [share for share, _ in found]

    def state(self) -> dict[str, Bytes]:
        """What `restore` needs to go on from here; empty before the first frame."""
        if self._mattes is None or self._motion.last is None or self._known is None:
            return {}
        known = self._known.astype(np.uint8)
        return {"mattes": self._mattes, "grey": self._motion.last, "known": known}

    def restore(self, state: Mapping[str, Bytes]) -> None:
        """Goes on from what `state` returned, to the same bits."""
        self._mattes, self._motion.last = state.get("mattes"), state.get("grey")
        self._known = state["known"].astype(bool) if state else None


def small_mattes(mattes: npt.NDArray[np.floating], size: tuple[int, int]) -> Bytes:
    """uint8 [P, h, w] of mattes [P, H, W] in 0..1; ``size`` is (w, h)."""
    small = np.zeros((len(mattes), size[1], size[0]), np.uint8)
    for index, matte in enumerate(mattes):
        plane = np.ascontiguousarray(matte, np.float32)
        if plane.shape[::-1] != size:
            shrinks = plane.shape[1] > size[0]
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            plane = cv2.resize(plane, size, interpolation=method)
        small[index] = np.clip(plane, 0.0, 1.0) * 255.0 + 0.5
    return small


def labels_of(mattes: Bytes) -> Labels:
    """Label map uint8 [h, w] of mattes uint8 [P, h, w]: what there is most of, 0 background."""
    rest = 255 - np.minimum(mattes.sum(axis=0, dtype=np.int32), 255)
    every = np.concatenate([rest[None].astype(np.uint8), mattes])
    labels: Labels = every.argmax(axis=0).astype(np.uint8)
    return labels


def confidences(probabilities: npt.NDArray[np.floating]) -> list[float | None]:
    """Mean probability of each part over the cells that it wins; None where it wins none.

    Args:
        probabilities: [K, h, w], background first; its confidence is not among the K - 1.
    """
    winner = probabilities.argmax(axis=0)
    found: list[float | None] = []
    for part in range(1, len(probabilities)):
        won = winner == part
        found.append(float(probabilities[part][won].mean()) if won.any() else None)
    return found


def part_flicker(step: Step, before: Labels, after: Labels, parts: int) -> list[float | None]:
    """The share of visible track steps whose label changes: of all parts, then of each.

    A step is a part's where it begins or ends on it.

    Args:
        step: How the plate moves, at flow size [h, w].
        before, after: Label maps uint8 [h, w]; 0 is background.
        parts: How many there are.
    """
    counts, changes = label_steps(step, before, after)
    start, end = before[counts], labels_at_end(step, after)[counts]
    changed = changes[counts]
    steps = np.bincount(start, minlength=parts + 1) + np.bincount(end[changed], minlength=parts + 1)
    flips = np.bincount(start[changed], minlength=parts + 1) + np.bincount(
        end[changed], minlength=parts + 1
    )
    shares = [_share(int(changed.sum()), changed.size)]
    return shares + [_share(int(flips[part]), int(steps[part])) for part in range(1, parts + 1)]


def edge_motion(
    step: Step,
    before: npt.NDArray[np.number],
    after: npt.NDArray[np.number],
    scale: float = 1.0,
) -> float | None:
    """How far a matte's edge lies from where the plate's motion takes the last one, on average.

    The matte before is carried along the plate's motion; what differs is area that the edge has
    swept, and area by length is a distance:

        2 sum |a - w| / (sum |grad a| + sum |grad w|),

    with a the matte, w the carried one, and the sum of gradients the length of a matte's edges,
    hard or soft (coarea formula). An edge that steps by d pixels along its normal gives d; a matte
    that slides by d over a plate that stands still gives the mean of d |cos| over its outline, for
    a disc 2 d / pi. Pixels whose way back is not known (uncovered, or leaving the picture) count
    nowhere. An edge is carried both by the flow at its own pixels and by that of the part's inside
    nearby, and the smaller difference counts: dense flow is blurred across the outlines of things
    that move, and a true matte would seem to move against it by a pixel.

    Args:
        step: The plate's motion between the two frames, at [h, w].
        before, after: The part's mattes, uint8 [h, w].
        scale: What one pixel of these counts as.

    Returns:
        Pixels times ``scale``; None where either frame has too little edge in sight.
    """
    if not before.any() or not after.any():
        return None
    box = _around(step, before, after)
    seen = step.back.visible[box]
    there, last = _smooth(after)[box], _smooth(before)
    inside = _inside_flow(step.backward[box], (after[box] > HALF) & seen)
    rows, columns = np.mgrid[box].astype(np.float32)
    carried = carry(last, step.back.x[box], step.back.y[box])
    along = carry(last, columns + inside[..., 0], rows + inside[..., 1])
    lengths = [_edge_length(plane, seen) for plane in (there, carried)]
    if min(lengths) < SHORTEST_EDGE:
        return None
    difference = np.minimum(np.abs(there - carried), np.abs(there - along))
    return 2.0 * float(difference[seen].sum(dtype=np.float64)) / sum(lengths) * scale


def _around(step: Step, *mattes: npt.NDArray[np.number]) -> tuple[slice, slice]:
    """The rows and columns that the mattes touch, wherever the step takes them."""
    there = np.maximum.reduce(mattes) > 0
    reach = float(np.abs(step.forward[there]).max(initial=0.0))
    margin = math.ceil(reach + 4 * SMOOTHING)
    sides = []
    for axis, size in ((1, there.shape[0]), (0, there.shape[1])):
        touched = np.flatnonzero(there.any(axis=axis))
        sides.append(slice(max(0, touched[0] - margin), min(size, touched[-1] + 1 + margin)))
    return sides[0], sides[1]


def _inside_flow(flow: Field, inside: Masks) -> Field:
    """The flow [h, w, 2] of a part's inside, less its rim, averaged and spread over its edges.

    Where no inside is near, the flow is left as it is.
    """
    core = cv2.erode(inside.astype(np.uint8), np.ones((RIM, RIM), np.uint8)).astype(np.float32)
    weight = cv2.GaussianBlur(core, (0, 0), SPREAD)[..., None]
    spread = cv2.GaussianBlur(flow * core[..., None], (0, 0), SPREAD)
    return np.where(weight > 1e-4, spread / np.maximum(weight, 1e-4), flow)


def _smooth(matte: npt.NDArray[np.number]) -> Plane:
    """float32 [h, w] in 0..1 of uint8 [h, w]."""
    plane: Plane = cv2.GaussianBlur(matte.astype(np.float32) / 255.0, (0, 0), SMOOTHING)
    return plane


def _edge_length(plane: Plane, seen: Masks) -> float:
    """Length of the edges of a smooth matte [h, w] in sight, in pixels: sum |grad a|."""
    y, x = np.gradient(plane)
    return float(np.hypot(x, y)[seen].sum(dtype=np.float64))


def _share(count: int, of: int) -> float | None:
    return count / of if of else None
