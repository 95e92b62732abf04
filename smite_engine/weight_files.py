"""The files of a Stable Diffusion folder: which are read, which are missing, and their hash.

A backbone's hash ties part models to it, so it must not depend on where a folder lies or what else
is in it: it is the SHA-256 over name and SHA-256 of the weight files that are read. Hashing some
gigabytes takes seconds, so a file's SHA-256 is kept in :data:`HASHES` beside the weights, and holds
for as long as the file's size and time of change are the same. `smite models fetch` leaves that
file too, with the hashes that it has verified. It saves time, and proves nothing to anybody who
wants to cheat.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smite_engine.errors import BackboneError

HASHES = "smite_hashes.json"
"""{"unet/x.safetensors": {"size": bytes, "mtime_ns": nanoseconds, "sha256": hexadecimal}, ...}"""

STEMS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
"""Weight files without their ending, by component."""

VARIANTS = (None, "fp16")
"""Looked for in this order, on every device, so that one folder has one hash everywhere."""

_OTHER_FILES = (
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
)
_PICKLED = (".bin", ".ckpt", ".pt", ".pth")


@dataclass(frozen=True)
class WeightFiles:
    """The weight files of a folder that are read.

    Attributes:
        folder: The diffusers folder.
        variants: ``fp16`` or None (full precision), by component.
    """

    folder: Path
    variants: Mapping[str, str | None]

    @property
    def names(self) -> tuple[str, ...]:
        """Paths relative to the folder, with forward slashes, sorted."""
        return tuple(sorted(_weight_name(part, kind) for part, kind in self.variants.items()))


def find_weight_files(folder: Path) -> WeightFiles:
    """What is to be read of a Stable Diffusion folder.

    Raises:
        BackboneError: If a file is missing, or weights are there as pickle files only.
    """
    missing = [name for name in _OTHER_FILES if not (folder / name).is_file()]
    tokenizer = [("tokenizer/tokenizer.json",), ("tokenizer/vocab.json", "tokenizer/merges.txt")]
    if not any(all((folder / name).is_file() for name in names) for names in tokenizer):
        missing += [name for name in tokenizer[1] if not (folder / name).is_file()]
    variants: dict[str, str | None] = {}
    for component in STEMS:
        there = [v for v in VARIANTS if (folder / _weight_name(component, v)).is_file()]
        if there:
            variants[component] = there[0]
        else:
            missing.append(_weight_name(component, None))
    if missing:
        raise BackboneError(_incomplete(folder, missing))
    return WeightFiles(folder, variants)


def _weight_name(component: str, variant: str | None) -> str:
    ending = f".{variant}.safetensors" if variant else ".safetensors"
    return f"{component}/{STEMS[component]}{ending}"


def _incomplete(folder: Path, missing: list[str]) -> str:
    """The sentence about missing files."""
    first = missing[0]
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    pickled = [
        file
        for file in sorted((folder / first).parent.glob("*"))
        if first.endswith(".safetensors") and file.suffix in _PICKLED
    ]
    if pickled:
        kept = pickled[0].relative_to(folder).as_posix()
        return (
            f"The backbone at {folder} cannot be loaded: {kept} is a pickle file, which could run "
            f"code and is never read; {first} is needed{more}."
        )
    return (
        f"The backbone at {folder} cannot be loaded: {first} is missing{more}; copy it there, or "
        "get a complete folder with `smite models fetch`."
    )


def folder_digest(files: WeightFiles) -> str:
    """SHA-256, hexadecimal, over the names and SHA-256 of the weight files."""
    known = _read_hashes(files.folder)
    found = {name: _entry(files.folder / name, known.get(name)) for name in files.names}
    if any(known.get(name) != entry for name, entry in found.items()):
        _write_hashes(files.folder, {**known, **found})
    digest = hashlib.sha256()
    for name, entry in sorted(found.items()):
        digest.update(f"{name}\0{entry['sha256']}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(path: Path, known: Any) -> dict[str, Any]:
    """A file's entry in :data:`HASHES`: the ``known`` one where it still holds, else a new one."""
    status = path.stat()
    same = (
        isinstance(known, dict)
        and known.get("size") == status.st_size
        and known.get("mtime_ns") == status.st_mtime_ns
        and isinstance(known.get("sha256"), str)
    )
    if same:
        return dict(known)
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": file_sha256(path),
    }


def _read_hashes(folder: Path) -> dict[str, Any]:
    """What :data:`HASHES` holds; nothing where it is absent or damaged."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / HASHES).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _write_hashes(folder: Path, hashes: Mapping[str, Any]) -> None:
    """Keeps the hashes, atomically; a folder that cannot be written to is hashed every time."""
    draft = folder / f"{HASHES}.{os.getpid()}"
    with suppress(OSError):
        draft.write_text(json.dumps(hashes, indent=2, sort_keys=True), encoding="utf-8")
        draft.replace(folder / HASHES)
    with suppress(OSError):
        draft.unlink(missing_ok=True)
