"""Subject boxes, crops that follow a subject steadily, and their maps back in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_engine.boxes import LEAST_SIDE, WHOLE, Box, crop_image, subject_box
from smite_engine.crop_path import smoothed
from smite_engine.crops import FADE, KEPT_SIZE, MARGIN, fitting_grid, paste_crop, smooth_boxes
from smite_engine.errors import SettingsError, ShapeError

HD = (1080, 1920)
SIDES = st.integers(1, 4000)


@st.composite
def boxes(draw: st.DrawFn, most: float = 1.0) -> Box:
    """A box anywhere in the picture, with sides of at most ``most``."""
    height, width = (draw(st.floats(0.001, most)) for _ in range(2))
    top, left = draw(st.floats(0, 1 - height)), draw(st.floats(0, 1 - width))
    return Box(top, left, min(1.0, top + height), min(1.0, left + width))


def frame_of(mask: np.ndarray) -> np.ndarray:
    """Probabilities float32 [2, h, w] of a bool mask [h, w]."""
    return np.stack([~mask, mask]).astype(np.float32)


def sizes(found: list[Box], picture: tuple[int, int]) -> set[tuple[int, int]]:
    """The (height, width) in pixels that occur."""
    spans = [box.pixels(*picture) for box in found]
    return {(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in spans}


# Boxes


@pytest.mark.parametrize("edges", [(0.5, 0, 0.5, 1), (0, 0.6, 1, 0.4), (-0.1, 0, 1, 1)])
def test_a_box_is_not_empty_and_inside_the_picture(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="is empty or leaves the picture"):
        Box(*edges)


@settings(deadline=None)
@given(boxes(), SIDES, SIDES)
def test_pixels_of_a_box_are_inside_the_picture_and_snapping_is_final(
    box: Box, height: int, width: int
) -> None:
    rows, columns = box.pixels(height, width)
    for span, length, (start, end) in (
        (rows, height, (box.top, box.bottom)),
        (columns, width, (box.left, box.right)),
    ):
        assert 0 <= span.start < span.stop <= length
        assert span.stop - span.start >= min(LEAST_SIDE, length)
        if (end - start) * length > LEAST_SIDE:
            assert abs(span.start - start * length) <= LEAST_SIDE / 2
    snapped = box.snapped(height, width)
    assert snapped.pixels(height, width) == (rows, columns)
    assert snapped.snapped(height, width) == snapped


@settings(deadline=None)
@given(SIDES, SIDES)
def test_the_whole_picture_has_all_its_pixels(height: int, width: int) -> None:
    assert WHOLE.pixels(height, width) == (slice(0, height), slice(0, width))


def test_a_crop_is_a_view_of_the_image() -> None:
    image = np.zeros((40, 60, 3), np.float32)
    crop = crop_image(image, Box(0.25, 0.5, 0.75, 1))
    assert crop.shape == (20, 30, 3)
    assert np.shares_memory(crop, image)
    crop[:] = 1
    assert image.sum() == 20 * 30 * 3


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_the_subject_is_what_is_not_background(kind: type) -> None:
    maps = np.zeros((3, 10, 20), np.float32)
    maps[0] = 1
    # Neither part has a majority; both together have.
    maps[:, 2:5, 4:10] = np.array([0.4, 0.3, 0.3])[:, None, None]
    assert subject_box(kind(maps)) == Box(2 / 10, 4 / 20, 5 / 10, 10 / 20)
    assert subject_box(kind(maps), threshold=0.7) is None


def test_specks_are_no_subject_and_pieces_of_it_are() -> None:
    mask = np.zeros((50, 50), bool)
    mask[10:20, 10:20] = True
    mask[30:33, 30:33] = True  # 9 percent of the largest piece.
    mask[48, 48] = True
    assert subject_box(frame_of(mask)) == Box(0.2, 0.2, 0.66, 0.66)
    mask[30:33, 30:33] = False
    assert subject_box(frame_of(mask)) == Box(0.2, 0.2, 0.4, 0.4)


def test_a_subject_of_one_cell_is_found_and_none_is_none() -> None:
    mask = np.zeros((8, 8), bool)
    assert subject_box(frame_of(mask)) is None
    mask[3, 4] = True
    assert subject_box(frame_of(mask)) == Box(3 / 8, 4 / 8, 4 / 8, 5 / 8)
    assert subject_box(frame_of(np.ones((8, 8), bool))) == WHOLE


def test_the_subject_of_a_clip_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[K, h, w\] is needed"):
        subject_box(np.zeros((2, 3, 4, 5)))


# Crops


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.one_of(st.none(), boxes(0.3), boxes()), min_size=1, max_size=12),
    st.tuples(st.integers(16, 2000), st.integers(16, 2000)),
    st.sampled_from([0, 0.1, MARGIN, 0.4]),
    st.sampled_from([None, 0.5, 1.0, 2.4]),
    st.sampled_from([0, 0.25, 1]),
    st.data(),
)
def test_crops_of_a_window_hold_their_subjects_with_the_margin_and_have_one_size(
    subject: list[Box | None],
    picture: tuple[int, int],
    margin: float,
    aspect: float | None,
    smallest: float,
    data: st.DataObject,
) -> None:
    overlap = data.draw(st.integers(0, len(subject)))
    before = smooth_boxes(subject[:overlap], picture, margin=margin, aspect=aspect)
    found = smooth_boxes(subject, picture, before, margin=margin, aspect=aspect, smallest=smallest)
    assert found[:overlap] == before
    assert len(found) == len(subject)
    assert [box.snapped(*picture) for box in found] == found
    new = found[overlap:]
    assert len(sizes(new, picture)) <= 1
    for raw, crop in zip(subject[overlap:], new, strict=True):
        if raw is None:
            continue
        for start, end, first, last in (
            (raw.top, raw.bottom, crop.top, crop.bottom),
            (raw.left, raw.right, crop.left, crop.right),
        ):
            free = margin * (last - first) - 1e-9
            assert first == 0 or start - first >= free
            assert last == 1 or last - end >= free


@pytest.mark.parametrize(("aspect", "is_"), [(None, 16 / 9), (1.0, 1.0), (0.5, 0.5)])
def test_crops_keep_the_aspect(aspect: float | None, is_: float) -> None:
    found = smooth_boxes([Box(0.4, 0.4, 0.6, 0.45)] * 3, HD, aspect=aspect)
    ((height, width),) = sizes(found, HD)
    assert width / height == pytest.approx(is_, abs=2 / height)


def test_at_the_pictures_border_crops_are_shifted_and_not_squeezed() -> None:
    middle = smooth_boxes([Box(0.45, 0.45, 0.55, 0.55)], HD)
    corner = smooth_boxes([Box(0.0, 0.9, 0.1, 1.0)], HD)
    assert sizes(middle, HD) == sizes(corner, HD)
    assert corner[0].top == 0
    assert corner[0].right == 1


def test_a_subject_of_the_whole_picture_has_it_as_crop() -> None:
    assert smooth_boxes([Box(0.02, 0.1, 0.9, 0.8)] * 2, HD) == [WHOLE, WHOLE]


def test_without_any_subject_the_crop_is_the_whole_picture() -> None:
    assert smooth_boxes([None, None], HD) == [WHOLE, WHOLE]
    assert smooth_boxes([None, None, None], HD, [WHOLE]) == [WHOLE] * 3
    assert smooth_boxes([], HD) == []


def test_a_frame_without_a_subject_takes_the_way_between_its_neighbours() -> None:
    seen: list[Box | None] = [Box(0.4, x, 0.5, x + 0.1) for x in np.linspace(0.2, 0.5, 13)]
    every = smooth_boxes(seen, HD)
    gaps = smooth_boxes([*seen[:4], None, None, *seen[6:]], HD)
    for one, other in zip(every, gaps, strict=True):
        assert one.left == pytest.approx(other.left, abs=1.5 / 1920)


def test_a_subject_that_left_keeps_the_crop_of_the_window_before() -> None:
    before = smooth_boxes([Box(0.4, 0.2, 0.5, 0.3)] * 2, HD)
    assert smooth_boxes([None] * 5, HD, before) == [before[0]] * 5


def test_a_small_subject_that_moves_steadily_stays_in_the_same_place_of_its_crop() -> None:
    subject = [Box(0.4, x, 0.5, x + 0.1) for x in np.arange(16) * 0.02 + 0.3]
    found = smooth_boxes(subject, HD)
    ((height, _),) = sizes(found, HD)
    assert height == pytest.approx(0.1 * 1080 / (1 - 2 * MARGIN), abs=4)
    assert {box.top for box in found} == {found[0].top}
    for raw, crop in zip(subject, found, strict=True):
        assert (raw.left + raw.right) / 2 == pytest.approx(
            (crop.left + crop.right) / 2, abs=1.01 / 1920
        )


def test_jitter_of_the_first_pass_does_not_shake_the_crop() -> None:
    random = np.random.default_rng(0)
    offsets = random.uniform(-0.008, 0.008, 40)
    found = smooth_boxes([Box(0.4, 0.4 + x, 0.5, 0.5 + x) for x in offsets], HD)
    raw_shake = np.abs(np.diff(offsets)).mean()
    shake = np.abs(np.diff([box.left for box in found])).mean()
    assert shake < 0.25 * raw_shake


def test_a_jump_of_the_subject_moves_the_crop_and_does_not_inflate_it() -> None:
    subject = [Box(0.4, 0.1, 0.5, 0.2)] * 8 + [Box(0.4, 0.7, 0.5, 0.8)] * 8
    ((_, width),) = sizes(smooth_boxes(subject, HD), HD)
    assert width < 1.3 * 0.1 * 1920 / (1 - 2 * MARGIN)


def test_a_window_keeps_the_size_of_the_one_before_where_it_serves() -> None:
    before = smooth_boxes([Box(0.4, 0.4, 0.5, 0.5)] * 4, HD)
    near = smooth_boxes([None] * 4 + [Box(0.4, 0.4, 0.49, 0.49)] * 4, HD, before)
    assert sizes(near, HD) == sizes(before, HD)
    smaller = smooth_boxes([None] * 4 + [Box(0.4, 0.4, 0.45, 0.45)] * 4, HD, before)
    larger = smooth_boxes([None] * 4 + [Box(0.4, 0.4, 0.51, 0.51)] * 4, HD, before)
    ((old, _),) = sizes(before, HD)
    assert max(sizes(smaller[4:], HD))[0] < old / KEPT_SIZE
    assert max(sizes(larger[4:], HD))[0] > old


def test_the_join_of_two_windows_does_not_jump() -> None:
    subject = [Box(0.4, x, 0.5, x + 0.1) for x in np.arange(24) * 0.01 + 0.3]
    first = smooth_boxes(subject[:16], HD)
    second = smooth_boxes(subject[8:], HD, first[8:])
    lefts = [box.left for box in (*first[:8], *second)]
    steps = np.diff(lefts)
    assert steps.min() == pytest.approx(0.01, abs=1.01 / 1920)
    assert steps.max() == pytest.approx(0.01, abs=1.01 / 1920)


def test_the_smallest_crop_is_a_share_of_the_picture() -> None:
    found = smooth_boxes([Box(0.5, 0.5, 0.51, 0.51)], HD, smallest=0.25)
    assert sizes(found, HD) == {(270, 480)}


def test_smoothing_keeps_lines_and_single_frames() -> None:
    line = 3.0 + 7.0 * np.arange(16)
    np.testing.assert_allclose(smoothed(line), line, rtol=1e-12)
    np.testing.assert_allclose(smoothed(line[:2]), line[:2], rtol=1e-12)
    assert smoothed(line[:1]).tolist() == [3.0]
    spike = np.zeros(16)
    spike[8] = 1
    assert smoothed(spike).max() < 0.25


BAD = {
    "margin": ({"margin": 0.5}, "between 0 and 0.4"),
    "smallest": ({"smallest": 2}, "between 0 and 1"),
    "aspect": ({"aspect": 0}, "aspect of a crop is above 0"),
}


@pytest.mark.parametrize(("given_", "says"), BAD.values(), ids=BAD.keys())
def test_settings_out_of_range_are_refused(given_: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        smooth_boxes([None], HD, **given_)


def test_more_crops_before_than_frames_are_refused() -> None:
    with pytest.raises(ShapeError, match="at most 1"):
        smooth_boxes([None], HD, [WHOLE, WHOLE])


# Crops' maps


def test_the_map_of_a_crop_keeps_its_size_in_the_picture() -> None:
    assert fitting_grid(WHOLE, (40, 60)) == (40, 60)
    assert fitting_grid(Box(0.1, 0.2, 0.6, 0.45), (40, 60)) == (80, 240)
    height, width = fitting_grid(Box(0, 0, 0.1, 0.1), (64, 64), most_cells=10_000)
    assert (height, width) == (100, 100)


def test_a_subject_inside_the_margin_comes_back_where_it_was() -> None:
    picture = (64, 96)
    truth = torch.zeros(2, 3, *picture)
    truth[0, 1, 20:27, 30:40] = 1
    truth[1, 2, 22:29, 35:45] = 1
    truth[:, 0] = 1 - truth[:, 1:].sum(dim=1)
    found = smooth_boxes([subject_box(frame) for frame in truth], picture, aspect=1.0)
    assert len(set(found)) == 2
    spans = [box.pixels(*picture) for box in found]
    crops = torch.stack(
        [frame[:, rows, columns] for frame, (rows, columns) in zip(truth, spans, strict=True)]
    )
    torch.testing.assert_close(paste_crop(crops, found, picture), truth)


def test_towards_its_borders_a_crop_fades_to_background_without_an_edge() -> None:
    everything = torch.tensor([0.0, 1.0])[None, :, None, None].expand(1, 2, 30, 30)
    box = Box(0.0, 0.25, 0.5, 0.75)
    pasted = paste_crop(everything, [box], (400, 400))
    torch.testing.assert_close(pasted.sum(dim=1), torch.ones(1, 400, 400))
    part = pasted[0, 1]
    assert (part[200:] == 0).all()
    assert (part[:, :100] == 0).all()
    assert (part[:, 300:] == 0).all()
    fade = round(FADE * 200)
    assert (part[: 200 - fade, 100 + fade : 300 - fade] == 1).all()  # Up to the picture's top.
    across = part[0, 100:300]
    assert 0 < across[0] < 0.01
    assert across.diff().abs().max() < 2 / fade
    hard = paste_crop(everything, [box], (400, 400), fade=0)[0, 1]
    assert (hard[:200, 100:300] == 1).all()
    assert hard.sum() == 200 * 200


def test_a_crop_of_the_whole_picture_is_resized_only() -> None:
    maps = torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(3)).softmax(dim=1)
    torch.testing.assert_close(paste_crop(maps, [WHOLE, WHOLE], (8, 9)), maps)


def test_a_frame_without_its_box_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[1, K, h, w\] is needed"):
        paste_crop(torch.ones(2, 2, 4, 4), [WHOLE], (4, 4))
