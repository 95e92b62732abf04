"""References: stills with painted parts, and the views of them that learning sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from smite_engine.errors import BadReferenceError
from smite_engine.part_set import PartSet
from smite_engine.sizing import LATENT_STEP, to_canvas, working_size

MOST_REFERENCES = 64


@dataclass(frozen=True)
class Reference:
    """One still.

    Attributes:
        image: float32 [H, W, 3], display sRGB 0..1.
        labels: uint8 [H, W]; 0 background, i the part i - 1 of the part set. A still without any
            part is welcome beside others: it shows what the parts are not.
        name: File stem, for messages.
    """

    image: np.ndarray
    labels: np.ndarray
    name: str


@dataclass(frozen=True)
class View:
    """What one learning step sees: image [3, H, W] in 0..1, coverage [K, h, w], known [h, w].

    ``known`` is 1 where the coverage says something, 0 beyond the picture's edge.
    """

    image: torch.Tensor
    coverage: torch.Tensor
    known: torch.Tensor


def check_references(references: Sequence[Reference], parts: PartSet) -> None:
    """Raises BadReferenceError unless count and shapes fit and every part is painted somewhere."""
    if not references:
        raise BadReferenceError("Learning needs at least one reference with a painted part.")
    if len(references) > MOST_REFERENCES:
        raise BadReferenceError(
            f"Learning takes at most {MOST_REFERENCES} references, not {len(references)}; keep "
            "those that differ most from each other."
        )
    for reference in references:
        _check_one(reference, parts)
    seen = frozenset[int]().union(*(parts_shown(reference) for reference in references))
    unpainted = [name for i, name in enumerate(parts.names, 1) if i not in seen]
    if unpainted:
        raise BadReferenceError(
            f"No reference shows {', '.join(unpainted)}; paint it on one, or leave it out."
        )


def _check_one(reference: Reference, parts: PartSet) -> None:
    height, width = reference.image.shape[:2]
    if reference.labels.shape != (height, width):
        raise BadReferenceError(
            f"The mask of reference {reference.name} is "
            f"{reference.labels.shape[1]}x{reference.labels.shape[0]}, but its image is "
            f"{width}x{height}; both must have the same size."
        )
    highest = int(reference.labels.max(initial=0))
    if highest > len(parts):
        raise BadReferenceError(
            f"The mask of reference {reference.name} holds index {highest}, but the part "
            f"set ends at {len(parts)}."
        )


def parts_shown(reference: Reference) -> frozenset[int]:
    """Indices of the parts that are painted on a reference, background left out."""
    return frozenset(np.unique(reference.labels).tolist()) - {0}


def whole_view(reference: Reference, parts: int, area: int) -> View:
    """The reference as it is, on its canvas."""
    image = torch.from_numpy(np.ascontiguousarray(reference.image)).permute(2, 0, 1)[None]
    size = working_size(*reference.labels.shape, area)
    fitted = functional.interpolate(
        one_hot(reference.labels, parts)[None], size=size.grid, mode="area"
    )
    below = size.canvas_height // LATENT_STEP - size.grid[0]
    right = size.canvas_width // LATENT_STEP - size.grid[1]
    known = functional.pad(torch.ones(size.grid), (0, right, 0, below))
    coverage = functional.pad(fitted, (0, right, 0, below))[0]
    return View(to_canvas(image.float(), size)[0], coverage, known)


def one_hot(labels: np.ndarray, parts: int) -> torch.Tensor:
    """float32 [parts + 1, H, W] of labels [H, W]; background first."""
    return torch.stack([torch.from_numpy(labels == i) for i in range(parts + 1)]).float()
