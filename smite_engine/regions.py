"""Which regions of a window's frames are segmented, and one map of the picture from theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from smite_engine.boxes import WHOLE, Box, subject_box
from smite_engine.crops import FADE, fitting_grid, paste_crop, smooth_boxes
from smite_engine.focus import Focus, choose_focus, smallest_share
from smite_engine.segment_settings import SegmentSettings
from smite_engine.shot_state import ShotState
from smite_engine.tiles import paste, tiles

UNDECIDED = ""

FirstPass = Callable[[int], torch.Tensor]
"""Probabilities [n, K, h, w] of one pass over the whole picture, of all but the first so many
frames of the window."""


@dataclass(frozen=True)
class Layout:
    """The regions of a window.

    Attributes:
        focus: How they were chosen; UNDECIDED while no subject was seen and nobody chose.
        boxes: For each region its box in each frame of the window.
        continues: Whether the overlap's regions are those of the window before.
    """

    focus: str
    boxes: tuple[tuple[Box, ...], ...]
    continues: bool


def lay_out(
    settings: SegmentSettings,
    area: int,
    images: Sequence[np.ndarray],
    state: ShotState | None,
    first_pass: FirstPass,
) -> Layout:
    """The regions of a window; a shot keeps the focus that was chosen where a subject was seen.

    Args:
        settings: ``focus`` and ``margin`` are read.
        area: Pixels that the backbone works at.
        images: float32 [H, W, 3] of the window's frames.
        state: Of the window before, None for the first.
        first_pass: Called only where the choice needs it.
    """
    picture = (images[0].shape[0], images[0].shape[1])
    before = state.focus if state else UNDECIDED
    focus = before if settings.focus == "auto" else settings.focus
    maps: torch.Tensor | None = None
    if focus == UNDECIDED:
        maps = first_pass(0)
        if any(subject_box(frame) is not None for frame in maps):
            focus = choose_focus(maps, picture, area, margin=settings.margin).value
    # What an undecided window was given is the whole picture.
    continues = state is not None and (before or Focus.WHOLE) == (focus or Focus.WHOLE)
    if focus == Focus.CROP:
        held = state.regions[0].boxes if state and continues else ()
        found = maps if maps is not None else first_pass(len(held))
        subject = [subject_box(frame) for frame in found[len(held) - len(images) :]]
        crops = smooth_boxes(
            [None] * len(held) + subject,
            picture,
            held,
            margin=settings.margin,
            smallest=smallest_share(picture, area),
        )
        return Layout(focus, (tuple(crops),), continues)
    chosen = tiles(*picture, area) if focus == Focus.TILES else [WHOLE]
    return Layout(focus, tuple((box,) * len(images) for box in chosen), continues)


def joined(layout: Layout, maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Regions' probabilities [F, K, h_i, w_i] as one, where all regions stay in place.

    Tiles become one map of the picture; the crop of a moving subject stays a crop.
    """
    if len(maps) == 1:
        return maps[0]
    boxes = [each[0] for each in layout.boxes]
    grid = fitting_grid(boxes[0], (maps[0].shape[2], maps[0].shape[3]))
    return paste(maps, boxes, grid)


def in_picture(layout: Layout, probabilities: torch.Tensor, margin: float) -> list[torch.Tensor]:
    """The first frames' :func:`joined` probabilities as maps [K, h, w] of the whole picture.

    A crop fades to background within its ``margin``, where no subject was seen.
    """
    if layout.focus != Focus.CROP:
        return list(probabilities)
    grid = (probabilities.shape[2], probabilities.shape[3])
    fade = max(min(FADE, margin), 1e-3)
    return [
        frame if box == WHOLE else paste_crop(frame[None], [box], fitting_grid(box, grid), fade)[0]
        for frame, box in zip(probabilities, layout.boxes[0], strict=False)
    ]
