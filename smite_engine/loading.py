"""Loads backbones from folders; see :mod:`smite_engine.backbone` for what they are.

diffusers and transformers take seconds to import, so the functions that need them do it: a process
that only asks for the engine's settings, or cancels before it has loaded, does not pay.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from smite_engine.backbone import Backbone, Networks, weights_digest
from smite_engine.errors import BackboneError
from smite_engine.noise import alphas_cumprod
from smite_engine.profiles import EMBEDDED, STABLE_DIFFUSION
from smite_engine.text_sides import ClipText, TableText
from smite_engine.weight_files import WeightFiles, find_weight_files, folder_digest

EMBEDDED_NAME = "smite-mini"
EMBEDDED_FOLDER = Path(__file__).parent / "weights" / EMBEDDED_NAME


def load_backbone(source: str, *, device: str = "auto") -> Backbone:
    """The backbone ``embedded``, or that of a local diffusers folder. Nothing is downloaded.

    Args:
        source: ``embedded`` or a folder with ``unet/``, ``vae/`` and ``text_encoder/``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        BackboneError: If the folder is absent, incomplete or of another kind, or the device is
            not there.
    """
    target = pick_device(device)
    folder = EMBEDDED_FOLDER if source == "embedded" else Path(source)
    if not (folder / "unet" / "config.json").is_file():
        raise BackboneError(
            f'There is no backbone at {folder}; give "embedded" or a local diffusers folder with '
            "unet/, vae/ and text_encoder/."
        )
    embedded = (folder / "text" / "config.json").is_file()
    try:
        with _quiet():
            return (_load_embedded if embedded else _load_diffusers)(folder, target)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise BackboneError(f"The backbone at {folder} cannot be loaded: {reason}") from error


def pick_device(device: str) -> torch.device:
    """The torch device of a name; ``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        BackboneError: If the name is no device, or the device is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        raise BackboneError(
            f'The device "{device}" is not there; use auto, cpu, or one that `smite doctor` lists.'
        ) from error
    return target


def working_dtype(device: torch.device) -> torch.dtype:
    """Precision of Stable Diffusion's UNet and VAE on a device.

    float32 on a CPU; on CUDA bfloat16 where the device computes in it, because float16 overflows
    in the attention of some versions; else float16.
    """
    if device.type == "cpu":
        return torch.float32
    if device.type == "cuda":
        with torch.cuda.device(device):
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return torch.bfloat16
    return torch.float16


def _load_embedded(folder: Path, device: torch.device) -> Backbone:
    """The embedded backbone: float32 everywhere, it is small and its weights are trained."""
    from diffusers import UNet2DConditionModel

    from smite_engine.reference_encoder import ReferenceEncoder
    from smite_engine.text_table import TextTable
    from smite_engine.tiny_autoencoder import TinyAutoencoder

    options = _offline(torch.float32)
    table = TextTable.from_pretrained(folder / "text", **options).to(device)
    networks = Networks(
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **options),
        vae=TinyAutoencoder.from_pretrained(folder / "vae", **options),
        text=TableText(table),
        encoder=ReferenceEncoder.from_pretrained(folder / "encoder", **options),
        alphas=alphas_cumprod(),
    )
    return Backbone(
        identity=EMBEDDED_NAME,
        digest=weights_digest(folder),
        networks=networks,
        profile=EMBEDDED,
        device=device,
    )


def _load_diffusers(folder: Path, device: torch.device) -> Backbone:
    files = find_weight_files(folder)
    alphas = _read_schedule(folder)
    networks = _read_networks(files, alphas, device)
    _check_fit(folder, networks)
    return Backbone(
        identity=folder.resolve().name,
        digest=folder_digest(files),
        networks=networks,
        profile=STABLE_DIFFUSION,
        device=device,
    )


def _read_schedule(folder: Path) -> torch.Tensor:
    """Cumulated alphas, float32 [T], of a folder's schedule.

    Raises:
        BackboneError: If the UNet predicts something else than noise, or on another schedule.
    """
    schedule = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    prediction = schedule.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        raise BackboneError(
            f"The backbone at {folder} predicts {prediction}, as the 768-pixel Stable Diffusion 2 "
            "models do; one that predicts noise is needed: `smite models fetch sd-2.1-base`."
        )
    kind = schedule.get("beta_schedule", "linear")
    if kind != "scaled_linear" or schedule.get("trained_betas") is not None:
        raise BackboneError(
            f"The backbone at {folder} has the noise schedule {kind}; that of Stable Diffusion, "
            "scaled_linear, is needed."
        )
    return alphas_cumprod(
        schedule["num_train_timesteps"], schedule["beta_start"], schedule["beta_end"]
    )


def _read_networks(files: WeightFiles, alphas: torch.Tensor, device: torch.device) -> Networks:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import AutoTokenizer, CLIPTextModel

    folder, variants = files.folder, files.variants
    options = _offline(working_dtype(device))
    unet = UNet2DConditionModel.from_pretrained(
        folder / "unet", variant=variants["unet"], **options
    )
    keep_trained_weights_exact(unet)
    encoder = CLIPTextModel.from_pretrained(
        folder / "text_encoder",
        variant=variants["text_encoder"],
        local_files_only=True,
        use_safetensors=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    return Networks(
        unet=unet,
        vae=AutoencoderKL.from_pretrained(folder / "vae", variant=variants["vae"], **options),
        text=ClipText(tokenizer, encoder.float(), device),
        encoder=None,
        alphas=alphas,
    )


def _check_fit(folder: Path, networks: Networks) -> None:
    """Raises BackboneError where the networks of a folder do not fit each other."""
    unet, vae, text = networks.unet.config, networks.vae.config, networks.text
    if unet.in_channels != vae.latent_channels:
        raise BackboneError(
            f"The UNet of the backbone at {folder} takes {unet.in_channels} channels and its VAE "
            f"makes {vae.latent_channels}; a text-to-image model is needed, none for inpainting, "
            "depth or enlarging."
        )
    width = text.base(()).shape[1]
    if unet.cross_attention_dim != width:
        raise BackboneError(
            f"The UNet of the backbone at {folder} reads texts of width "
            f"{unet.cross_attention_dim} and its text encoder gives {width}; these are parts of "
            "different models."
        )


def keep_trained_weights_exact(unet: nn.Module) -> None:
    """Keeps the weights that learning changes in float32 inside a UNet of lower precision.

    Learning moves cross-attention's ``to_k`` and ``to_v`` by 1e-6 a step; bfloat16 keeps 8 bits,
    so a weight of 0.02 would not move at all, and float16 underflows in Adam's second moment. They
    read the short context only, so this costs next to nothing.
    """
    dtype = next(unet.parameters()).dtype
    if dtype == torch.float32:
        return
    for name, layer in unet.named_modules():
        if name.endswith((".attn2.to_k", ".attn2.to_v")):
            layer.float()
            layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
            layer.register_forward_hook(lambda _, __, output: output.to(dtype))


def _offline(dtype: torch.dtype) -> dict[str, Any]:
    """Options of every ``from_pretrained`` of diffusers: local, no pickle, eager loading."""
    return {
        "torch_dtype": dtype,
        "local_files_only": True,
        "use_safetensors": True,
        "low_cpu_mem_usage": False,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the libraries' advice out of the host's log while they load."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
