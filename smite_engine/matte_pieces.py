"""Pieces of a part that appear apart from where the part was: false finds, most of them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smite_engine.plate_motion import Masks, Step, carry

__all__ = ["LEAST", "new_piece"]

LEAST = 0.05
"""Share of the part from which a piece counts, and belongs to the part from then on."""

SMALLEST = 24
"""Pixels of a picture of flow size from which a piece counts, of the smallest part too."""

REACH = 12
"""Pixels by which a piece may lie off where motion takes the part: flow is not that sure."""

HALF = 127


def new_piece(
    matte: npt.NDArray[np.uint8], known: Masks | None, step: Step | None
) -> tuple[float | None, Masks]:
    """The share of a part in the largest piece that is apart from the part as it was known.

    A piece is an 8-connected region of the matte above one half. It is new where it lies off
    ``known``, carried along the plate's motion. Small ones are left out and stay unknown, so that
    one which grows slowly, as it comes into the picture, is told when it is large enough, and once.

    Args:
        matte: uint8 [h, w], of flow size.
        known: bool [h, w], the part in the frame before, without pieces that were too small; None
            before the first frame.
        step: The plate's motion between the two; None where it is not known.

    Returns:
        The share, 0..1, None where there is nothing to hold it against; and what is known now.
    """
    mask: Masks = matte > HALF
    if known is None or not known.any():
        return None, mask
    if step is not None:
        known = carry(known.astype(np.float32), step.back.x, step.back.y) > 0.5
    side = 2 * REACH + 1
    near = cv2.dilate(
        known.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    )
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    is_new = np.ones(len(areas), bool)
    is_new[np.unique(pieces[near > 0])] = False
    is_new[0] = False  # what is no piece
    least = max(SMALLEST, LEAST * int(mask.sum()))
    counts = is_new & (areas >= least)
    share = float(areas[counts].max(initial=0)) / max(1, int(mask.sum()))
    remembered: Masks = (mask & ~(is_new & ~counts)[pieces]) if mask.any() else mask
    return share, remembered
