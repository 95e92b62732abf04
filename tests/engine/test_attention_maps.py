"""WAS maps: equality with the materialised form, gradients, many tokens, guards."""

from __future__ import annotations

import pytest
import torch

from smite_engine.attention_maps import (
    accumulate,
    cross_logits,
    merge_layers,
    reference_was,
    rescale_to,
    suppress_background,
)
from smite_engine.errors import ShapeError


def random_layers(tokens: int, dtype: torch.dtype = torch.float32):
    generator = torch.Generator().manual_seed(0)
    layers = [
        tuple(torch.randn(2, 3, 20, 8, generator=generator, dtype=dtype) for _ in "qk")
        for _ in range(2)
    ]
    return layers, torch.randn(2, tokens, 4, 5, generator=generator, dtype=dtype)


@pytest.mark.parametrize("tokens", [2, 8, 21], ids=["few", "as wide as a head", "more than a head"])
def test_accumulate_equals_the_materialised_attention(tokens: int) -> None:
    layers, cross = random_layers(tokens)
    expected = torch.zeros(2, tokens, 20)
    for query, key in layers:
        attention = (query @ key.transpose(2, 3) * 0.3).softmax(dim=3).mean(dim=1)
        expected += torch.einsum("fqk,ftk->ftq", attention, cross.flatten(2)) / len(layers)
    torch.testing.assert_close(accumulate(layers, cross, 0.3).flatten(2), expected)


def test_accumulate_has_correct_gradients() -> None:
    layers, cross = random_layers(3, torch.float64)
    query, key = (x[:, :, :6].clone().requires_grad_(True) for x in layers[0])
    small = cross[:, :, :2, :3].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda q, k, r: accumulate([(q, k)], r, 0.3), (query, key, small)
    )


def test_cross_logits_are_the_mean_over_heads() -> None:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(2, 3, 10, 8, generator=generator)
    key = torch.randn(2, 3, 5, 8, generator=generator)
    expected = (query @ key.transpose(2, 3)).mean(dim=1) * 0.5
    torch.testing.assert_close(cross_logits(query, key, 0.5), expected)


def test_merging_keeps_an_identity_grid() -> None:
    rows = torch.arange(4.0)[:, None].expand(4, 6).reshape(1, 24, 1)
    merged = merge_layers([rows], [(4, 6)], (4, 6))
    assert torch.equal(merged[0, 0], torch.arange(4.0)[:, None].expand(4, 6))


def test_background_is_kept_only_above_its_mean() -> None:
    cross = torch.tensor([[[[0.0, 1.0, 2.0, 5.0]], [[-1.0, 0.0, 1.0, 2.0]]]])
    result = suppress_background(cross)
    assert result[0, 0, 0].tolist() == [0, 0, 0, 5]
    assert torch.equal(result[:, 1:], cross[:, 1:])


def test_rescaling_takes_the_target_range_and_survives_a_constant_map() -> None:
    was = torch.stack([torch.linspace(0, 1, 12), torch.full((12,), 3.0)]).reshape(1, 2, 3, 4)
    cross = torch.stack([torch.linspace(-5, 7, 12), torch.linspace(2, 4, 12)]).reshape(1, 2, 3, 4)
    result = rescale_to(was, cross)
    assert float(result[0, 0].min()) == pytest.approx(-5)
    assert float(result[0, 0].max()) == pytest.approx(7)
    assert torch.equal(result[0, 1], torch.full((3, 4), 2.0))


def test_shapes_that_do_not_fit_are_named() -> None:
    layers, cross = random_layers(3)
    with pytest.raises(ShapeError) as caught:
        reference_was(layers, cross[:, :, :3], 0.3)
    assert caught.value.actual == (2, 3, 20, 8)
    with pytest.raises(ShapeError):
        merge_layers([torch.zeros(1, 5, 2)], [(2, 3)], (4, 4))
