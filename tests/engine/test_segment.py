"""Segmenting: sizes, soft maps, windows, determinism, streaming."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from smite_engine import (
    Backbone,
    Frame,
    LearnSettings,
    PartModel,
    PartSet,
    SegmentSettings,
    labels_at,
    learn,
    mattes_at,
    segment,
)
from smite_engine.errors import BackboneMismatchError, Cancelled, SettingsError, TrackerError
from smite_engine.focus import Focus
from smite_engine.frame_maps import FrameMaps, sharpen
from smite_engine.noise import frame_noise
from tests.support.stills import square_and_ball

SMALL = SegmentSettings(quality="draft", area=64 * 128, window=3, span=3, focus="whole")


@pytest.fixture(scope="module")
def model(tiny_mini: Backbone) -> PartModel:
    parts = PartSet.from_names(["left square", "ball"])
    settings = LearnSettings(
        embedding_steps=2, weight_steps=2, key_steps=0, area=64 * 128, weight_rate=0.01
    )
    return learn(tiny_mini, [square_and_ball(1)], parts, settings)


def shot(count: int, first: int = 1001) -> list[Frame]:
    return [Frame(first + i, square_and_ball(i).image) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7], ids=lambda n: f"{n} frames, windows of 3")
def test_every_frame_comes_once_in_order(tiny_mini: Backbone, model: PartModel, count: int) -> None:
    maps = list(segment(tiny_mini, model, shot(count), SMALL))
    assert [m.number for m in maps] == list(range(1001, 1001 + count))
    for each in maps:
        assert each.probabilities.dtype == np.float32
        assert each.probabilities.shape == (3, 8, 11)  # 96x128 fits 64x88 of a 64x128 canvas.
        np.testing.assert_allclose(each.probabilities.sum(axis=0), 1, atol=1e-5)
        assert 0 <= each.confidence <= 1


def test_the_same_seed_gives_the_same_maps_bit_for_bit(
    tiny_mini: Backbone, model: PartModel
) -> None:
    first, second = (list(segment(tiny_mini, model, shot(4), SMALL)) for _ in range(2))
    other = list(segment(tiny_mini, model, shot(4), replace(SMALL, seed=9)))
    for a, b, c in zip(first, second, other, strict=True):
        assert np.array_equal(a.probabilities, b.probabilities)
        assert not np.array_equal(a.probabilities, c.probabilities)


def test_a_window_that_is_computed_alone_gives_the_same_maps(
    tiny_mini: Backbone, model: PartModel
) -> None:
    whole = list(segment(tiny_mini, model, shot(6), SMALL))
    second = list(segment(tiny_mini, model, shot(6)[3:], SMALL))
    for a, b in zip(whole[3:], second, strict=True):
        assert np.array_equal(a.probabilities, b.probabilities)


def test_frames_are_read_one_window_ahead_at_most(tiny_mini: Backbone, model: PartModel) -> None:
    read = 0

    def frames() -> Iterator[Frame]:
        nonlocal read
        for frame in shot(9):
            read += 1
            yield frame

    for done, _ in enumerate(segment(tiny_mini, model, frames(), SMALL)):
        assert read <= done + 4  # The window, and one more to know whether it is the last.


def test_a_model_of_another_backbone_is_refused(tiny_sd: Backbone, model: PartModel) -> None:
    with pytest.raises(BackboneMismatchError, match="tiny-sd"):
        next(segment(tiny_sd, model, shot(1), SMALL))


def test_cancelling_and_closing_restore_the_backbone(tiny_mini: Backbone, model: PartModel) -> None:
    before = {k: v.clone() for k, v in tiny_mini.unet.state_dict().items()}
    with pytest.raises(Cancelled):
        list(segment(tiny_mini, model, shot(2), SMALL, cancelled=lambda: True))
    running = segment(tiny_mini, model, shot(5), SMALL)
    next(running)
    running.close()
    assert all(torch.equal(v, before[k]) for k, v in tiny_mini.unet.state_dict().items())


def test_mattes_have_bilinear_edges_and_whole_sums() -> None:
    soft = np.zeros((3, 2, 2), np.float32)
    soft[1, :, 0], soft[2, :, 1] = 1, 1
    maps = FrameMaps(1, soft, 1.0)
    mattes = mattes_at(maps, 4, 8)
    assert mattes.shape == (2, 4, 8)
    np.testing.assert_allclose(mattes[0, 0], [1, 1, 0.875, 0.625, 0.375, 0.125, 0, 0])
    np.testing.assert_allclose(mattes.sum(axis=0), 1)
    assert labels_at(maps, 4, 8)[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_sharpening_keeps_the_winner_and_the_sum() -> None:
    soft = torch.softmax(torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0)), 1)
    sharp = sharpen(soft, 3.0)
    assert torch.equal(sharp.argmax(dim=1), soft.argmax(dim=1))
    torch.testing.assert_close(sharp.sum(dim=1), torch.ones(2, 5, 6))
    assert (sharp.amax(dim=1) >= soft.amax(dim=1)).all()


def test_noise_is_a_function_of_seed_and_frame() -> None:
    assert torch.equal(frame_noise(1, 1001, (4, 8, 8)), frame_noise(1, 1001, (4, 8, 8)))
    assert not torch.equal(frame_noise(1, 1001, (4, 8, 8)), frame_noise(1, 1002, (4, 8, 8)))
    assert not torch.equal(frame_noise(1, 1001, (4, 8, 8)), frame_noise(2, 1001, (4, 8, 8)))
    assert frame_noise(1, -5, (2, 2, 2)).shape == (2, 2, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quality": "best"}, "draft, standard, paper"),
        ({"subject": "dogs"}, "default, faces, horses, cars"),
        ({"tracker": "sift"}, "dis, .*none"),
        ({"focus": "zoom"}, "auto, whole, crop, tiles"),
        ({"lambda_tracking": -1}, "lambda_tracking"),
        ({"lowpass": 0}, "lowpass"),
        ({"window": 0}, "window"),
        ({"updates": 0}, "updates"),
        ({"window": "many"}, "window.*number, not 'many'"),
        ({"span": 2.5}, "span.*whole number"),
        ({"vote_last": "false"}, "vote_last.*true or false"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_out_of_its_range_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SegmentSettings.from_dict(values)


def test_a_tracker_that_is_not_installed_is_told_before_any_work(
    tiny_mini: Backbone, model: PartModel
) -> None:
    before = tiny_mini.counter.forward_frames
    settings = SegmentSettings(tracker="cotracker", area=64 * 64)
    with pytest.raises(TrackerError, match="CC-BY-NC"):
        next(segment(tiny_mini, model, shot(2), settings))
    assert tiny_mini.counter.forward_frames == before


@pytest.mark.parametrize("looks_closer", [False, True])
def test_auto_looks_closer_only_where_the_backbone_gains_by_it(
    tiny_mini: Backbone, model: PartModel, looks_closer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def crop(*_: object, **__: object) -> Focus:
        asked.append(True)
        return Focus.TILES

    monkeypatch.setattr("smite_engine.regions.choose_focus", crop)
    profile = replace(tiny_mini.profile, looks_closer=looks_closer)
    monkeypatch.setattr(tiny_mini, "profile", profile)
    list(segment(tiny_mini, model, shot(2), replace(SMALL, focus="auto")))
    assert bool(asked) == looks_closer
