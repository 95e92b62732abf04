"""Tiny backbones with random weights, written to disk and loaded like real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from smite_engine import Backbone, PartSet, load_backbone
from smite_engine.reference_encoder import ReferenceEncoder
from smite_engine.text_table import TextTable
from smite_engine.tiny_autoencoder import TinyAutoencoder
from tests.support.tiny_diffusion import TEXT_WIDTH, WIDTHS, tiny_unet, write_stable_diffusion


@pytest.fixture(scope="session")
def stable_diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of Stable Diffusion 2.1, a few thousand random weights."""
    return write_stable_diffusion(tmp_path_factory.mktemp("backbones") / "tiny-sd")


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
