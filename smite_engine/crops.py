"""The two-pass crop for small subjects (SMITE appendix 7.4).

The paper crops "around this initial estimate" frame by frame. Here the crops of a window have one
size and follow the subject smoothly, so that its parts keep their scale and the crop does not
shake; they keep an aspect, and move into the picture rather than being squeezed by its border.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from smite_engine.boxes import LEAST_SIDE, WHOLE, Box
from smite_engine.crop_path import centres, room, smoothed, starts
from smite_engine.errors import SettingsError, ShapeError
from smite_engine.settings import require_range
from smite_engine.tiles import paste, tile_weights, with_background

MARGIN = 0.15
"""Share of a crop's side that stays free of subject at each border: room for what the first pass
missed, and for the context that tells a part from its like."""

FADE = 0.1
"""Share of a crop's side over which it fades to background; below ``MARGIN``, so never subject."""

KEPT_SIZE = 1.25
"""A window keeps the size of the crops before it where they are at most so many times too large."""

MOST_CELLS = 512 * 512
"""Most cells of a picture's map grid: 8 tokens of float32 are 8 MiB a frame."""


def smooth_boxes(
    boxes: Sequence[Box | None],
    picture: tuple[int, int],
    before: Sequence[Box] = (),
    *,
    margin: float = MARGIN,
    aspect: float | None = None,
    smallest: float = 0.0,
) -> list[Box]:
    """The crops of a window from where its subject lies, frame by frame.

    1. Frames without a subject take a centre between those of their neighbours in time, or the
       nearest one's at either end.
    2. The centres, those of ``before`` among them, are smoothed (:func:`smoothed`).
    3. All new crops get one size: that which holds each frame's subject around the smooth centre
       (but at most ``PLAY`` times the largest subject) in its inner 1 - 2 * margin, then widened
       to the aspect, to ``smallest``, and bounded by the picture. A size of ``before`` that is
       large enough, and not ``KEPT_SIZE`` times too large, is kept.
    4. A crop that does not hold its subject with the margin is moved until it does, then moved
       into the picture. So a subject is nearer than the margin only to the picture's own border.

    Args:
        boxes: Of the subject (:func:`subject_box`), each frame of the window; None: not seen.
        picture: (H, W) in pixels, in whole numbers of which the crops lie.
        before: Final crops of the first frames, from the window before; returned as they are.
        margin: Share of the crop's sides, 0 to 0.4.
        aspect: Width over height in pixels; None takes the picture's. A crop that cannot have
            it for the picture's border is as large as the picture there.
        smallest: Least share of the picture's sides, 0 to 1.

    Returns:
        As many as ``boxes``; ``WHOLE`` where no subject was ever seen, or the crop grew to that.

    Raises:
        SettingsError: If a setting is out of range.
        ShapeError: If there are more boxes before than frames.
    """
    _require(boxes, before, margin, aspect, smallest)
    height, width = picture
    new = boxes[len(before) :]
    crops_before = [box if box != WHOLE else None for box in before]
    known = [*crops_before, *new]
    if all(box is None for box in known):
        return [*before, *[WHOLE] * len(new)]
    rows = [None if box is None else (box.top * height, box.bottom * height) for box in known]
    columns = [None if box is None else (box.left * width, box.right * width) for box in known]
    down, across = (smoothed(centres(spans))[len(before) :] for spans in (rows, columns))
    rows, columns = rows[len(before) :], columns[len(before) :]
    needed = room(rows, down), room(columns, across)
    size = _crop_size(needed, picture, margin, aspect or width / height, smallest)
    seen = any(box is not None for box in new)
    size = _kept_size(size, crops_before, picture, seen=seen)
    tops = starts(down, rows, size[0], height, margin)
    lefts = starts(across, columns, size[1], width, margin)
    corners = zip(tops, lefts, strict=True)
    return [*before, *(Box.of_pixels(top, left, size, picture) for top, left in corners)]


def _require(
    boxes: Sequence[Box | None],
    before: Sequence[Box],
    margin: float,
    aspect: float | None,
    smallest: float,
) -> None:
    """Raises what :func:`smooth_boxes` raises."""
    require_range("margin", margin, 0, 0.4)
    require_range("smallest", smallest, 0, 1)
    if aspect is not None and aspect <= 0:
        raise SettingsError(f"The aspect of a crop is above 0, not {aspect}.")
    if len(before) > len(boxes):
        raise ShapeError("The crops before", f"[at most {len(boxes)}]", (len(before),))


def _crop_size(
    needed: tuple[float, float],
    picture: tuple[int, int],
    margin: float,
    aspect: float,
    smallest: float,
) -> tuple[int, int]:
    """(height, width) in whole pixels of a crop with that much room inside its margins."""
    inner = 1 - 2 * margin
    height = max(needed[0] / inner, smallest * picture[0], LEAST_SIDE)
    width = max(needed[1] / inner, smallest * picture[1], LEAST_SIDE)
    height = max(height, width / aspect)
    sides = zip((height, height * aspect), picture, strict=True)
    # What is a whole number but for rounding stays that number.
    row, column = (min(math.ceil(side - 1e-6), most) for side, most in sides)
    return row, column


def _kept_size(
    size: tuple[int, int],
    before: Sequence[Box | None],
    picture: tuple[int, int],
    *,
    seen: bool,
) -> tuple[int, int]:
    """The size of the last crop before, where it serves; any does where nothing is seen."""
    crops = [box for box in before if box is not None]
    if not crops:
        return size
    rows, columns = crops[-1].pixels(*picture)
    old = rows.stop - rows.start, columns.stop - columns.start
    serves = all(new <= was <= KEPT_SIZE * new for new, was in zip(size, old, strict=True))
    return old if serves or not seen else size


def fitting_grid(
    box: Box, grid: tuple[int, int], *, most_cells: int = MOST_CELLS
) -> tuple[int, int]:
    """The picture's map grid in which a region's map of ``grid`` (h, w) keeps its size.

    Smaller, at the same aspect, where that has over ``most_cells`` cells.
    """
    height, width = grid[0] / box.height, grid[1] / box.width
    shrink = min(1.0, math.sqrt(most_cells / (height * width)))
    return max(1, int(height * shrink + 1e-6)), max(1, int(width * shrink + 1e-6))


def paste_crop(
    maps: torch.Tensor, boxes: Sequence[Box], size: tuple[int, int], fade: float = FADE
) -> torch.Tensor:
    """Crops' probabilities in maps of the picture, background around them.

    Towards the borders of a crop that are not the picture's, parts fade to background over
    ``fade`` of its side, so that a false find at a border makes no straight edge. With a fade of
    at most the margin the subject itself is untouched.

    Args:
        maps: [F, K, h, w], background first, sums over K of 1.
        boxes: One each frame.
        size: (H, W) of the picture's map grid.
        fade: 0 (a hard edge) to 0.5.

    Returns:
        [F, K, H, W], sums over K of 1.

    Raises:
        ShapeError: If there is not one box each frame.
    """
    if maps.ndim != 4 or len(maps) != len(boxes):
        raise ShapeError("The maps of the crops", f"[{len(boxes)}, K, h, w]", tuple(maps.shape))
    pasted = []
    for frame, box in zip(maps, boxes, strict=True):
        strength = tile_weights(*size, box, fade).to(maps)
        pasted.append(paste([frame[None]], [box], size)[:, 1:] * strength)
    return with_background(torch.cat(pasted))
