"""The fit of keys: R is linear in the joined queries, and the fit finds what separates them."""

from __future__ import annotations

import pytest
import torch

from smite_engine import Backbone, LearnSettings, PartSet
from smite_engine.attention_maps import joined_queries
from smite_engine.inflation import CROSS_LAYERS, FINE_CROSS_LAYERS, cross_sizes
from smite_engine.key_fit import CELLS_OF_VIEW, Cells, balanced_cells, fit_keys
from smite_engine.losses import training_was
from smite_engine.references import View
from tests.engine.test_learning_tune import learned_with


@torch.no_grad()
@pytest.mark.parametrize("kind", ["tiny_mini", "tiny_sd"])
def test_r_is_the_product_of_joined_queries_and_keys(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backbone: Backbone = request.getfixturevalue(kind)
    context = backbone.text.base(("hull", "fin"))
    read = backbone.read(backbone.encode(torch.rand(2, 3, 64, 128)), 50, context, 3)
    layers = backbone.read_layers()
    assert len(layers) == (8 if kind == "tiny_mini" else 5)
    names = FINE_CROSS_LAYERS if kind == "tiny_mini" else CROSS_LAYERS
    heads = [layer.heads for layer in layers.values()]
    joined = joined_queries(read.queries, cross_sizes(8, 16, names), (8, 16), heads)
    keys = torch.cat([layer.to_k(context[:3]) for layer in layers.values()], dim=1)
    expected = read.cross.flatten(2).transpose(1, 2)
    torch.testing.assert_close(joined @ keys.T, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_own_share_mixes_own_and_accumulated_probabilities(tiny_mini: Backbone) -> None:
    context = tiny_mini.text.base(("hull", "fin"))
    read = tiny_mini.read(tiny_mini.encode(torch.rand(1, 3, 64, 64)), 50, context, 3)
    assert read.own_share == 0.5
    own = read.cross.softmax(dim=1)
    spread = training_was(type(read)(**{**vars(read), "own_share": 0.0}))
    torch.testing.assert_close(training_was(read), (own + spread) / 2)
    assert not torch.allclose(own, spread)


def separable(count: int = 4000) -> tuple[Cells, torch.Tensor]:
    """Cells of three parts that lie around three directions of ten, and their labels."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(3, (count,), generator=generator)
    middles = torch.randn(3, 10, generator=generator)
    queries = middles[labels] + 0.3 * torch.randn(count, 10, generator=generator)
    return Cells(queries, torch.eye(3)[labels]), labels


def test_the_fit_separates_what_can_be_separated() -> None:
    cells, labels = separable()
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(5, 6, generator=generator)
    start = 0.1 * torch.randn(2, 6, generator=generator)
    projections = [0.1 * torch.randn(width, 6, generator=generator) for width in (4, 6)]

    def right(embeddings: torch.Tensor, weights: list[torch.Tensor]) -> float:
        context = torch.cat([base[:1], embeddings])
        keys = torch.cat([context @ weight.T for weight in weights], dim=1)
        return float(((cells.queries @ keys.T).argmax(dim=1) == labels).float().mean())

    before = [projection.clone() for projection in projections]
    fitted = fit_keys(cells, base, start, projections, 300, 0.02, generator)
    assert right(start, projections) < 0.8
    assert right(*fitted) > 0.95
    assert all(torch.equal(a, b) for a, b in zip(before, projections, strict=True))


def test_small_parts_are_drawn_more_often_than_their_area_and_unknown_cells_never() -> None:
    coverage = torch.zeros(3, 20, 20)
    coverage[0] = 1
    coverage[:, 0, :4] = torch.tensor([0.0, 1.0, 0.0])[:, None]
    coverage[:, :, 15:] = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    known = torch.ones(20, 20)
    known[:, 15:] = 0
    view = View(torch.zeros(3, 160, 160), coverage, known)
    places = torch.arange(400.0)[:, None]
    cells = balanced_cells(view, places, torch.Generator().manual_seed(0))
    assert cells.coverage.shape == (CELLS_OF_VIEW, 3)
    share = cells.coverage.mean(dim=0)
    # 4 cells against 296: roots of the areas are as 2 to 17.2.
    assert float(share[1]) == pytest.approx(2 / 19.2, abs=0.04)
    assert float(share[2]) == 0
    assert bool((cells.queries.flatten().long() % 20 < 15).all())


def test_the_fit_is_the_first_step_of_the_second_phase(
    tiny_mini: Backbone, two_parts: PartSet
) -> None:
    learned = learned_with(
        tiny_mini, two_parts, LearnSettings(weight_rate=0.0, key_steps=5, key_views=2)
    )
    changed = {
        name
        for name, value in learned.weights.items()
        if not torch.equal(value, tiny_mini.unet.get_parameter(name))
    }
    assert changed == {f"{name}.to_k.weight" for name in tiny_mini.read_layers()}
    assert learned.at.weights == 2
