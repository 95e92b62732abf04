"""The part models in the server's folder, read without any array library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smite_protocol.messages import ModelInfo

MAX_HEADER_BYTES = 8 * 1024 * 1024
MAX_MODELS = 1000


def model_names(folder: Path) -> list[str]:
    """Return the names of the part models in ``folder``, sorted."""
    return sorted(path.stem for path in folder.glob("*.safetensors") if path.is_file())


def list_models(folder: Path) -> tuple[ModelInfo, ...]:
    """Return the part models in ``folder``, by name; at most `MAX_MODELS`."""
    found = []
    for name in model_names(folder)[:MAX_MODELS]:
        path = folder / f"{name}.safetensors"
        try:
            status = path.stat()
        except OSError:  # removed meanwhile
            continue
        found.append(
            ModelInfo(
                name=name[:64],
                path=str(path),
                bytes=status.st_size,
                modified=status.st_mtime,
                parts=part_names(path),
            )
        )
    return tuple(found)


def part_names(path: Path) -> tuple[str, ...]:
    """Return the part names in a part model's header; none when they cannot be read.

    A safetensors file opens with the length of a JSON header (8 bytes, little endian); in its
    ``__metadata__``, ``smite`` is a JSON map whose ``parts`` are objects with a ``name``.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                return ()
            header = json.loads(file.read(length))
        about = json.loads(header["__metadata__"]["smite"])
        names = [_name_of(part) for part in about["parts"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(name[:128] for name in names[:255])


def _name_of(part: Any) -> str:
    found = part["name"]
    if not isinstance(found, str):
        raise TypeError("a part's name is text")
    return found
