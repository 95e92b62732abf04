"""Stable Diffusion folders, tiny, random weights: loading, the whole method, bad folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from smite_engine import (
    Backbone,
    Frame,
    LearnSettings,
    PartModel,
    PartSet,
    SegmentSettings,
    learn,
    load_backbone,
    loading,
    segment,
    weight_files,
)
from smite_engine.attention_maps import merge_layers
from smite_engine.errors import BackboneError, BackboneMismatchError
from smite_engine.inflation import CROSS_LAYERS, cross_sizes
from tests.support.stills import square_and_ball
from tests.support.tiny_diffusion import SD_1_5, SD_2_1, TEXT_WIDTH, write_stable_diffusion

QUALITIES = ("draft", "standard", "paper")
LAYOUTS = {"2.1": SD_2_1, "1.5": SD_1_5}
AREA = 64 * 128
SHORT = LearnSettings(embedding_steps=3, weight_steps=3, area=AREA)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each layout; tests that change one copy it."""
    root = tmp_path_factory.mktemp("stable-diffusion")
    return {name: write_stable_diffusion(root / name, layout) for name, layout in LAYOUTS.items()}


@pytest.fixture(scope="module")
def backbones(folders: dict[str, Path]) -> dict[str, Backbone]:
    return {name: load_backbone(str(folder), device="cpu") for name, folder in folders.items()}


@pytest.fixture(params=list(LAYOUTS), ids=lambda name: f"layout of {name}")
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(backbones: dict[str, Backbone]) -> PartModel:
    parts = PartSet.from_names(["left square", "ball"])
    return learn(backbones["2.1"], [square_and_ball(1), square_and_ball(2)], parts, SHORT)


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A folder that a test may spoil."""
    return Path(shutil.copytree(folders["2.1"], tmp_path / "copied"))


def shot(count: int) -> list[Frame]:
    return [Frame(1001 + i, square_and_ball(i).image) for i in range(count)]


def refusal(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(BackboneError) as caught:
        load_backbone(str(folder), device="cpu")
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_the_text_side_gives_a_context_for_the_unet(
    backbones: dict[str, Backbone], layout: str
) -> None:
    text = backbones[layout].text
    assert text.base(("left eye", "mane")).shape == (77, TEXT_WIDTH)
    assert text.initial(("left eye", "mane")).shape == (2, TEXT_WIDTH)


@torch.no_grad()
def test_one_frame_is_predicted_as_by_diffusers_alone(
    backbones: dict[str, Backbone], folders: dict[str, Path], layout: str
) -> None:
    backbone = backbones[layout]
    unet = folders[layout] / "unet"
    plain = UNet2DConditionModel.from_pretrained(unet, low_cpu_mem_usage=False).eval()
    latents = backbone.encode(torch.rand(1, 3, 64, 128))
    context = backbone.text.base(("hull",))
    expected = plain(latents, 100, encoder_hidden_states=context[None]).sample
    actual = backbone.read(latents, 100, context, 2, want_noise=True).noise
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_logits_are_scaled_by_the_head_width_of_each_layer(
    backbones: dict[str, Backbone], layout: str
) -> None:
    """R against the definition: mean over heads of q.k / sqrt(d), d that of the layer."""
    backbone = backbones[layout]
    unet, taken = backbone.unet, {}
    layers = [f"{name}.transformer_blocks.0.attn2" for name in CROSS_LAYERS]
    hooks = [
        unet.get_submodule(f"{name}.{side}").register_forward_hook(
            lambda _, __, output, key=(name, side): taken.__setitem__(key, output)
        )
        for name in layers
        for side in ("to_q", "to_k")
    ]
    read = backbone.read(
        backbone.encode(torch.rand(2, 3, 64, 64)), 100, backbone.text.base(("hull",)), 2
    )
    for hook in hooks:
        hook.remove()
    expected, widths = [], []
    for name in layers:
        heads = unet.get_submodule(name).heads
        query, key = (taken[name, side].unflatten(2, (heads, -1)) for side in ("to_q", "to_k"))
        widths.append(query.shape[3])
        logits = torch.einsum("fnhd,fkhd->fhnk", query, key[:, :2]) / query.shape[3] ** 0.5
        expected.append(logits.mean(dim=1))
    merged = merge_layers(expected, cross_sizes(8, 8), (8, 8))
    torch.testing.assert_close(read.cross, merged, atol=1e-5, rtol=1e-4)
    assert len(set(widths)) == (1 if layout == "2.1" else 2)
    assert read.scale == read.selves[0][0].shape[3] ** -0.5


def test_learning_gives_a_model_of_this_backbone(
    backbones: dict[str, Backbone], model: PartModel
) -> None:
    backbone = backbones["2.1"]
    assert model.embeddings.shape == (2, TEXT_WIDTH)
    assert model.embeddings.isfinite().all()
    assert set(model.weights) <= set(backbone.tunable_parameters("cross-attention"))
    assert set(model.held_out_iou) == {"left_square", "ball"}
    assert model.backbone_hash == backbone.hash


@pytest.mark.parametrize("quality", QUALITIES)
def test_the_whole_method_gives_maps_and_the_same_ones_again(
    backbones: dict[str, Backbone], model: PartModel, tmp_path: Path, quality: str
) -> None:
    model.save(tmp_path / "model.safetensors")
    read = PartModel.load(tmp_path / "model.safetensors")
    settings = SegmentSettings(quality=quality, area=AREA, window=3)
    first, again = (list(segment(backbones["2.1"], read, shot(4), settings)) for _ in range(2))
    assert [maps.number for maps in first] == [1001, 1002, 1003, 1004]
    for maps, other in zip(first, again, strict=True):
        assert maps.probabilities.shape[0] == 3
        np.testing.assert_allclose(maps.probabilities.sum(axis=0), 1, atol=1e-5)
        assert np.ptp(maps.probabilities[0]) > 0
        assert np.array_equal(maps.probabilities, other.probabilities)


def test_a_model_of_one_layout_is_refused_on_the_other(
    backbones: dict[str, Backbone], model: PartModel
) -> None:
    settings = SegmentSettings(quality="draft", area=AREA)
    with pytest.raises(BackboneMismatchError):
        next(segment(backbones["1.5"], model, shot(1), settings))


def test_half_precision_files_load_where_there_are_no_others(
    backbones: dict[str, Backbone], tmp_path: Path
) -> None:
    folder = write_stable_diffusion(tmp_path / "half", variant="fp16")
    assert (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    half = load_backbone(str(folder), device="cpu")
    full = backbones["2.1"].unet.state_dict()
    for name, value in half.unet.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, full[name].half().float()), name
    assert half.hash != backbones["2.1"].hash


def test_full_precision_is_read_where_both_are_there(
    copied: Path, backbones: dict[str, Backbone]
) -> None:
    unet = copied / "unet"
    half = unet / "diffusion_pytorch_model.fp16.safetensors"
    half.write_bytes((unet / "diffusion_pytorch_model.safetensors").read_bytes()[:100])
    assert load_backbone(str(copied), device="cpu").hash == backbones["2.1"].hash


def test_weights_that_are_trained_stay_exact_in_low_precision(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "working_dtype", lambda device: torch.bfloat16)
    backbone = load_backbone(str(folders["2.1"]), device="cpu")
    trained = backbone.tunable_parameters("cross-attention")
    dtypes = {name: value.dtype for name, value in backbone.unet.named_parameters()}
    assert {dtypes[name] for name in trained} == {torch.float32}
    assert {kind for name, kind in dtypes.items() if name not in trained} == {torch.bfloat16}
    before = {name: value.detach().clone() for name, value in trained.items()}
    optimiser = torch.optim.Adam([w.requires_grad_(True) for w in trained.values()], lr=1e-6)
    latents = backbone.encode(torch.rand(1, 3, 64, 64))
    context = backbone.text.base(("hull",))
    backbone.read(latents, 100, context, 2, want_noise=True).noise.square().mean().backward()
    optimiser.step()
    for name, value in trained.items():
        moved = (value.detach() - before[name]).abs()
        assert 0 < moved.max() < 1e-5, name


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    ],
)
def test_an_incomplete_folder_names_the_missing_file(copied: Path, name: str) -> None:
    (copied / name).unlink()
    sentence = refusal(copied)
    assert f"{name} is missing" in sentence
    assert "smite models fetch" in sentence


def test_pickled_weights_are_never_read(copied: Path) -> None:
    weights = copied / "text_encoder" / "model.safetensors"
    weights.rename(copied / "text_encoder" / "pytorch_model.bin")
    sentence = refusal(copied)
    assert "text_encoder/pytorch_model.bin is a pickle file" in sentence
    assert "text_encoder/model.safetensors is needed" in sentence


@pytest.mark.parametrize("component", ["unet/diffusion_pytorch_model", "text_encoder/model"])
def test_a_truncated_weight_file_is_one_sentence(copied: Path, component: str) -> None:
    weights = copied / f"{component}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "cannot be loaded" in refusal(copied)


def test_a_model_that_predicts_velocity_is_refused(tmp_path: Path) -> None:
    folder = write_stable_diffusion(tmp_path / "768-v", prediction="v_prediction")
    assert "smite models fetch sd-2.1-base" in refusal(folder)


def test_another_noise_schedule_is_refused(copied: Path) -> None:
    file = copied / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "beta_schedule": "linear"}))
    assert "scaled_linear" in refusal(copied)


def test_an_inpainting_model_is_refused(tmp_path: Path) -> None:
    sentence = refusal(write_stable_diffusion(tmp_path / "inpainting", channels=9))
    assert "9 channels" in sentence
    assert "inpainting" in sentence


def test_the_hash_is_of_what_is_read_and_kept_beside_it(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = copied / "vae" / "diffusion_pytorch_model.safetensors"
    files = weight_files.find_weight_files(copied)
    digest = weight_files.folder_digest(files)
    (copied / "v1-5-pruned.safetensors").write_bytes(b"a whole checkpoint that is not read")
    read: list[str] = []
    real = weight_files.file_sha256
    monkeypatch.setattr(
        weight_files, "file_sha256", lambda path: read.append(path.name) or real(path)
    )
    assert weight_files.folder_digest(files) == digest
    assert read == []
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert weight_files.folder_digest(files) != digest
    assert read == [weights.name]


@pytest.mark.parametrize("kept", ["no json", '["a list"]', '{"unet/x": 3}', None])
def test_damaged_hashes_beside_the_weights_are_made_again(copied: Path, kept: str | None) -> None:
    files = weight_files.find_weight_files(copied)
    digest = weight_files.folder_digest(files)
    beside = copied / weight_files.HASHES
    beside.unlink()
    if kept is None:  # a place that cannot be written to
        beside.mkdir()
    else:
        beside.write_text(kept)
    assert weight_files.folder_digest(files) == digest
    assert not list(copied.glob(f"{weight_files.HASHES}.*"))


def test_the_precision_of_a_device() -> None:
    assert loading.working_dtype(torch.device("cpu")) == torch.float32
    assert loading.working_dtype(torch.device("mps")) == torch.float16
