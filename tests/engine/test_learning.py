"""Learning: losses, both phases, determinism, held-out selection, bad references."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smite_engine import Backbone, LearnSettings, PartModel, PartSet, Progress, learn, load_backbone
from smite_engine.backbone import AttentionRead
from smite_engine.errors import BadReferenceError, Cancelled
from smite_engine.losses import class_weights, part_loss
from tests.support.stills import square_and_ball

SHORT = LearnSettings(embedding_steps=6, weight_steps=4, key_steps=5, key_views=2, area=64 * 128)


def test_class_weights_are_foreground_over_part() -> None:
    coverage = torch.zeros(4, 10, 10)
    coverage[1, :4] = 1
    coverage[2, 4:5] = 1
    coverage[0, 5:] = 1
    assert class_weights(coverage).tolist() == pytest.approx([1, 50 / 40, 50 / 10, 0])


def test_the_loss_falls_when_the_maps_fit_the_mask() -> None:
    coverage = torch.zeros(2, 8, 8)
    coverage[1, :4], coverage[0, 4:] = 1, 1
    each_to_itself = 10 * torch.eye(64)[None, None]

    def loss(logits: torch.Tensor) -> float:
        read = AttentionRead(logits[None], [(each_to_itself, each_to_itself)], (), 1.0, 0.0, None)
        return float(part_loss(read, coverage, torch.ones(8, 8)))

    unsure = loss(torch.zeros(2, 8, 8))
    assert loss(coverage * 9) < 0.1 * unsure
    assert loss(coverage * -9) > 2 * unsure


def test_unknown_cells_do_not_count() -> None:
    coverage = torch.zeros(2, 8, 8)
    coverage[0] = 1
    query = torch.randn(1, 1, 64, 4, generator=torch.Generator().manual_seed(0)) * 20
    known = torch.ones(8, 8)
    known[:, 4:] = 0
    logits = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    read = AttentionRead(logits, [(query, query)], (), 1.0, 0.0, None)
    other = torch.cat([coverage[:, :, :4], coverage.flip(0)[:, :, 4:]], dim=2)
    assert float(part_loss(read, coverage, known)) == pytest.approx(
        float(part_loss(read, other, known))
    )


def test_a_model_of_both_phases(tiny_mini: Backbone, two_parts: PartSet) -> None:
    before = {k: v.clone() for k, v in tiny_mini.unet.state_dict().items()}
    seen: list[Progress] = []
    settings = replace(SHORT, embedding_rate=0.05, weight_rate=0.01)
    model = learn(tiny_mini, [square_and_ball(1)], two_parts, settings, progress=seen.append)
    assert [p.stage for p in seen] == ["embeddings"] * 6 + ["weights"] * 4
    assert seen[-1].done == seen[-1].total == 10
    assert model.embeddings.shape == (2, 24)
    assert set(model.held_out_iou) == {"left_square", "ball"}
    for name, value in tiny_mini.unet.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} was not taken back"
    assert not any(p.requires_grad for p in tiny_mini.unet.parameters())


def test_the_embedded_backbone_learns_what_its_reference_shows(two_parts: PartSet) -> None:
    backbone = load_backbone("embedded", device="cpu")
    settings = LearnSettings(
        embedding_steps=15, weight_steps=15, key_steps=100, key_views=8, area=128 * 192
    )
    model = learn(backbone, [square_and_ball(1), square_and_ball(2)], two_parts, settings)
    assert min(value or 0.0 for value in model.held_out_iou.values()) > 0.5
    untouched = replace(settings, embedding_steps=0, weight_steps=0)
    start = learn(backbone, [square_and_ball(1), square_and_ball(2)], two_parts, untouched)
    assert mean_iou(model) > mean_iou(start)


def mean_iou(model: PartModel) -> float:
    return sum(value or 0.0 for value in model.held_out_iou.values()) / len(model.held_out_iou)


def test_the_same_seed_gives_the_same_model(tiny_mini: Backbone, two_parts: PartSet) -> None:
    references = [square_and_ball(1), square_and_ball(2)]
    first, second, other = (
        learn(tiny_mini, references, two_parts, replace(SHORT, seed=seed)) for seed in (3, 3, 4)
    )
    assert first.hash == second.hash
    assert first.hash != other.hash


@pytest.mark.parametrize(
    "changes",
    [{"tune": "self-attention"}, {"hold_out": "references"}],
    ids=["self-attention", "left-out references"],
)
def test_every_way_of_learning_is_deterministic(
    changes: dict[str, Any], tiny_mini: Backbone, two_parts: PartSet
) -> None:
    settings = replace(SHORT, embedding_steps=2, weight_steps=2, **changes)
    references = [square_and_ball(1), square_and_ball(2)]
    first, second = (learn(tiny_mini, references, two_parts, settings) for _ in range(2))
    assert first.hash == second.hash


def test_it_runs_on_the_stable_diffusion_layout(tiny_sd: Backbone, two_parts: PartSet) -> None:
    model = learn(tiny_sd, [square_and_ball(1)], two_parts, SHORT)
    assert model.backbone_hash == tiny_sd.hash


def test_twenty_references_and_one_that_shows_what_the_parts_are_not(
    tiny_mini: Backbone, two_parts: PartSet
) -> None:
    references = [square_and_ball(seed) for seed in range(20)]
    nothing = replace(references[0], labels=np.zeros_like(references[0].labels), name="empty")
    settings = replace(SHORT, embedding_steps=22, weight_steps=0, area=64 * 64)
    model = learn(tiny_mini, [nothing, *references], two_parts, settings)
    assert torch.isfinite(model.embeddings).all()
    assert all(value is not None for value in model.held_out_iou.values())


def test_cancelling_restores_the_backbone(tiny_mini: Backbone, two_parts: PartSet) -> None:
    before = {k: v.clone() for k, v in tiny_mini.unet.state_dict().items()}
    steps: list[Progress] = []
    with pytest.raises(Cancelled):
        learn(
            tiny_mini,
            [square_and_ball(1)],
            two_parts,
            SHORT,
            progress=steps.append,
            cancelled=lambda: len(steps) >= 8,
        )
    assert len(steps) == 8
    assert all(torch.equal(v, before[k]) for k, v in tiny_mini.unet.state_dict().items())
    assert not any(p.requires_grad for p in tiny_mini.unet.parameters())


def test_references_that_do_not_fit(tiny_mini: Backbone, two_parts: PartSet) -> None:
    good = square_and_ball(1)
    with pytest.raises(BadReferenceError, match="at least one reference"):
        learn(tiny_mini, [], two_parts, SHORT)
    small = replace(good, labels=good.labels[:-1])
    with pytest.raises(BadReferenceError, match="128x95, but its image is 128x96"):
        learn(tiny_mini, [small], two_parts, SHORT)
    unpainted = replace(good, labels=np.where(good.labels == 2, 0, good.labels).astype(np.uint8))
    with pytest.raises(BadReferenceError, match="No reference shows ball"):
        learn(tiny_mini, [unpainted], two_parts, SHORT)
