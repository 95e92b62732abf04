"""References and augmented views: each augmentation does what it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from smite_engine import PartSet, Reference
from smite_engine.augmentation import Augmentation, Still, augmented_view, turn_hue
from smite_engine.errors import BadReferenceError
from smite_engine.references import (
    MOST_REFERENCES,
    View,
    check_references,
    parts_shown,
    whole_view,
)

SIDE = 128
ONE = PartSet.from_names(["square"])


def still_with_square(size: int = 48, top: int = 40, left: int = 40) -> Reference:
    """Colour noise with a painted square, as large as its canvas of SIDE x SIDE."""
    rng = np.random.default_rng(5)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[top : top + size, left : left + size] = 1
    image = rng.uniform(0.2, 0.8, (SIDE, SIDE, 3)).astype(np.float32)
    return Reference(image, labels, "square")


def views(augmentation: Augmentation, count: int, reference: Reference) -> list[View]:
    generator = torch.Generator().manual_seed(0)
    still = Still.of(reference, 1, SIDE * SIDE)
    return [augmented_view(still, augmentation, generator) for _ in range(count)]


def plain(reference: Reference) -> View:
    return whole_view(reference, 1, SIDE * SIDE)


def same_masks(view: View, other: View) -> bool:
    return torch.equal(view.coverage, other.coverage) and torch.equal(view.known, other.known)


def test_without_augmentation_a_view_is_the_reference() -> None:
    reference = still_with_square()
    (view,) = views(Augmentation(), 1, reference)
    torch.testing.assert_close(view.image, plain(reference).image, atol=1e-4, rtol=0)
    assert same_masks(view, plain(reference))


def test_flipping_mirrors_picture_and_coverage_together() -> None:
    reference = still_with_square(left=8)
    whole, mirrored = plain(reference), 0
    for view in views(Augmentation(flip=True), 12, reference):
        flipped = not torch.equal(view.coverage, whole.coverage)
        image = whole.image.flip(2) if flipped else whole.image
        coverage = whole.coverage.flip(2) if flipped else whole.coverage
        torch.testing.assert_close(view.image, image, atol=1e-4, rtol=0)
        assert torch.equal(view.coverage, coverage)
        mirrored += flipped
    assert 2 <= mirrored <= 10


def test_turning_knows_nothing_beyond_the_picture() -> None:
    reference = still_with_square()
    rows, cols = np.ogrid[:SIDE, :SIDE]
    disc = ((rows - 63.5) ** 2 + (cols - 63.5) ** 2 < 30**2).astype(np.uint8)
    reference = replace(reference, labels=disc)
    lost = []
    for view in views(Augmentation(rotation=45), 8, reference):
        known = view.known > 0
        torch.testing.assert_close(view.coverage.sum(dim=0)[known], torch.ones(int(known.sum())))
        assert (view.coverage.sum(dim=0)[~known] < 1).all()
        # A disc in the middle is turned into itself.
        torch.testing.assert_close(view.coverage[1].sum(), torch.tensor(44.2), atol=0.3, rtol=0)
        assert not (~known)[4:12, 4:12].any()
        lost.append(int((~known).sum()))
    assert max(lost) > 30, "the corners of a turned view lie beyond the picture"


def test_zoom_enlarges_and_zooming_out_shows_the_edge() -> None:
    reference = still_with_square(size=32, top=48, left=48)
    cells = float(plain(reference).coverage[1].sum())
    for view in views(Augmentation(zoom=(0.75, 0.75)), 4, reference):
        assert view.known.all()
        assert float(view.coverage[1].sum()) == pytest.approx(cells / 0.75**2, rel=0.05)
    for view in views(Augmentation(zoom=(1.25, 1.25)), 4, reference):
        assert float(view.coverage[1].sum()) == pytest.approx(cells / 1.25**2, rel=0.05)
        assert not view.known[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        assert view.known[4:12, 4:12].all()


def test_stretching_changes_the_width_alone() -> None:
    reference = still_with_square(size=64, top=32, left=32)
    widths = []
    for view in views(Augmentation(stretch=0.5), 8, reference):
        painted = view.coverage[1]
        assert int((painted.amax(dim=1) > 0.5).sum()) == 8
        widths.append(float(painted.sum()) / 8)
    assert 64 / 8 / 1.5 - 0.2 <= min(widths) < 7
    assert 9 < max(widths) <= 64 / 8 * 1.5 + 0.2


def test_blur_softens_the_picture_and_leaves_the_coverage() -> None:
    reference = still_with_square()
    whole = plain(reference)
    contrasts = []
    for view in views(Augmentation(blur=3.0), 8, reference):
        assert same_masks(view, whole)
        assert float(view.image.mean()) == pytest.approx(float(whole.image.mean()), abs=0.01)
        contrasts.append(float(view.image.std() / whole.image.std()))
    assert min(contrasts) < 0.3
    assert max(contrasts) <= 1.001


def test_colour_changes_and_coverage_does_not() -> None:
    reference = still_with_square()
    brightness = []
    for view in views(Augmentation(colour=0.4), 6, reference):
        assert same_masks(view, plain(reference))
        assert 0 <= float(view.image.min()) <= float(view.image.max()) <= 1
        brightness.append(float(view.image.mean()))
    assert max(brightness) - min(brightness) > 0.1


def test_a_third_of_the_hue_circle_swaps_the_channels() -> None:
    image = plain(still_with_square()).image
    torch.testing.assert_close(turn_hue(image, 1 / 3), image.roll(1, dims=0), atol=1e-5, rtol=0)
    grey = torch.full((3, 2, 2), 0.4)
    torch.testing.assert_close(turn_hue(grey, 0.17), grey)
    turned = views(Augmentation(hue=0.3), 6, still_with_square())
    assert all(same_masks(view, plain(still_with_square())) for view in turned)
    assert max(float((view.image - image).abs().max()) for view in turned) > 0.1


def test_cut_out_hides_a_rectangle_and_keeps_its_coverage() -> None:
    reference = still_with_square()
    whole, cut = plain(reference), 0
    for view in views(Augmentation(cut_out=0.6), 24, reference):
        assert same_masks(view, whole)
        hidden = (view.image - whole.image).abs().amax(dim=0) > 1e-3
        if not hidden.any():
            continue
        rows, columns = hidden.any(dim=1).nonzero(), hidden.any(dim=0).nonzero()
        box = view.image[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert torch.equal(box, box[0, 0, 0].expand_as(box)), "one grey"
        assert box.shape[1] <= 0.6 * SIDE
        assert box.shape[2] <= 0.6 * SIDE
        cut += 1
    assert 2 <= cut <= 16


def test_large_stills_are_shrunk_once() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 1, (4 * SIDE, 4 * SIDE, 3)).astype(np.float32)
    labels = np.zeros((4 * SIDE, 4 * SIDE), np.uint8)
    labels[: 2 * SIDE] = 1
    still = Still.of(Reference(image, labels, "large"), 1, SIDE * SIDE)
    assert still.image.shape == (1, 3, SIDE, SIDE)
    expected = (
        torch.from_numpy(image).permute(2, 0, 1).unflatten(1, (SIDE, 4)).unflatten(3, (-1, 4))
    )
    view = augmented_view(still, Augmentation(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(view.image, expected.mean(dim=(2, 4)), atol=1e-4, rtol=0)
    assert view.coverage[1, : SIDE // 16].all()
    assert not view.coverage[1, SIDE // 16 :].any()


def test_a_still_without_parts_is_welcome_beside_others() -> None:
    square = still_with_square()
    nothing = replace(square, labels=np.zeros_like(square.labels))
    check_references([nothing, square], ONE)
    assert parts_shown(nothing) == frozenset()
    with pytest.raises(BadReferenceError, match="No reference shows square"):
        check_references([nothing], ONE)


def test_how_many_references_there_may_be() -> None:
    square = still_with_square()
    check_references([square] * MOST_REFERENCES, ONE)
    with pytest.raises(BadReferenceError, match="at most 64 references, not 65"):
        check_references([square] * (MOST_REFERENCES + 1), ONE)
