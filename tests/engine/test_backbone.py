"""Backbones: both folder layouts load, inflation changes only what it should, clear errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from smite_engine import Backbone, load_backbone
from smite_engine.errors import BackboneError, ShapeError
from smite_engine.text_sides import with_parts


@pytest.fixture(params=["embedded layout", "diffusers layout"])
def backbone(request: pytest.FixtureRequest, tiny_mini: Backbone, tiny_sd: Backbone) -> Backbone:
    return tiny_mini if request.param == "embedded layout" else tiny_sd


def latents_of(backbone: Backbone, frames: int = 3) -> torch.Tensor:
    images = torch.rand(frames, 3, 64, 128, generator=torch.Generator().manual_seed(2))
    return backbone.encode(images)


def test_latents_are_eight_times_smaller(backbone: Backbone) -> None:
    assert latents_of(backbone).shape[2:] == (8, 16)


def test_one_frame_is_predicted_as_by_the_untouched_unet(
    backbone: Backbone, tiny_mini: Backbone, mini_folder: Path, stable_diffusion_folder: Path
) -> None:
    folder = mini_folder if backbone is tiny_mini else stable_diffusion_folder
    plain = UNet2DConditionModel.from_pretrained(folder / "unet", low_cpu_mem_usage=False).eval()
    latents = latents_of(backbone, 1)
    context = backbone.text.base(("hull", "fin"))
    with torch.no_grad():
        expected = plain(latents, 50, encoder_hidden_states=context[None]).sample
        actual = backbone.read(latents, 50, context, 3, want_noise=True).noise
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_frames_of_a_window_see_each_other_only_when_joined(backbone: Backbone) -> None:
    latents = latents_of(backbone)
    context = backbone.text.base(("hull",))
    alone = backbone.read(latents[:1], 50, context, 2).cross
    apart = backbone.read(latents, 50, context, 2, span=1).cross[:1]
    joined = backbone.read(latents, 50, context, 2).cross[:1]
    torch.testing.assert_close(apart, alone, atol=1e-4, rtol=1e-4)
    assert (joined - alone).abs().max() > 1e-3


@torch.no_grad()
def test_stopping_early_leaves_the_same_maps(backbone: Backbone) -> None:
    latents, context = latents_of(backbone), backbone.text.base(("hull",))
    early = backbone.read(latents, 50, context, 2)
    full = backbone.read(latents, 50, context, 2, want_noise=True)
    assert early.noise is None
    assert torch.equal(early.cross, full.cross)
    for (a, b), (c, d) in zip(early.selves, full.selves, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_only_the_rows_of_the_parts_are_replaced(backbone: Backbone) -> None:
    base = backbone.text.base(("hull", "fin"))
    initial = backbone.text.initial(("hull", "fin"))
    context = with_parts(base, initial)
    assert torch.equal(context[0], base[0])
    assert torch.equal(context[1:3], initial)
    assert torch.equal(context[3:], base[3:])
    assert not torch.equal(initial[0], initial[1])


def test_tuned_weights_are_taken_back(backbone: Backbone) -> None:
    name, parameter = next(iter(backbone.tunable_parameters("cross-attention").items()))
    before = parameter.detach().clone()
    with backbone.tuned({name: torch.zeros_like(before)}):
        assert not parameter.any()
    assert torch.equal(parameter, before)
    with pytest.raises(BackboneError, match="learn it again"), backbone.tuned({"no.such": before}):
        pass


def test_the_hash_is_of_the_weights(mini_folder: Path, tiny_mini: Backbone) -> None:
    assert load_backbone(str(mini_folder), device="cpu").hash == tiny_mini.hash
    assert len(tiny_mini.hash) == 64


def test_latents_that_do_not_fit_the_levels(tiny_mini: Backbone) -> None:
    with pytest.raises(ShapeError):
        tiny_mini.read(torch.zeros(1, 16, 12, 16), 50, tiny_mini.text.base(()), 1)


def test_missing_and_broken_folders(tmp_path: Path, mini_folder: Path) -> None:
    with pytest.raises(BackboneError, match="no backbone at"):
        load_backbone(str(tmp_path), device="cpu")
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text((mini_folder / "unet/config.json").read_text())
    with pytest.raises(BackboneError, match="cannot be loaded"):
        load_backbone(str(tmp_path), device="cpu")
    with pytest.raises(BackboneError, match="device"):
        load_backbone(str(mini_folder), device="abacus")
