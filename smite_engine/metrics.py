"""How good, and how steady, label maps are: pure functions of arrays.

Label maps are integer [H, W]; index 0 is background, 255 counts for nothing.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from smite_engine.plate_motion import PlateMotion, Step, flow_size

__all__ = [
    "BOUNDARY_TOLERANCE",
    "IGNORED",
    "FlickerMeter",
    "VideoConsistency",
    "boundary",
    "f_measure",
    "iou",
    "label_steps",
    "labels_at_end",
]

IGNORED = 255
BOUNDARY_TOLERANCE = 0.008
"""Distance within which two contours match, as a share of the picture's diagonal (DAVIS)."""

Masks = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]


def iou(prediction: Masks, truth: Masks, ignore: Masks | None = None) -> float | None:
    """Intersection over union of two bool masks [H, W]; None where both are empty.

    Pixels of `ignore` are in neither.
    """
    _same_shape(prediction, truth)
    if ignore is not None:
        prediction, truth = prediction & ~ignore, truth & ~ignore
    union = int(np.count_nonzero(prediction | truth))
    if union == 0:
        return None
    return int(np.count_nonzero(prediction & truth)) / union


def boundary(mask: Masks) -> Masks:
    """Contour pixels of a bool mask [H, W], as DAVIS draws them (seg2bmap).

    A pixel is on the contour where it differs from its neighbour to the right, below, or right
    below; the outer border of the picture is none.
    """
    mask = np.asarray(mask, dtype=bool)
    edge = np.zeros(mask.shape, dtype=bool)
    edge[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    edge[:-1, :] |= mask[:-1, :] ^ mask[1:, :]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def f_measure(
    prediction: Masks,
    truth: Masks,
    ignore: Masks | None = None,
    tolerance: float = BOUNDARY_TOLERANCE,
) -> float | None:
    """Contour F of DAVIS (Perazzi et al. 2016) for two bool masks [H, W]; None if both empty.

    Precision is the share of predicted contour pixels within the tolerance (a disk of
    ceil(tolerance * diagonal) pixels) of a true one, recall the reverse. 0 where only one mask has
    anything; 1 where neither has a contour (both fill the picture). Contours on or next to
    pixels of `ignore` are left out on both sides.
    """
    _same_shape(prediction, truth)
    if ignore is not None:
        prediction, truth = prediction & ~ignore, truth & ~ignore
    if not prediction.any() and not truth.any():
        return None
    if not prediction.any() or not truth.any():
        return 0.0
    radius = math.ceil(tolerance * math.hypot(*truth.shape)) if tolerance < 1 else tolerance
    edges = [boundary(prediction), boundary(truth)]
    if ignore is not None and ignore.any():
        near = cv2.dilate(ignore.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        edges = [edge & ~near for edge in edges]
    counts = [int(np.count_nonzero(edge)) for edge in edges]
    if counts == [0, 0]:
        return 1.0
    if 0 in counts:
        return 0.0
    precision = np.count_nonzero(edges[0] & _within(edges[1], radius)) / counts[0]
    recall = np.count_nonzero(edges[1] & _within(edges[0], radius)) / counts[1]
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


def _within(edge: Masks, radius: float) -> Masks:
    """Pixels at most `radius` from a contour pixel: dilation by a disk, by exact distances."""
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: Masks = distance <= radius + 1e-3
    return near


class VideoConsistency:
    """mVC_n of VSPW (Miao et al. 2021, eq. 1): are steady regions labelled right, all along?

    For every n consecutive frames: of the pixels whose true label is the same in all n, the share
    whose predicted label is that one in all n; then the mean over windows. Pixels that are
    ignored in a frame count for no window that holds it; windows without a steady pixel are left
    out. Memory: three maps, whatever n is.
    """

    def __init__(self, windows: tuple[int, ...] = (8, 16)) -> None:
        if any(not 1 < n < 256 for n in windows):
            raise ValueError(f"windows must hold 2 to 255 frames, not {windows}")
        self._sums = {n: [0.0, 0] for n in windows}
        self._before: Labels | None = None
        self._steady: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._right: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)

    def add(self, prediction: Labels, truth: Labels) -> None:
        """The next frame: two label maps [H, W]."""
        _same_shape(prediction, truth)
        if self._before is None:
            self._steady = np.zeros(truth.shape, np.uint8)
            self._right = np.zeros(truth.shape, np.uint8)
            same = np.zeros(truth.shape, dtype=bool)
        else:
            _same_shape(self._before, truth)
            same = truth == self._before
        counted = truth != IGNORED
        self._steady = _run(self._steady, same, counted)
        self._right = _run(self._right, same, counted & (prediction == truth))
        self._before = np.array(truth)
        for n, total in self._sums.items():
            steady = int(np.count_nonzero(self._steady >= n))
            if steady:
                total[0] += int(np.count_nonzero(self._right >= n)) / steady
                total[1] += 1

    def result(self) -> dict[int, float | None]:
        """n -> mVC_n, 0..1; None where there were fewer than n frames."""
        return {n: total / count if count else None for n, (total, count) in self._sums.items()}


def _run(length: npt.NDArray[np.uint8], same: Masks, holds: Masks) -> npt.NDArray[np.uint8]:
    """Frames that a condition has held on end: one more, or one where the label is new, or 0."""
    longer = np.minimum(length, 254) + np.uint8(1)
    return np.where(holds, np.where(same, longer, np.uint8(1)), np.uint8(0))


class FlickerMeter:
    """The share of visible track steps whose label changes; lower is steadier.

    Between each frame and the next, every pixel (at flow size) that is a part in either is
    followed by dense optical flow (`plate_motion`). A step counts where the point stays in the
    picture and the flow there and back agree; it flickers where the label at its end is not the
    one at its start.
    """

    def __init__(self) -> None:
        self._motion = PlateMotion()
        self._labels: Labels | None = None
        self.steps = 0
        self.changes = 0

    def add(self, labels: Labels, rgb: npt.NDArray[np.floating]) -> float | None:
        """The next frame; returns the share of its steps that changed, None where there is none.

        Args:
            labels: label map [H, W].
            rgb: the frame, float 0..1 or uint8, [H', W', 3]; the same size for every frame.
        """
        step = self._motion.add(rgb)
        size = flow_size(*rgb.shape[:2])
        small = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
        before, self._labels = self._labels, small
        if step is None or before is None:
            return None
        counted, changed = label_steps(step, before, small)
        steps, changes = int(np.count_nonzero(counted)), int(np.count_nonzero(changed))
        self.steps += steps
        self.changes += changes
        return changes / steps if steps else None

    def result(self) -> float | None:
        """The share over all frames, 0..1; None where no step was visible."""
        return self.changes / self.steps if self.steps else None


def label_steps(step: Step, before: Labels, after: Labels) -> tuple[Masks, Masks]:
    """The track steps of the parts between two frames, by the pixel they start in.

    Args:
        step: how the plate moves, at flow size [h, w].
        before, after: label maps [h, w] of the two frames.

    Returns:
        bool [h, w] twice: steps that count (visible, a part at one end, no ignored pixel), and
        those of them whose label changes.
    """
    end = labels_at_end(step, after)
    counts = step.ahead.visible & ((before != 0) | (end != 0))
    counts &= (before != IGNORED) & (end != IGNORED)
    return counts, counts & (before != end)


def labels_at_end(step: Step, after: Labels) -> Labels:
    """The label of the next frame [h, w] that each pixel of this one arrives at."""
    height, width = after.shape
    return after[
        np.clip(np.rint(step.ahead.y), 0, height - 1).astype(np.intp),
        np.clip(np.rint(step.ahead.x), 0, width - 1).astype(np.intp),
    ]


def _same_shape(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the maps have different shapes: {a.shape} and {b.shape}")
