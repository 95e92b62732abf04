"""What is tuned (table 3): which parameters each mode changes, masters, and how models apply it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from smite_engine import Backbone, LearnSettings, PartModel, PartSet, load_backbone
from smite_engine.augmentation import Still
from smite_engine.learn_settings import Plan
from smite_engine.learner import Learned, Learner, Lesson, Watcher
from smite_engine.references import whole_view
from smite_engine.tuned_parameters import MasterWeights, is_tuned
from tests.support.stills import square_and_ball

AREA = 64 * 128


def learned_with(backbone: Backbone, parts: PartSet, settings: LearnSettings) -> Learned:
    """One step of each phase, and the fit of keys where there is one; the last state kept."""
    reference = square_and_ball(1)
    lesson = Lesson([Still.of(reference, 2, AREA)], [whole_view(reference, 2, AREA)])
    with backbone.tuned(backbone.tunable_parameters(settings.tune)):
        learner = Learner(backbone, lesson, parts, settings, None)
        fitted = settings.key_fit(backbone.profile).steps > 0
        weights = 0 if settings.tune == "embeddings" else 1 + fitted
        return learner.run(Plan(1, weights), Watcher(1 + weights, None, lambda: False))


@pytest.mark.parametrize(
    ("tune", "suffixes"),
    [
        ("embeddings", set()),
        ("cross-attention", {"attn2.to_k", "attn2.to_v"}),
        ("self-attention", {"attn2.to_k", "attn2.to_v", "attn1.to_q", "attn1.to_k"}),
    ],
)
def test_each_mode_changes_its_own_parameters(
    tune: str, suffixes: set[str], tiny_mini: Backbone, two_parts: PartSet
) -> None:
    learned = learned_with(
        tiny_mini, two_parts, LearnSettings(tune=tune, weight_rate=0.01, key_steps=5, key_views=2)
    )
    names = {name for name, _ in tiny_mini.unet.named_parameters()}
    wanted = {n for n in names if n.removesuffix(".weight").endswith(tuple(suffixes))}
    assert set(learned.weights) == (wanted if suffixes else set())
    assert {name for name in names if is_tuned(name, tune)} == set(learned.weights)
    for name, value in learned.weights.items():
        assert not torch.equal(value, tiny_mini.unet.get_parameter(name)), name


def test_self_attention_has_its_own_rate(tiny_mini: Backbone, two_parts: PartSet) -> None:
    settings = LearnSettings(
        tune="self-attention",
        weight_rate=0.02,
        self_attention_rate=0.0,
        key_steps=5,
        key_views=2,
    )
    learned = learned_with(tiny_mini, two_parts, settings)
    for name, value in learned.weights.items():
        same = torch.equal(value, tiny_mini.unet.get_parameter(name))
        assert same == (".attn1." in name), name


def test_a_model_applies_all_that_it_holds(
    tmp_path: Path, tiny_mini: Backbone, two_parts: PartSet
) -> None:
    learned = learned_with(tiny_mini, two_parts, LearnSettings(tune="self-attention", key_steps=0))
    PartModel(
        two_parts,
        learned.embeddings,
        learned.weights,
        "tiny",
        tiny_mini.hash,
        tune="self-attention",
    ).save(tmp_path / "model.safetensors")
    model = PartModel.load(tmp_path / "model.safetensors")
    assert model.tune == "self-attention"
    assert any(".attn1.to_q." in name for name in model.weights)
    with tiny_mini.tuned(model.weights):
        for name, value in learned.weights.items():
            assert torch.equal(tiny_mini.unet.get_parameter(name), value)


def test_small_steps_add_up_in_bfloat16() -> None:
    parameter = nn.Parameter(torch.full((4,), 0.05, dtype=torch.bfloat16))
    before = parameter.detach().clone()
    masters = MasterWeights({"weight": parameter})
    optimiser = torch.optim.Adam(list(masters.masters.values()), lr=1e-6)
    masters.require_gradients(True)
    for step in range(200):
        parameter.sum().backward()
        masters.take_gradients()
        optimiser.step()
        masters.give_values()
        if step == 0:
            assert torch.equal(parameter, before), "one step is below bfloat16's resolution"
    assert (parameter < before).all()
    torch.testing.assert_close(masters.values()["weight"], before.float() - 2e-4)


def test_masters_of_float32_are_the_parameters_themselves() -> None:
    parameter = nn.Parameter(torch.ones(2))
    assert MasterWeights({"weight": parameter}).masters["weight"] is parameter


def test_a_network_in_bfloat16_learns(stable_diffusion_folder: Path, two_parts: PartSet) -> None:
    backbone = load_backbone(str(stable_diffusion_folder), device="cpu")
    backbone.unet.to(torch.bfloat16)
    backbone._networks.vae.to(torch.bfloat16)
    learned = learned_with(backbone, two_parts, LearnSettings())
    assert {value.dtype for value in learned.weights.values()} == {torch.float32}
    steps = [
        (value - backbone.unet.get_parameter(name).float()).abs().max()
        for name, value in learned.weights.items()
    ]
    assert 0 < float(max(steps)) <= 1.1e-6, "one step of the rate 1e-6"
