"""Selection without a labelled validation set: held-out views, left-out references, early stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from smite_engine import Backbone, LearnSettings, PartSet, Progress, Reference, learn
from smite_engine import learner as learner_module
from smite_engine import learning as learning_module
from smite_engine.augmentation import Augmentation, Still
from smite_engine.errors import SettingsError
from smite_engine.hold_out import (
    HeldOut,
    Tally,
    count_cells,
    held_out_views,
    left_out_references,
    spread_over_parts,
    true_labels,
)
from smite_engine.learn_settings import Plan
from smite_engine.learner import Check, Learned, Learner, Lesson, Watcher
from smite_engine.learning import mean_plan, tally_near
from smite_engine.losses import training_was
from smite_engine.noise import frame_noise
from smite_engine.references import whole_view
from smite_engine.text_sides import with_parts
from tests.support.stills import square_and_ball

AREA = 64 * 128
SHORT = LearnSettings(
    embedding_steps=4, weight_steps=2, key_steps=5, key_views=2, area=AREA, embedding_rate=0.05
)


def lesson(references: Sequence[Reference]) -> Lesson:
    return Lesson(
        [Still.of(reference, 2, AREA) for reference in references],
        [whole_view(reference, 2, AREA) for reference in references],
    )


def tally(both: float, either: float) -> Tally:
    return Tally(*(torch.tensor([9.0, value]) for value in (both, either, either)))


def test_false_alarms_count_where_a_part_is_absent() -> None:
    truth = torch.tensor([[0, 1, 1, 1, -1], [0, 0, 0, 0, 0]])
    guess = torch.tensor([[0, 1, 1, 0, 2], [1, 0, 2, 0, 0]])
    found = count_cells(guess, truth, 4)
    assert found.both.tolist() == [4, 2, 0, 0]
    assert found.either.tolist() == [7, 4, 1, 0]
    assert found.ious() == [0.5, None, None]
    assert found.score == 0.5
    assert Tally.empty(3).score is None


def test_batches_of_held_out_views_are_encoded_once(
    tiny_mini: Backbone, two_parts: PartSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stills = [square_and_ball(seed) for seed in range(5)] + [square_and_ball(7, 128, 128)]
    views = [whole_view(still, 2, AREA) for still in stills]
    held_out = HeldOut(tiny_mini, views, 3, seed=1)
    expected, timestep = Tally.empty(3), tiny_mini.profile.timestep
    context = with_parts(
        tiny_mini.text.base(two_parts.names), tiny_mini.text.initial(two_parts.names)
    )
    for index, view in enumerate(views):
        latents = tiny_mini.encode(view.image[None])
        noise = frame_noise(1, 2_000_000 + index, tuple(latents.shape[1:]))[None]
        with torch.no_grad():
            read = tiny_mini.read(tiny_mini.noisy(latents, noise, timestep), timestep, context, 3)
            guess = training_was(read)[0].argmax(dim=0)
        expected = expected + count_cells(guess, true_labels(view), 3)
    monkeypatch.setattr(tiny_mini, "encode", None)
    found = held_out.measure(context)
    for name in ("both", "either", "painted"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert float(found.painted.sum()) > 300


def test_parts_that_could_not_be_learned_are_not_counted(
    tiny_mini: Backbone, two_parts: PartSet
) -> None:
    view = whole_view(square_and_ball(1), 2, AREA)
    context = tiny_mini.text.base(two_parts.names)
    found = HeldOut(tiny_mini, [view], 3, 0, learnable={2}).measure(context)
    assert found.painted[1] == 0
    assert found.ious()[0] is None
    assert found.ious()[1] is not None
    assert float(found.painted.sum()) == float((true_labels(view) % 2 == 0).sum())


@pytest.mark.parametrize("seed", range(5))
def test_held_out_views_show_what_their_still_shows(seed: int) -> None:
    picture = square_and_ball(1)
    labels = np.zeros_like(picture.labels)
    labels[:12, :12], labels[-12:, -12:] = 1, 2
    corners = lesson([replace(picture, labels=labels)])
    closeups = Augmentation(zoom=(0.3, 0.9))
    generator = torch.Generator().manual_seed(seed)
    (view,) = held_out_views(
        corners.stills, corners.whole, [frozenset({1, 2})], closeups, generator
    )
    assert {1, 2} & set(true_labels(view).unique().tolist())


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ([{1}, {1}, set()], [0, 1, 2]),
        ([{1}, {1}, {1}, {1}, {2}, {3, 2}], [0, 1, 5]),
        ([set(), set(), set(), {1}], [0, 1, 3]),
    ],
    ids=["all where they fit", "those that add parts", "then the first"],
)
def test_which_references_give_held_out_views(shown: list[set[int]], expected: list[int]) -> None:
    assert spread_over_parts([frozenset(parts) for parts in shown], 3) == expected


@pytest.mark.parametrize(
    ("shown", "folds", "expected"),
    [
        ([{1}, {1}], 3, {0, 1}),
        ([{1}, {1}, set()], 3, {0, 1}),
        ([{1}, {2}], 3, set()),
        ([{1, 3}, {1}, {1, 4}], 1, {1}),
        ([{1}], 3, set()),
    ],
    ids=[
        "both of two",
        "never one without parts",
        "none share a part",
        "the one that takes no part away",
        "one alone",
    ],
)
def test_which_references_are_left_out(
    shown: list[set[int]], folds: int, expected: set[int]
) -> None:
    for seed in range(4):
        assert set(left_out_references([frozenset(p) for p in shown], folds, seed)) == expected


def test_the_first_left_out_shows_most_and_the_seed_picks_among_equals() -> None:
    shown = [frozenset(parts) for parts in ({1, 2}, {1, 2}, {1}, {1})]
    found = [left_out_references(shown, 2, seed) for seed in range(20)]
    assert {first for first, _ in found} == {0, 1}
    assert {second for _, second in found} == {0, 1, 2, 3}


def test_a_fold_is_read_nearest_to_the_steps_of_the_model() -> None:
    checks = [
        Check(Plan(0, 0), tally(1, 10)),
        Check(Plan(15, 0), tally(2, 10)),
        Check(Plan(15, 10), tally(3, 10)),
        Check(Plan(15, 25), tally(9, 10)),
    ]
    fold = Learned(torch.zeros(1, 2), {}, Plan(15, 25), checks, checks[-1].tally)
    assert mean_plan([Plan(15, 25), Plan(30, 0)]) == Plan(22, 12)
    assert tally_near(fold, Plan(22, 12)).ious() == [pytest.approx(0.3)]
    assert tally_near(fold, Plan(22, 60)).ious() == [pytest.approx(0.9)]
    assert tally_near(fold, Plan(3, 0)).ious() == [pytest.approx(0.1)]


def test_leaving_references_out(
    tiny_mini: Backbone, two_parts: PartSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner_module, "CHECK_EVERY", 2)
    runs: list[tuple[Lesson, HeldOut | None]] = []

    class Spy(Learner):
        def __init__(self, backbone: Backbone, lesson: Lesson, *rest: object, **_: object) -> None:
            super().__init__(backbone, lesson, *rest)  # type: ignore[arg-type]
            runs.append((lesson, self.held_out))

    monkeypatch.setattr(learning_module, "Learner", Spy)
    references = [square_and_ball(seed) for seed in (1, 2, 3)]
    settings = replace(SHORT, hold_out="references", folds=2, patience=0)
    seen: list[Progress] = []
    model = learn(tiny_mini, references, two_parts, settings, progress=seen.append)
    assert model.selected_on == "references"
    assert [len(lesson.stills) for lesson, _ in runs] == [2, 2, 3]
    assert [held_out is not None for _, held_out in runs] == [True, True, False]
    assert all(value is not None for value in model.held_out_iou.values())
    assert [p.done for p in seen[:12]] == list(range(1, 13))
    assert {p.total for p in seen[:12]} == {18}
    assert seen[-1].done == seen[-1].total == 12 + model.settings["best_step"]
    assert seen[0].stage == "embeddings without reference 1 of 2"
    assert seen[11].stage == "weights without reference 2 of 2"


def test_the_last_run_learns_on_all_for_the_mean_of_the_best_steps(
    tiny_mini: Backbone, two_parts: PartSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_module, "mean_plan", lambda plans: Plan(2, 1))
    references = [square_and_ball(1), square_and_ball(2)]
    settings = replace(SHORT, hold_out="auto")
    model = learn(tiny_mini, references, two_parts, settings)
    with tiny_mini.tuned(tiny_mini.tunable_parameters("cross-attention")):
        alone = Learner(tiny_mini, lesson(references), two_parts, settings, None)
        expected = alone.run(Plan(2, 1), Watcher(3, None, lambda: False))
    assert torch.equal(model.embeddings, expected.embeddings)
    assert model.weights.keys() == expected.weights.keys()
    assert all(torch.equal(model.weights[name], expected.weights[name]) for name in model.weights)


def test_too_few_references_to_leave_one_out(tiny_mini: Backbone, two_parts: PartSet) -> None:
    one = square_and_ball(1)
    settings = replace(SHORT, hold_out="references")
    with pytest.raises(SettingsError, match="two references, but one is given"):
        learn(tiny_mini, [one], two_parts, settings)
    squares = replace(one, labels=np.where(one.labels == 1, 1, 0).astype(np.uint8))
    balls = replace(one, labels=np.where(one.labels == 2, 2, 0).astype(np.uint8))
    with pytest.raises(SettingsError, match="of the 2 given no two share one"):
        learn(tiny_mini, [squares, balls], two_parts, settings)
    model = learn(tiny_mini, [one], two_parts, replace(SHORT, hold_out="auto", embedding_steps=1))
    assert model.selected_on == "views"


@pytest.mark.parametrize(("patience", "steps"), [(0, 10), (2, 4), (9, 10)])
def test_patience_ends_a_phase_that_gets_no_better(
    patience: int,
    steps: int,
    tiny_mini: Backbone,
    two_parts: PartSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learner_module, "CHECK_EVERY", 2)
    settings = LearnSettings(
        tune="embeddings", embedding_steps=10, embedding_rate=0.0, area=64 * 64, patience=patience
    )
    seen: list[Progress] = []
    model = learn(tiny_mini, [square_and_ball(1)], two_parts, settings, progress=seen.append)
    assert [p.done for p in seen] == list(range(1, steps + 1))
    assert [p.total for p in seen] == [10] * (steps - 1) + [steps]
    assert model.settings["best_step"] == 0
