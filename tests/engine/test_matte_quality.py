"""Figures of mattes without ground truth, on made pictures whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smite_engine.errors import ShapeError
from smite_engine.matte_quality import FrameFigures, QualityMeter, confidences, edge_motion
from smite_engine.metrics import FlickerMeter
from smite_engine.plate_motion import PlateMotion

HEIGHT, WIDTH = 270, 480
RADIUS = 40


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Float32 [H, W, 3] in 0..1 that optical flow can follow."""
    rng = np.random.default_rng(seed)
    noise = rng.random((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip((smooth - 0.5) * 4.0 + 0.5, 0.0, 1.0)


def disc(x: float, y: float = 130.0, radius: float = RADIUS, soft: float = 1.0) -> np.ndarray:
    """Matte float32 [H, W] of a disc whose edge is ``soft`` pixels wide."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(columns - x, rows - y)
    return np.clip((radius - distance) / soft + 0.5, 0.0, 1.0).astype(np.float32)


def picture(x: int) -> np.ndarray:
    """A textured ball at x over a ground of another texture that stands still."""
    ball = np.roll(texture(2), x, axis=1)
    weight = disc(x)[..., None]
    return texture(1) * (1 - weight) + ball * weight


def maps_of(mattes: np.ndarray) -> np.ndarray:
    """Probabilities [K, h, w] as an engine that is sure would give them."""
    small = np.stack([cv2.resize(m, (60, 34), interpolation=cv2.INTER_AREA) for m in mattes])
    return np.concatenate([1 - small.sum(axis=0, keepdims=True), small])


def measured(mattes: list[np.ndarray], pictures: list[np.ndarray]) -> list[FrameFigures]:
    meter = QualityMeter()
    return [
        meter.add(found, maps_of(found), rgb) for found, rgb in zip(mattes, pictures, strict=True)
    ]


def one_part(mattes: list[np.ndarray]) -> list[np.ndarray]:
    return [matte[None] for matte in mattes]


def edges(mattes: list[np.ndarray], pictures: list[np.ndarray]) -> list[float]:
    """Edge motion of every frame but the first, of one part."""
    found = [frame.parts[0].edge_motion for frame in measured(one_part(mattes), pictures)]
    assert found[0] is None
    return found[1:]  # type: ignore[return-value]


@pytest.mark.parametrize("soft", [1.0, 8.0], ids=["hard edge", "soft edge"])
def test_a_matte_that_moves_with_the_plate_has_no_motion_of_its_own(soft: float) -> None:
    places = [100, 105, 110, 115]
    found = edges([disc(x, soft=soft) for x in places], [picture(x) for x in places])
    assert max(found) < 0.2


@pytest.mark.parametrize("step", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("soft", [1.0, 8.0], ids=["hard edge", "soft edge"])
def test_an_edge_that_boils_is_measured_in_pixels(step: float, soft: float) -> None:
    """The plate stands still; the matte grows and shrinks by so many pixels."""
    radii = [RADIUS, RADIUS + step, RADIUS, RADIUS + step]
    found = edges([disc(200, radius=r, soft=soft) for r in radii], [texture(1)] * 4)
    assert found == pytest.approx([step] * 3, rel=0.05)


@pytest.mark.parametrize("step", [2.0, 5.0])
def test_a_disc_that_slides_over_a_still_plate(step: float) -> None:
    """The normal component is averaged over the outline: 2 d / pi."""
    places = [100 + step * index for index in range(4)]
    found = edges([disc(x) for x in places], [texture(1)] * 4)
    assert found == pytest.approx([2 * step / np.pi] * 3, rel=0.06)


def test_a_matte_that_stays_behind_the_plate() -> None:
    """A pan of 6 pixels, and a matte that does not go along: as if it slid the other way."""
    pictures = [np.roll(texture(1), 6 * index, axis=1) for index in range(4)]
    found = edges([disc(200)] * 4, pictures)
    assert found == pytest.approx([2 * 6 / np.pi] * 3, rel=0.1)


def test_boiling_counts_on_top_of_a_motion_that_is_followed() -> None:
    places = [100, 105, 110, 115]
    boiling = [disc(x, radius=RADIUS + 3 * (i % 2)) for i, x in enumerate(places)]
    pictures = [np.roll(texture(1), 5 * index, axis=1) for index in range(4)]
    assert edges(boiling, pictures) == pytest.approx([3.0] * 3, rel=0.1)


def test_figures_mean_the_same_for_a_plate_of_any_size() -> None:
    small = [cv2.resize(texture(1), (240, 135), interpolation=cv2.INTER_AREA)] * 3
    large = [cv2.resize(texture(1), (960, 540))] * 3
    radii = [RADIUS, RADIUS + 2, RADIUS]
    for pictures in (small, large):
        height, width = pictures[0].shape[:2]
        mattes = [
            cv2.resize(disc(200, radius=r), (width, height), interpolation=cv2.INTER_AREA)
            for r in radii
        ]
        assert edges(mattes, pictures) == pytest.approx([2.0, 2.0], rel=0.12)


def test_area_is_the_share_of_the_picture() -> None:
    (found,) = measured([np.stack([disc(200), 0.5 * disc(60, radius=20)])], [texture(1)])
    assert found.parts[0].area == pytest.approx(np.pi * RADIUS**2 / (HEIGHT * WIDTH), rel=0.01)
    assert found.parts[1].area == pytest.approx(0.5 * np.pi * 20**2 / (HEIGHT * WIDTH), rel=0.02)


def test_a_part_that_is_not_there_has_no_figures_but_its_area() -> None:
    mattes = np.stack([disc(200), np.zeros((HEIGHT, WIDTH), np.float32)])
    first, second = measured([mattes, mattes], [texture(1)] * 2)
    assert first.flicker is None
    absent = second.parts[1]
    assert (absent.area, absent.confidence, absent.flicker, absent.edge_motion) == (
        0.0, None, None, None,
    )  # fmt: skip
    assert second.parts[0].flicker == 0.0


def test_a_part_that_comes_has_flicker_and_no_edge_motion() -> None:
    nothing = np.zeros((HEIGHT, WIDTH), np.float32)
    found = measured(one_part([nothing, disc(200)]), [texture(1)] * 2)
    assert found[1].parts[0].edge_motion is None
    assert found[1].parts[0].flicker == 1.0


def test_confidence_is_of_the_cells_that_a_part_wins() -> None:
    maps = np.zeros((3, 2, 4), np.float32)
    maps[1, 0] = [0.9, 0.7, 0.3, 0.0]
    maps[0] = 1 - maps[1]
    maps[2] = 0.0
    assert confidences(maps) == [pytest.approx(0.8), None]


def test_the_flicker_of_a_frame_is_that_of_the_flicker_meter() -> None:
    places = [100, 104, 108, 112]
    pictures = [picture(x) for x in places]
    mattes = [
        np.stack([disc(x) * (np.arange(WIDTH) < x), disc(x) * (np.arange(WIDTH) >= x)])
        for x in places
    ]
    mattes[2] = mattes[2][::-1].copy()
    meter = FlickerMeter()
    expected = []
    for matte, rgb in zip(mattes, pictures, strict=True):
        quantised = np.rint(matte * 255) / 255
        stack = np.concatenate([1 - quantised.sum(axis=0, keepdims=True), quantised])
        expected.append(meter.add(stack.argmax(axis=0).astype(np.uint8), rgb))
    found = measured(mattes, pictures)
    assert [frame.flicker for frame in found] == pytest.approx(expected, abs=0.005, nan_ok=True)
    swapped = found[2].parts
    assert min(part.flicker for part in swapped) > 0.9


def test_flicker_is_the_part_s_own() -> None:
    """One part blinks, the other stays: a step that changes is that of the parts at its ends."""
    steady, blinking = disc(120), disc(350)
    frames = [np.stack([steady, blinking * (i % 2)]) for i in range(4)]
    for frame in measured(frames, [texture(1)] * 4)[1:]:
        assert frame.parts[0].flicker == 0.0
        assert frame.parts[1].flicker == 1.0
        assert 0.4 < frame.flicker < 0.6


def test_it_goes_on_from_its_state_with_the_same_bits() -> None:
    places = [100, 105, 112, 115]
    mattes = one_part([disc(x, radius=30 + x % 7) for x in places])
    pictures = [picture(x) for x in places]
    whole = measured(mattes, pictures)
    first, second = QualityMeter(), QualityMeter()
    assert first.state() == {}
    for index in range(2):
        first.add(mattes[index], maps_of(mattes[index]), pictures[index])
    second.restore({name: array.copy() for name, array in first.state().items()})
    for index in (2, 3):
        found = second.add(mattes[index], maps_of(mattes[index]), pictures[index])
        assert found == whole[index]


def test_a_plate_that_changes_its_size_begins_anew() -> None:
    meter = QualityMeter()
    meter.add(disc(100)[None], maps_of(disc(100)[None]), texture(1))
    found = meter.add(disc(100)[None], maps_of(disc(100)[None]), texture(1)[:200])
    assert (found.flicker, found.parts[0].edge_motion) == (None, None)


def test_mattes_must_be_those_of_the_maps() -> None:
    with pytest.raises(ShapeError):
        QualityMeter().add(np.zeros((2, 8, 8)), np.zeros((2, 4, 4)), texture(1))


def test_edge_motion_on_flow_that_is_known() -> None:
    """A tall edge in the middle, 3 pixels on: area by length."""
    motion = PlateMotion()
    motion.add(texture(1))
    step = motion.add(texture(1))
    before, after = (np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(2))
    before[:, 200:] = 255
    after[:, 203:] = 255
    assert edge_motion(step, before, after) == pytest.approx(3.0, rel=0.01)
    assert edge_motion(step, before, after, scale=2.0) == pytest.approx(6.0, rel=0.01)
    assert edge_motion(step, before, before) == pytest.approx(0.0, abs=0.01)


class TestNewPieces:
    """Pieces apart from the part are told once, when they are large enough."""

    def shares(self, mattes: list[np.ndarray], pictures: list[np.ndarray]) -> list[float | None]:
        found = measured(one_part(mattes), pictures)
        return [
            None if frame.parts[0].new_piece is None else round(frame.parts[0].new_piece, 2)
            for frame in found
        ]

    def test_one_that_appears_is_told_once(self) -> None:
        still, second = disc(100), disc(100) + disc(300, radius=20)
        found = self.shares([still, still, second, second, still], [texture(1)] * 5)
        assert found == [None, 0, pytest.approx(0.2, abs=0.01), 0, 0]

    def test_one_that_grows_is_told_when_it_is_large(self) -> None:
        mattes = [disc(100) + disc(480, radius=r) for r in (0.1, 4, 8, 12, 16, 20)]
        found = [share for share in self.shares(mattes, [texture(1)] * 6) if share]
        assert found == [pytest.approx(0.07, abs=0.02)]

    def test_what_moves_or_is_split_is_not_new(self) -> None:
        places = (100, 130, 160, 190)
        mattes, pictures = [disc(x) for x in places], [picture(x) for x in places]
        split = mattes[-1].copy()
        split[:, 180:186] = 0
        assert self.shares([*mattes, split], [*pictures, pictures[-1]]) == [None, 0, 0, 0, 0]

    def test_a_part_that_was_hidden_is_not_new(self) -> None:
        mattes = [disc(100), 0 * disc(100), disc(300)]
        assert self.shares(mattes, [texture(1)] * 3) == [None, 0, None]
