"""What a learn job says about parts that will be weak."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from smite_engine import PartSet
from smite_engine.references import View
from smite_engine.weak_parts import warn_of_parts

PARTS = PartSet.from_names(["hull", "fin"])


def references(*areas: tuple[int, int]) -> list[View]:
    """Views of 16 x 8 cells with so many cells of each part."""
    found = []
    for hull, fin in areas:
        coverage = torch.zeros(3, 8, 16)
        coverage[1].flatten()[:hull] = 1
        coverage[2].flatten()[64 : 64 + fin] = 1
        found.append(View(torch.zeros(3, 64, 128), coverage, torch.ones(8, 16)))
    return found


def warned(
    ious: Sequence[float | None], *areas: tuple[int, int], on: str = "views"
) -> tuple[str, ...]:
    names = [f"still_{i}" for i in range(1, len(areas) + 1)]
    return warn_of_parts(PARTS, ious, references(*areas), names, on)


def test_nothing_is_said_of_good_parts() -> None:
    assert warned([0.9, 0.4], (30, 10)) == ()


@pytest.mark.parametrize(
    ("on", "where"),
    [
        ("views", "on held-out views of the references"),
        ("references", "on references that were left out"),
    ],
)
def test_weak_parts_down_to_nothing_at_all(on: str, where: str) -> None:
    first, second = warned([0.0, 0.39], (30, 10), (30, 10), on=on)
    assert first.startswith('The part "hull" will be weak: IoU 0.00 ' + where)
    assert '"fin" will be weak: IoU 0.39' in second


def test_tiny_parts() -> None:
    (sentence,) = warned([0.9, None], (30, 3), (30, 2))
    assert '"fin" is tiny: it covers at most 3.0 of the 16x8 cells' in sentence
    assert 'cropped around it, or a larger "area"' in sentence
    (sentence,) = warned([0.9, 0.1], (30, 3), (30, 2))
    assert '"fin" is tiny (IoU 0.10)' in sentence


def test_parts_painted_on_one_reference_of_many() -> None:
    assert warned([0.9, 0.9], (30, 10), (30, 0)) == ()
    (sentence,) = warned([0.9, 0.9], (30, 0), (30, 10), (30, 0))
    assert '"fin" is painted on one of 3 references alone (still_2)' in sentence
    (sentence,) = warned([0.9, None], (30, 10), (30, 0), on="references")
    assert '"fin" is painted on one of 2 references alone (still_1)' in sentence


def test_parts_that_no_held_out_picture_shows() -> None:
    (sentence,) = warned([0.9, None], (30, 9), (30, 9), on="references")
    assert '"fin" could not be measured' in sentence
    assert 'raise "folds"' in sentence
