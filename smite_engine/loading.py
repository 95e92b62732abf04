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

from smite_engine.backbone import Backbone, Networks, weights_digest
from smite_engine.errors import BackboneError
from smite_engine.noise import alphas_cumprod
from smite_engine.profiles import EMBEDDED, STABLE_DIFFUSION
from smite_engine.text_sides import ClipText, TableText

EMBEDDED_NAME = "smite-mini"
EMBEDDED_FOLDER = Path(__file__).parent / "weights" / EMBEDDED_NAME


def load_backbone(source: str, *, device: str = "auto") -> Backbone:
    """The backbone ``embedded``, or that of a local diffusers folder. Nothing is downloaded.

    Args:
        source: ``embedded`` or a folder with ``unet/``, ``vae/`` and ``text_encoder/``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        BackboneError: If the folder is absent or incomplete, or the device is not there.
    """
    target = pick_device(device)
    folder = EMBEDDED_FOLDER if source == "embedded" else Path(source)
    if not (folder / "unet" / "config.json").is_file():
        raise BackboneError(
            f'There is no backbone at {folder}; give "embedded" or a local diffusers folder with '
            "unet/, vae/ and text_encoder/."
        )
    try:
        with _quiet():
            return _read(folder, target)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
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


def _read(folder: Path, device: torch.device) -> Backbone:
    from diffusers import UNet2DConditionModel

    embedded = (folder / "text" / "config.json").is_file()
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", **_offline(dtype))
    networks = (_read_embedded if embedded else _read_diffusers)(folder, unet, dtype, device)
    return Backbone(
        identity=EMBEDDED_NAME if embedded else folder.resolve().name,
        digest=weights_digest(folder),
        networks=networks,
        profile=EMBEDDED if embedded else STABLE_DIFFUSION,
        device=device,
    )


def _read_embedded(
    folder: Path, unet: torch.nn.Module, dtype: torch.dtype, device: torch.device
) -> Networks:
    from smite_engine.reference_encoder import ReferenceEncoder
    from smite_engine.text_table import TextTable
    from smite_engine.tiny_autoencoder import TinyAutoencoder

    table = TextTable.from_pretrained(folder / "text", **_offline(torch.float32)).to(device)
    return Networks(
        unet=unet,
        vae=TinyAutoencoder.from_pretrained(folder / "vae", **_offline(dtype)),
        text=TableText(table),
        encoder=ReferenceEncoder.from_pretrained(folder / "encoder", **_offline(torch.float32)),
        alphas=alphas_cumprod(),
    )


def _read_diffusers(
    folder: Path, unet: torch.nn.Module, dtype: torch.dtype, device: torch.device
) -> Networks:
    from diffusers import AutoencoderKL
    from transformers import AutoTokenizer, CLIPTextModel

    schedule = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", local_files_only=True)
    return Networks(
        unet=unet,
        vae=AutoencoderKL.from_pretrained(folder / "vae", **_offline(dtype)),
        text=ClipText(tokenizer, encoder.float(), device),
        encoder=None,
        alphas=alphas_cumprod(
            schedule["num_train_timesteps"], schedule["beta_start"], schedule["beta_end"]
        ),
    )


def _offline(dtype: torch.dtype) -> dict[str, Any]:
    """Options of every ``from_pretrained``: local, no pickle, eager loading."""
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
