"""Which parts of a model will be weak, said before a shot shows it."""

from __future__ import annotations

from collections.abc import Sequence

from smite_engine.part_set import PartSet
from smite_engine.references import View

WEAK = 0.4
FEW_CELLS = 4.0
_MANY = 3


def warn_of_parts(
    parts: PartSet,
    ious: Sequence[float | None],
    whole: Sequence[View],
    names: Sequence[str],
    selected_on: str,
) -> tuple[str, ...]:
    """One sentence for each reason to expect a weak part.

    Args:
        parts: The part set.
        ious: Held-out IoU of each part; None where it could not be measured.
        whole: The references, whole.
        names: Their names.
        selected_on: ``views`` or ``references``, see ``hold_out`` of the settings.
    """
    found: list[str] = []
    for index, (part, iou) in enumerate(zip(parts.parts, ious, strict=True), 1):
        cells = [float(view.coverage[index].sum()) for view in whole]
        painted_on = [name for name, area in zip(names, cells, strict=True) if area > 0]
        reason = (
            _small(max(cells), whole[cells.index(max(cells))], iou)
            or _low(iou, selected_on)
            or _unmeasured(iou, painted_on, selected_on)
        )
        found += [f'The part "{part.name}" {reason}.'] if reason else []
        many = len(names) >= (2 if iou is None else _MANY)
        if len(painted_on) == 1 and many:
            found.append(
                f'The part "{part.name}" is painted on one of {len(names)} references alone '
                f"({painted_on[0]}); paint it on others too, or it may be known there only."
            )
    return tuple(found)


def _small(cells: float, view: View, iou: float | None) -> str | None:
    """Where a part covers hardly a cell of the latents that learning sees."""
    if cells >= FEW_CELLS:
        return None
    height, width = view.known.shape
    measured = "" if iou is None else f" (IoU {iou:.2f})"
    return (
        f"is tiny{measured}: it covers at most {cells:.1f} of the {width}x{height} cells that "
        'learning sees; use references cropped around it, or a larger "area"'
    )


def _low(iou: float | None, selected_on: str) -> str | None:
    if iou is None or iou >= WEAK:
        return None
    where = (
        "references that were left out"
        if selected_on == "references"
        else "held-out views of the references"
    )
    return f"will be weak: IoU {iou:.2f} on {where}; paint it on more of them, or larger"


def _unmeasured(iou: float | None, painted_on: Sequence[str], selected_on: str) -> str | None:
    if iou is not None or len(painted_on) < 2:
        return None
    cure = 'raise "folds"' if selected_on == "references" else "paint it larger"
    return f"could not be measured: no held-out picture shows it; {cure}"
