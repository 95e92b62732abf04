"""Guided segmenting: windows of any shot, joins, resuming, regions, what guidance changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smite_engine import (
    Backbone,
    Frame,
    FrameMaps,
    GuidanceProgress,
    LearnSettings,
    PartModel,
    PartSet,
    SegmentSettings,
    ShotState,
    learn,
    segment,
)
from smite_engine.errors import Cancelled, ShotStateError
from smite_engine.segment_settings import plan
from tests.support.stills import square_and_ball

REPOSITORY = Path(__file__).parents[2]
GUIDED = SegmentSettings(
    area=64 * 64,
    window=6,
    overlap=2,
    span=2,
    guided=1,
    updates=2,
    step=20.0,
    vote_last=False,
    voting_window=3,
    focus="whole",
)


@pytest.fixture(scope="module")
def model(tiny_mini: Backbone) -> PartModel:
    parts = PartSet.from_names(["square", "ball"])
    settings = LearnSettings(
        embedding_steps=2, weight_steps=2, key_steps=0, area=64 * 64, weight_rate=0.01
    )
    return learn(tiny_mini, [square_and_ball(1)], parts, settings)


def moving(count: int, first: int = 1001) -> list[Frame]:
    """A still that slides two pixels a frame."""
    image = square_and_ball(1).image
    return [Frame(first + i, np.roll(image, 2 * i, axis=1)) for i in range(count)]


def same(a: list[FrameMaps], b: list[FrameMaps]) -> bool:
    return [m.number for m in a] == [m.number for m in b] and all(
        np.array_equal(x.probabilities, y.probabilities) for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("count", [1, 2, 7, 15, 16, 17, 100], ids=lambda n: f"{n} frames")
def test_a_shot_of_any_length_is_segmented_once_in_order(
    tiny_mini: Backbone, model: PartModel, count: int
) -> None:
    settings = replace(GUIDED, window=16, overlap=4, updates=1, voting_window=15)
    maps = list(segment(tiny_mini, model, moving(count), settings))
    assert [m.number for m in maps] == list(range(1001, 1001 + count))
    for each in maps:
        np.testing.assert_allclose(each.probabilities.sum(axis=0), 1, atol=1e-5)


def test_400_frames_hold_one_window_in_memory(tiny_mini: Backbone, model: PartModel) -> None:
    quick = replace(GUIDED, window=16, overlap=4, updates=1, tracker="none")
    read = 0

    def frames():
        nonlocal read
        for frame in moving(400):
            read += 1
            yield frame

    for done, each in enumerate(segment(tiny_mini, model, frames(), quick)):
        assert each.number == 1001 + done
        assert read <= done + 17
    assert read == 400


def test_without_weights_there_is_one_pass_and_no_overlap(
    tiny_mini: Backbone, model: PartModel
) -> None:
    none = replace(GUIDED, lambda_tracking=0, lambda_reg=0)
    before = counts(tiny_mini)
    list(segment(tiny_mini, model, moving(9), none))
    forward, backward = (b - a for a, b in zip(before, counts(tiny_mini), strict=True))
    assert (forward, backward) == (9, 0)


def test_passes_of_standard_and_paper_are_those_of_their_schedules(
    tiny_mini: Backbone, model: PartModel
) -> None:
    """Authors: 15 updates in 3 of 4 steps, windows of 16 that share 8: 90 a frame, in the limit."""
    for quality, most in (("standard", 30), ("paper", 90)):
        settings = SegmentSettings(quality=quality, area=64 * 64, focus="whole")
        decided = plan(settings, tiny_mini).quality
        per_frame = (
            decided.guided * decided.updates * decided.window / (decided.window - decided.overlap)
        )
        assert per_frame <= most
        before = counts(tiny_mini)
        list(segment(tiny_mini, model, moving(4), settings))
        assert counts(tiny_mini)[1] - before[1] == 4 * decided.guided * decided.updates


def counts(backbone: Backbone) -> tuple[int, int]:
    return backbone.counter.forward_frames, backbone.counter.backward_frames


def test_guidance_brings_maps_nearer_to_the_votes(tiny_mini: Backbone, model: PartModel) -> None:
    """On a still shot all frames vote alike: the label that wins in one pass wins more clearly."""
    still = [Frame(i, moving(1)[0].image) for i in range(6)]
    strong = replace(GUIDED, updates=10, voting_window=6, contrast=1)

    def maps(settings: SegmentSettings) -> np.ndarray:
        found = segment(tiny_mini, model, still, settings)
        return np.stack([each.probabilities for each in found])

    one_pass = maps(replace(strong, lambda_tracking=0, lambda_reg=0))
    tracked = maps(replace(strong, lambda_tracking=1, lambda_reg=0))
    voted = one_pass.mean(axis=0).argmax(axis=0)[None, None]
    before, after = (np.take_along_axis(m.mean(0)[None], voted, 1) for m in (one_pass, tracked))
    assert after.mean() > before.mean() + 0.005


def test_the_low_pass_holds_maps_at_their_reference(tiny_mini: Backbone, model: PartModel) -> None:
    strong = replace(GUIDED, updates=8, lambda_tracking=1)

    def maps(settings: SegmentSettings) -> np.ndarray:
        return np.stack([m.probabilities for m in segment(tiny_mini, model, moving(6), settings)])

    one_pass = maps(replace(strong, lambda_tracking=0, lambda_reg=0))
    free, held = (maps(replace(strong, lambda_reg=weight)) for weight in (0.0, 50.0))
    assert np.abs(held - one_pass).mean() < 0.7 * np.abs(free - one_pass).mean()


def test_the_same_seed_gives_the_same_bits(tiny_mini: Backbone, model: PartModel) -> None:
    first, second = (list(segment(tiny_mini, model, moving(11), GUIDED)) for _ in range(2))
    assert same(first, second)
    other = list(segment(tiny_mini, model, moving(11), replace(GUIDED, seed=5)))
    assert not same(first, other)


@pytest.mark.parametrize("focus", ["whole", "crop", "tiles", "auto"])
def test_a_shot_resumed_from_any_state_gives_the_same_bits(
    tiny_mini: Backbone,
    model: PartModel,
    focus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiny_mini, "profile", replace(tiny_mini.profile, looks_closer=True))
    settings = replace(GUIDED, focus=focus, updates=1)
    states: list[Path] = []

    def keep(state: ShotState) -> None:
        states.append(tmp_path / f"{len(states)}.safetensors")
        state.save(states[-1])

    whole = list(segment(tiny_mini, model, moving(15), settings, finished=keep))
    assert len(states) == 3
    for path in states:
        state = ShotState.load(path)
        left = [frame for frame in moving(15) if frame.number > state.after]
        again = list(segment(tiny_mini, model, left, settings, resume=state))
        assert same(whole[15 - len(again) :], again)
        assert again[0].number == state.after + 1


def test_a_killed_run_goes_on_to_the_same_bits(
    mini_folder: Path, tiny_mini: Backbone, model: PartModel, tmp_path: Path
) -> None:
    """A process that is killed with SIGKILL, and another one that goes on from its last state."""
    model.save(tmp_path / "model.safetensors")
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        import numpy as np
        from smite_engine import PartModel, ShotState, load_backbone, segment
        from tests.engine.test_segment_guided import GUIDED, moving
        weights, folder, slow = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "slow"
        path = folder / "state.safetensors"
        state = ShotState.load(path) if path.exists() else None
        frames = [f for f in moving(19) if state is None or f.number > state.after]
        backbone, model = load_backbone(weights, device="cpu"), PartModel.load(
            folder / "model.safetensors"
        )
        def finished(state):
            state.save(path)
            while slow and state.after > 1006:
                pass
        for maps in segment(backbone, model, frames, GUIDED, resume=state, finished=finished):
            np.save(folder / f"{maps.number}.npy", maps.probabilities)
    """)
    command = [sys.executable, "-W", "ignore", "-c", code, str(mini_folder), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    torch_threads = str(torch.get_num_threads())
    environment["OMP_NUM_THREADS"] = torch_threads
    running = subprocess.Popen([*command, "slow"], env=environment, cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "1008.npy").exists() and running.poll() is None:
            assert time.monotonic() < deadline, "the run made no second window"
            time.sleep(0.05)
        time.sleep(0.3)
    finally:
        running.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        running.wait()
    assert not (tmp_path / "1019.npy").exists()
    kept = (tmp_path / "1003.npy").stat().st_mtime_ns
    subprocess.run([*command, "fast"], env=environment, cwd=REPOSITORY, check=True)
    assert (tmp_path / "1003.npy").stat().st_mtime_ns == kept, "a finished window was made again"
    for each in segment(tiny_mini, model, moving(19), GUIDED):
        assert np.array_equal(np.load(tmp_path / f"{each.number}.npy"), each.probabilities)


def test_a_state_that_is_damaged_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"not a state")
    with pytest.raises(ShotStateError, match="start the shot from its first frame"):
        ShotState.load(path)
    with pytest.raises(ShotStateError, match="missing"):
        ShotState.load(tmp_path / "missing.safetensors")


def test_cancelling_stops_within_a_window(tiny_mini: Backbone, model: PartModel) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    with pytest.raises(Cancelled):
        list(segment(tiny_mini, model, moving(6), GUIDED, cancelled=cancelled))
    assert asked == 5


def test_progress_counts_the_updates_of_each_window(tiny_mini: Backbone, model: PartModel) -> None:
    told: list[GuidanceProgress] = []
    list(segment(tiny_mini, model, moving(8), GUIDED, progress=told.append))
    assert [(step.first, step.done, step.total) for step in told] == [
        (1001, 1, 2),
        (1001, 2, 2),
        (1005, 1, 2),
        (1005, 2, 2),
    ]


@pytest.mark.parametrize("focus", ["crop", "tiles"])
def test_regions_come_back_as_one_map_of_the_picture(
    tiny_mini: Backbone, model: PartModel, focus: str
) -> None:
    settings = replace(GUIDED, focus=focus, updates=1)
    for each in segment(tiny_mini, model, moving(7), settings):
        tokens, height, width = each.probabilities.shape
        assert tokens == 3
        assert abs(width / height - 128 / 96) < 0.25
        np.testing.assert_allclose(each.probabilities.sum(axis=0), 1, atol=1e-5)
        assert (each.probabilities >= 0).all()


def test_stable_diffusion_takes_the_same_way(tiny_sd: Backbone) -> None:
    parts = PartSet.from_names(["square"])
    reference = replace(square_and_ball(1), labels=(square_and_ball(1).labels == 1).astype("uint8"))
    learned = learn(
        tiny_sd, [reference], parts, LearnSettings(embedding_steps=1, weight_steps=0, area=64 * 64)
    )
    for quality in ("draft", "standard", "paper"):
        settings = SegmentSettings(
            quality=quality, area=64 * 64, window=4, overlap=2, span=2, updates=1
        )
        maps = list(segment(tiny_sd, learned, moving(5), settings))
        assert len(maps) == 5
        assert all(np.isfinite(each.probabilities).all() for each in maps)
