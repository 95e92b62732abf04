"""Which files of a model the engine reads, and whether those that came are the right ones.

Weights that could run code when they are read (pickles) are never asked for, and neither are
whole-checkpoint duplicates of the same weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from smite_protocol.errors import BadInput, JobFailed

from .backbones import PUBLISHED
from .model_hub import HubFile, Repository

CONFIGS = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "vae/config.json",
)
OPTIONAL = ("tokenizer/special_tokens_map.json", "tokenizer/tokenizer.json")
WEIGHTS = ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
UNET = "unet/diffusion_pytorch_model"
VARIANTS = ("", "fp16")
_BLOCK = 4 * 1024**2


def choose_files(repository: Repository, variant: str) -> list[HubFile]:
    """Return the files to fetch, configurations first. Raises BadInput where one is missing."""
    listed = repository.files
    ending = f".{variant}.safetensors" if variant else ".safetensors"
    needed = [*CONFIGS, *(stem + ending for stem in WEIGHTS)]
    missing = [name for name in needed if name not in listed]
    if missing and not any(name.endswith(".safetensors") for name in listed):
        raise BadInput(
            f"{repository.id} has no safetensors files, and pickled weights are never fetched;"
            " choose another copy of this model."
        )
    if missing and variant and all(stem + ".safetensors" in listed for stem in WEIGHTS):
        raise BadInput(f"{repository.id} has no variant {variant!r}; leave out --variant.")
    if missing:
        raise BadInput(
            f"{repository.id} lacks {missing[0]}, or the hub does not say its hash; a repository"
            " in the layout of diffusers is needed."
        )
    return [listed[name] for name in (*OPTIONAL, *needed) if name in listed]


def check_kind(staging: Path, hub_id: str) -> None:
    """Raise BadInput for models that the engine cannot use, before gigabytes are fetched."""
    try:
        schedule, unet = (
            json.loads((staging / name).read_text(encoding="utf-8"))
            for name in ("scheduler/scheduler_config.json", "unet/config.json")
        )
        prediction = schedule.get("prediction_type", "epsilon")
        channels, kind = unet.get("in_channels", 4), unet.get("_class_name")
    except (OSError, ValueError, AttributeError) as problem:
        raise JobFailed(f"The configuration of {hub_id} cannot be read ({problem}).") from problem
    if prediction != "epsilon":
        raise BadInput(
            f"{hub_id} predicts {prediction}, and the engine needs a model that predicts noise;"
            f" fetch {PUBLISHED[0].name} instead."
        )
    if kind != "UNet2DConditionModel" or channels != 4:
        raise BadInput(
            f"{hub_id} is no text-to-image Stable Diffusion ({kind}, {channels} channels); fetch"
            f" {PUBLISHED[0].name} instead."
        )


def verified_sha256(path: Path, file: HubFile, endpoint: str) -> str:
    """Return the SHA-256 of a downloaded file that is what the hub says it is.

    Another file is removed, so that the next try fetches it again. Raises JobFailed.
    """
    size = path.stat().st_size
    sha256, blob = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    blob.update(b"blob %d\0" % size)
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            sha256.update(block)
            if file.blob:
                blob.update(block)
    found = (size, sha256.hexdigest() if file.sha256 else blob.hexdigest())
    if found != (file.size, file.sha256 or file.blob):
        path.unlink()
        raise JobFailed(
            f"{file.name} arrived damaged: {endpoint} says {file.size} bytes with the hash"
            f" {(file.sha256 or file.blob)[:12]}, and these are {size} with {found[1][:12]}; run"
            " this again."
        )
    return sha256.hexdigest()
