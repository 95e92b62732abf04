"""Quality control on the way through a shot: what the report gets, and going on after a kill."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from smite_server.report_frames import FrameReport
from smite_server.review_page import review_page
from smite_server.worker.shot_quality import ShotQuality

PARTS = {"hull": "the hull", "fins": "fins"}
HEIGHT, WIDTH = 96, 160


def picture() -> np.ndarray:
    """A still plate that flow can follow."""
    return np.random.default_rng(1).random((HEIGHT, WIDTH, 3)).astype(np.float32)


def mattes(index: int) -> np.ndarray:
    """A hull that is steady but for frame 12, and fins that blink at 20."""
    found = np.zeros((2, HEIGHT, WIDTH), np.float32)
    grown = 6 if index == 12 else 0
    found[0, 20 - grown : 60 + grown, 20 - grown : 80 + grown] = 1.0
    found[1, 20:40, 100:140] = 0.0 if index == 20 else 1.0
    return found


def maps(index: int) -> np.ndarray:
    small = mattes(index)[:, ::8, ::8] * 0.9
    return np.concatenate([1 - small.sum(axis=0, keepdims=True), small])


def add(quality: ShotQuality, index: int) -> FrameReport:
    return quality.add(
        FrameReport(1001 + index, confidence=0.9, bad_pixels=index),
        mattes(index), maps(index), picture(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> ShotQuality:
    quality = ShotQuality(PARTS)
    for index in range(30):
        add(quality, index)
    return quality


def test_frames_get_their_figures(whole: ShotQuality) -> None:
    first, usual, wide = (whole.frames[index] for index in (0, 5, 12))
    assert (first.number, first.confidence, first.flicker) == (1001, 0.9, None)
    assert usual.bad_pixels == 5
    assert usual.parts["hull"].area == pytest.approx(40 * 60 / (HEIGHT * WIDTH), abs=2e-3)
    assert usual.parts["hull"].confidence == pytest.approx(0.9)
    assert usual.parts["hull"].edge_motion == pytest.approx(0.0, abs=0.05)
    assert wide.parts["hull"].edge_motion == pytest.approx(6 * 480 / WIDTH, rel=0.1)
    assert whole.frames[20].parts["fins"].confidence is None


def test_what_is_wrong_is_found_and_has_a_picture(whole: ShotQuality) -> None:
    review = whole.finish(1920)
    told = {(each.part, each.kind, each.first, each.last) for each in review.findings}
    assert ("hull", "edges", 1013, 1014) in told
    assert ("fins", "gone", 1021, 1021) in told
    assert [(marker.first, marker.last) for marker in review.markers] == [
        (1013, 1014), (1021, 1021),
    ]  # fmt: skip
    for marker in review.markers:
        found = review.pictures.best(marker.first, marker.last, marker.frame)
        assert found is not None
        assert marker.first <= found.number <= marker.last
    assert "px against the plate" in next(e.text for e in review.findings if e.kind == "edges")


@pytest.mark.parametrize("killed_after", [1, 12, 29])
def test_a_shot_that_goes_on_has_the_same_report_and_page(
    whole: ShotQuality, killed_after: int
) -> None:
    first, second = ShotQuality(PARTS), ShotQuality(PARTS)
    for index in range(killed_after):
        add(first, index)
    notes, arrays = first.state()
    frames = [FrameReport.read(asdict(frame)) for frame in first.frames]
    second.restore(frames, notes, {name: array.copy() for name, array in arrays.items()})
    for index in range(killed_after, 30):
        add(second, index)
    assert second.frames == whole.frames
    report = {"shot": "s", "version": 1}
    pages = [review_page(report, each.finish(160)) for each in (whole, second)]
    assert pages[0] == pages[1]


def test_a_state_of_something_else_changes_nothing() -> None:
    quality = ShotQuality(PARTS)
    add(quality, 0)
    before = quality.state()[0]
    with pytest.raises((KeyError, ValueError)):
        quality.restore([], {"seen": 3}, {})
    assert quality.state()[0] == before
