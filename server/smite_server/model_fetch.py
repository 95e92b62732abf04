"""Fetches a backbone's weights: only what the engine reads, verified, in place when it is whole.

Files are downloaded into a hidden folder beside the final one. It is kept when a fetch breaks off
(an error, Ctrl-C, kill -9), so that the next try keeps the files that are whole; it gets the final
name when every file has been verified.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadInput, DiskFull, JobFailed

from . import __version__
from .backbones import (
    EMBEDDED,
    FOLDER,
    HUB_ID,
    NAME,
    PUBLISHED,
    RECORD,
    FetchedBackbone,
    fetched_backbone,
    published,
)
from .model_files import CONFIGS, UNET, VARIANTS, check_kind, choose_files, verified_sha256
from .model_hub import Hub, HubFile, Repository, hub_endpoint

FORMAT = 1
HASHES = "smite_hashes.json"
"""Where the engine keeps the SHA-256 of weight files (`smite_engine.weight_files`)."""

SPARE_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Wanted:
    """What to fetch: a hub id and the name it gets here.

    ``revision`` None is the newest commit; ``variant`` "" is full precision.
    """

    id: str
    name: str
    revision: str | None = None
    variant: str = ""
    force: bool = False


@dataclass(frozen=True)
class Fetched:
    """What is there now; ``already`` where it was before. ``notes`` are sentences for a person."""

    backbone: FetchedBackbone
    already: bool
    notes: tuple[str, ...] = ()


def wanted(
    what: str,
    *,
    name: str | None = None,
    revision: str | None = None,
    variant: str = "",
    force: bool = False,
) -> Wanted:
    """Return what a short name or hub id, and the options, ask for. Raises BadInput."""
    known = published(what)
    hub_id = known.ids[0] if known is not None and what == known.name else what
    if not HUB_ID.fullmatch(hub_id):
        names = ", ".join(one.name for one in PUBLISHED)
        raise BadInput(
            f"{what!r} is neither a known name ({names}) nor a hub id; write an id like"
            f" {PUBLISHED[0].ids[0]}."
        )
    if variant not in VARIANTS:
        raise BadInput(f"--variant {variant!r} is unknown; use fp16, or leave it out.")
    own = known.name if known is not None else re.sub(r"[^A-Za-z0-9_.-]", "-", what.split("/")[1])
    chosen = own[:64] if name is None else name
    if not NAME.fullmatch(chosen) or chosen == EMBEDDED:
        raise BadInput(
            f"--name {chosen!r} cannot be a backbone's name; use letters, digits, '_', '-' and"
            f" '.', at most 64, not {EMBEDDED!r}."
        )
    return Wanted(hub_id, chosen, revision, variant, force)


def fetch(want: Wanted, home: Path, tell: Callable[[str], None], *, quiet: bool = False) -> Fetched:
    """Fetch a backbone into ``home``, unless it is there already.

    ``tell`` gets a sentence now and then; without ``quiet`` a terminal gets progress bars too.
    Raises BadInput, JobFailed (also where a file is not what the hub says it is), DiskFull.
    """
    there = _already(want, home)
    if there is not None:
        return Fetched(there, already=True)
    hub = Hub(hub_endpoint(), quiet=quiet)
    repository = hub.repository(want.id, want.revision)
    files = choose_files(repository, want.variant)
    tell(_terms(want, repository))
    staging = home / FOLDER / f".{want.name}.{repository.commit[:12]}{want.variant}.partial"
    _make_folder(staging)
    _check_space(staging, files)
    tell(_plan(repository, files, staging))
    hashes = {}
    for file in files:
        if file.size > 1_000_000:
            tell(f"{file.name}, {file.size / 1e6:,.0f} MB")
        hub.download(repository, file.name, staging)
        hashes[file.name] = verified_sha256(staging / file.name, file, hub.endpoint)
        if file.name == CONFIGS[-1]:
            check_kind(staging, want.id)
    _write_records(staging, want, repository, hub.endpoint, files, hashes)
    _put_in_place(staging, home / FOLDER / want.name)
    _remove_leftovers(home / FOLDER, want.name)
    backbone = fetched_backbone(home, want.name)
    assert backbone is not None
    return Fetched(backbone, already=False, notes=_notes(want, hashes))


def _already(want: Wanted, home: Path) -> FetchedBackbone | None:
    """Return the backbone that is there and is what is wanted; None where it is to be fetched.

    Raises BadInput where something else has the name.
    """
    there = fetched_backbone(home, want.name)
    if there is None:
        return None
    if not there.files:
        raise BadInput(
            f"{there.path} is there and was not fetched by this command; choose another --name, or"
            " move it away."
        )
    if want.force:
        return None
    damaged = there.damaged_files()
    if damaged:
        raise BadInput(
            f"The backbone {want.name} is damaged ({damaged[0]} is missing or of another size);"
            " give --force to fetch it again."
        )
    same = there.id == want.id and there.variant == want.variant
    if not same or want.revision not in (None, there.commit, there.revision):
        held = f"{there.id}{f' ({there.variant})' if there.variant else ''} at {there.commit[:12]}"
        raise BadInput(
            f"The name {want.name} is taken by {held}; choose another --name, or give --force to"
            " replace it."
        )
    return there


def _terms(want: Wanted, repository: Repository) -> str:
    """Return the sentence about the licence."""
    known = published(want.id)
    if known is not None:
        return (
            f"{known.title} comes under the licence {known.licence}: commercial use is allowed,"
            f" with restrictions of use that you accept by using it ({known.terms})."
        )
    told = repository.licence or "not stated"
    return f"The licence of {want.id} is, by its card: {told}; read it before you use the weights."


def _plan(repository: Repository, files: Iterable[HubFile], staging: Path) -> str:
    left = sum(file.size for file in files if not (staging / file.name).is_file())
    return (
        f"Fetching {repository.id} at commit {repository.commit}, {left / 1e9:.2f} GB to go; Ctrl-C"
        " stops, and the next try keeps the files that are whole."
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(
            f"The folder {folder} cannot be made ({problem.strerror}); set SMITE_HOME elsewhere."
        ) from problem


def _check_space(staging: Path, files: Iterable[HubFile]) -> None:
    """Raise DiskFull where what is still to come does not fit."""
    left = sum(file.size for file in files if not (staging / file.name).is_file())
    free = shutil.disk_usage(staging).free
    if free < left + SPARE_BYTES:
        raise DiskFull(
            f"{left / 1e9:.2f} GB are needed in {staging.parent} and {free / 1e9:.2f} GB are free;"
            " make room, or set SMITE_HOME elsewhere."
        )


def _write_records(
    staging: Path,
    want: Wanted,
    repository: Repository,
    endpoint: str,
    files: Iterable[HubFile],
    hashes: dict[str, str],
) -> None:
    """Write where the files came from, and the hashes of the weights for the engine."""
    known = published(want.id)
    record = {
        "format": FORMAT,
        "id": repository.id,
        "hub": endpoint,
        "commit": repository.commit,
        "revision": want.revision or "",
        "variant": want.variant,
        "licence": known.licence if known is not None else repository.licence,
        "licence_text": known.terms if known is not None else "",
        "fetched": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "smite": __version__,
        "files": {file.name: {"size": file.size, "sha256": hashes[file.name]} for file in files},
    }
    weights = {
        name: {
            "size": (staging / name).stat().st_size,
            "mtime_ns": (staging / name).stat().st_mtime_ns,
            "sha256": sha256,
        }
        for name, sha256 in hashes.items()
        if name.endswith(".safetensors")
    }
    _write_json(staging / RECORD, record)
    _write_json(staging / HASHES, weights)
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # the download library's notes


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _put_in_place(staging: Path, final: Path) -> None:
    """Give the whole folder its name; one that is replaced is put back if that fails."""
    aside = final.with_name(f".{final.name}.{os.getpid()}.replaced")
    if final.exists():
        final.rename(aside)
    try:
        staging.rename(final)
    except OSError as problem:
        if aside.exists():
            aside.rename(final)
        raise JobFailed(
            f"{final} cannot be put in place ({problem.strerror}); is another fetch at work there?"
        ) from problem


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove what this name's earlier tries and replaced versions left."""
    ours = re.compile(re.escape(f".{name}.") + r"([0-9a-f]{12}(fp16)?\.partial|[0-9]+\.replaced)")
    for entry in folder.iterdir():
        if ours.fullmatch(entry.name):
            shutil.rmtree(entry, ignore_errors=True)


def _notes(want: Wanted, hashes: dict[str, str]) -> tuple[str, ...]:
    """Return a sentence where a known model's UNet is not the one that its makers published."""
    known = published(want.id)
    expected = known.unet.get(want.variant) if known is not None else None
    ending = f".{want.variant}.safetensors" if want.variant else ".safetensors"
    if known is None or expected is None or hashes[UNET + ending] == expected:
        return ()
    changed = (
        f"Note: the UNet of {want.id} is not the one that was published as {known.title} (its"
        " SHA-256 differs); this copy has been changed."
    )
    return (changed,)
