"""Tiny backbones with random weights, written to disk and loaded like real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from smite_engine import Backbone, PartSet, load_backbone
from smite_engine.reference_encoder import ReferenceEncoder
from smite_engine.text_table import TextTable
from smite_engine.tiny_autoencoder import TinyAutoencoder

WIDTHS = (16, 16, 32, 32)
TEXT_WIDTH = 24


def tiny_unet(channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=WIDTHS,
        attention_head_dim=(2, 2, 4, 4),
        cross_attention_dim=TEXT_WIDTH,
        layers_per_block=2,
        use_linear_projection=True,
        norm_num_groups=8,
    )


def write_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer that knows the letters alone."""
    folder.mkdir()
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [","]
    words = letters + [f"{c}</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    about = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


@pytest.fixture(scope="session")
def stable_diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of Stable Diffusion 2.1, a few thousand random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("backbones") / "tiny-sd"
    folder.mkdir()
    tiny_unet(4).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    ).save_pretrained(folder / "scheduler")
    config = CLIPTextConfig(
        vocab_size=56,
        hidden_size=TEXT_WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=54,
        eos_token_id=55,
        pad_token_id=55,
    )
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    return folder


@pytest.fixture(scope="session")
def mini_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded backbone's layout with random weights."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("backbones") / "tiny-mini"
    tiny_unet(16).save_pretrained(folder / "unet")
    TinyAutoencoder(width=16, encoder_blocks=1, decoder_blocks=1).save_pretrained(folder / "vae")
    TextTable(width=TEXT_WIDTH, buckets=64).save_pretrained(folder / "text")
    pooled = 3 * WIDTHS[2] + 2 * WIDTHS[1]
    ReferenceEncoder(pooled, TEXT_WIDTH).save_pretrained(folder / "encoder")
    return folder


@pytest.fixture(scope="session")
def tiny_mini(mini_folder: Path) -> Backbone:
    return load_backbone(str(mini_folder), device="cpu")


@pytest.fixture(scope="session")
def tiny_sd(stable_diffusion_folder: Path) -> Backbone:
    return load_backbone(str(stable_diffusion_folder), device="cpu")


@pytest.fixture
def two_parts() -> PartSet:
    return PartSet.from_names(["left square", "ball"])
