"""Tiny models of the Stable Diffusion layouts, random weights, written with ``save_pretrained``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

WIDTHS = (16, 16, 32, 32)
TEXT_WIDTH = 24


@dataclass(frozen=True)
class Layout:
    """What differs between the UNets of Stable Diffusion versions.

    Attributes:
        widths: Channels of the four levels.
        heads: Attention heads of the levels; diffusers calls them ``attention_head_dim``.
        linear: Whether attention blocks project with linear layers, else with 1x1 convolutions.
    """

    widths: tuple[int, int, int, int]
    heads: int | tuple[int, int, int, int]
    linear: bool


# 2.1: heads of one width, more of them in wide levels. 1.5: 8 heads everywhere, of any width.
SD_2_1 = Layout(WIDTHS, heads=(2, 2, 4, 4), linear=True)
SD_1_5 = Layout((16, 32, 64, 64), heads=8, linear=False)


def tiny_unet(channels: int, layout: Layout = SD_2_1) -> UNet2DConditionModel:
    """A UNet with four levels and attention where Stable Diffusion has it."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=layout.widths,
        attention_head_dim=layout.heads,
        cross_attention_dim=TEXT_WIDTH,
        layers_per_block=2,
        use_linear_projection=layout.linear,
        norm_num_groups=8,
    )


def write_stable_diffusion(
    folder: Path,
    layout: Layout = SD_2_1,
    *,
    variant: str | None = None,
    prediction: str = "epsilon",
    channels: int = 4,
    seed: int = 0,
) -> Path:
    """Write a whole folder: unet, vae, text_encoder, tokenizer, scheduler, model_index.json.

    ``variant`` ("fp16") writes weights as ``diffusion_pytorch_model.fp16.safetensors``, in that
    precision. Returns ``folder``.
    """
    torch.manual_seed(seed)
    networks = {
        "unet": tiny_unet(channels, layout),
        "vae": AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=4,
            scaling_factor=0.18215,
        ),
        "text_encoder": _text_encoder(),
    }
    for name, network in networks.items():
        if variant == "fp16":
            network.half()
        network.save_pretrained(folder / name, variant=variant)
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
    ).save_pretrained(folder / "scheduler")
    write_tokenizer(folder / "tokenizer")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def _text_encoder() -> CLIPTextModel:
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
    return CLIPTextModel(config)


def write_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer that knows the letters alone, in the files that published models have."""
    folder.mkdir(parents=True)
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [","]
    words = letters + [f"{c}</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokens = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    about = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    (folder / "special_tokens_map.json").write_text(json.dumps(tokens))
