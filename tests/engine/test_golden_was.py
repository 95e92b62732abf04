"""WAS maps against reference tensors of another implementation (SMITE eq. 1)."""

from __future__ import annotations

import pytest
import torch

from smite_engine.attention_maps import cross_logits, merge_layers, reference_was
from tests.support.golden import assert_close, golden_tensors


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return golden_tensors("was.npz")


def layers_of(golden: dict[str, torch.Tensor], kind: str) -> list[str]:
    names = {name.rsplit(".", 1)[0] for name in golden if f".{kind}." in name}
    return sorted(names, key=lambda name: int(name.split(".")[0].removeprefix("l")))


def golden_cross(golden: dict[str, torch.Tensor]) -> torch.Tensor:
    """R from the golden queries and keys, frame-major over heads."""
    frames, tokens, height, width = golden["cross"].shape
    layers, sizes = [], []
    for name in layers_of(golden, "attn2"):
        query = golden[f"{name}.q"].unflatten(0, (frames, -1))
        key = golden[f"{name}.k"].unflatten(0, (frames, -1))[:, :, :tokens]
        layers.append(cross_logits(query, key, query.shape[-1] ** -0.5))
        side = round(query.shape[2] ** 0.5)
        sizes.append((side, side))
    return merge_layers(layers, sizes, (height, width))


def golden_selves(golden: dict[str, torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(query, key) of each layer with the joined frames parted: [F, H, n, d]."""
    frames = len(golden["cross"])
    return [
        tuple(
            golden[f"{name}.{which}"].unflatten(1, (frames, -1)).transpose(0, 1) for which in "qk"
        )
        for name in layers_of(golden, "attn1")
    ]


def test_cross_logits_and_their_mean_over_layers(golden: dict[str, torch.Tensor]) -> None:
    assert_close(golden_cross(golden), golden["cross"])


@pytest.mark.parametrize("name", ["was", "was_x8"])
def test_was_maps(golden: dict[str, torch.Tensor], name: str) -> None:
    selves = golden_selves(golden)
    scale = selves[0][0].shape[-1] ** -0.5
    actual = reference_was(selves, golden["cross"], scale, tuple(golden[name].shape[2:]))
    assert_close(actual, golden[name])
