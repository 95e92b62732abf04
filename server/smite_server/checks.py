"""The cheap checks of a job before it is accepted: names, paths, and what identifies the work.

What needs pixels is checked by the worker. No array library here.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadInput, BadPartModel, BadParts, BadPath, BadPlate, UnknownModel
from smite_protocol.fields import to_map
from smite_protocol.messages import (
    DoctorSpec,
    EvaluateSpec,
    LearnSpec,
    SegmentSpec,
    Spec,
)
from smite_protocol.specs import BUILT_IN_CONFIGS, MODEL_NAME, STYLES

from . import __version__
from .config import ServerConfig
from .models import model_names
from .paths import Roots, check_template, fingerprint
from .strange_names import refuse_strange_path, refuse_unportable_name

_PATTERN = re.compile(r"#|%0?\d*d|@")


@dataclass(frozen=True)
class Checked:
    """A spec that may become a job.

    ``resolved`` holds the absolute inputs for the worker, ``inputs`` what they look like now, and
    ``wants`` what has yet to be sent.
    """

    name: str
    resolved: dict[str, Any]
    inputs: dict[str, Any]
    wants: tuple[str, ...] = ()


def check_spec(spec: Spec, config: ServerConfig) -> Checked:
    """Check a spec. Raises the `BadInput` kinds, one sentence each."""
    roots = Roots(config.roots)
    if isinstance(spec, LearnSpec):
        return _check_learn(spec, config, roots)
    if isinstance(spec, SegmentSpec):
        return _check_segment(spec, config, roots)
    if isinstance(spec, EvaluateSpec):
        return _check_evaluate(spec, config, roots)
    if isinstance(spec, DoctorSpec):
        # A report is of its moment; two requests are never the same work.
        return Checked("doctor", {}, {"once": secrets.token_hex(16)})
    raise BadInput(f"Jobs of kind {spec.kind!r} are unknown to this server.")


def work_key(spec: Spec, checked: Checked, config: ServerConfig, uploads: str = "") -> str:
    """Return the key of the work: the same inputs, settings and seed give the same key."""
    found = {
        "spec": to_map(spec),
        "resolved": checked.resolved,
        "inputs": checked.inputs,
        "uploads": uploads,
        "backbone": config.backbone,
        "engine": config.engine,
        "version": __version__,
    }
    packed = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(packed).hexdigest()


def _check_learn(spec: LearnSpec, config: ServerConfig, roots: Roots) -> Checked:
    refuse_unportable_name(spec.name, "the part model")
    _check_part_names(spec)
    resolved: dict[str, Any] = {"model": str(config.models_folder / f"{spec.name}.safetensors")}
    inputs: dict[str, Any] = {}
    _add_config(spec.ocio, roots, resolved, inputs)
    if spec.refs is None:
        return Checked(spec.name, {**resolved, "refs": None}, inputs, ("refs",))
    refs = roots.existing(spec.refs, "the reference folder")
    if not refs.is_dir():
        raise BadInput(f"The references {spec.refs} are not a folder; name the folder they are in.")
    inputs["refs"] = fingerprint(roots, refs, "the reference folder", depth=1)
    return Checked(spec.name, {**resolved, "refs": str(refs)}, inputs)


def _add_config(
    ocio: str | None, roots: Roots, resolved: dict[str, Any], inputs: dict[str, Any]
) -> None:
    """Add a job's own OpenColorIO config to its inputs. Raises BadInput, BadPath, PathRefused."""
    if ocio is None:
        return
    if ocio.startswith(BUILT_IN_CONFIGS):
        resolved["ocio"] = ocio
        return
    found = roots.existing(ocio, "the OpenColorIO config")
    if not found.is_file():
        raise BadPath(f"The OpenColorIO config {ocio} is not a file.")
    resolved["ocio"] = str(found)
    inputs["ocio"] = fingerprint(roots, found, "the OpenColorIO config")


def _check_part_names(spec: LearnSpec) -> None:
    for where, names in (("--parts", spec.parts), ("--group", [name for name, _ in spec.groups])):
        blank = [name for name in names if not name.strip()]
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if blank:
            raise BadParts(f"{where} has an empty part name; leave it out.")
        if twice:
            raise BadParts(f"{where} names the part {twice[0]!r} twice; name it once.")
    for name, members in spec.groups:
        if not members:
            raise BadParts(f"The group {name!r} merges nothing; write it like top=blouse+shirt.")


def _check_segment(spec: SegmentSpec, config: ServerConfig, roots: Roots) -> Checked:
    refuse_unportable_name(spec.shot, "the shot")
    model = resolve_model(spec.model, config, roots)
    if spec.template is not None:
        check_template(spec.template)
    _check_styles(spec)
    out = None if spec.out is None else str(roots.output(spec.out, "the output folder"))
    resolved: dict[str, Any] = {"model": str(model), "out": out, "plate": None}
    inputs: dict[str, Any] = {"model": fingerprint(roots, model, "the part model")}
    _add_config(spec.ocio, roots, resolved, inputs)
    if spec.plate is None:
        return Checked(spec.shot, resolved, inputs, ("plate",))
    plate, folder = _resolve_plate(spec.plate, roots)
    inputs["plate"] = fingerprint(roots, folder, "the plate")
    if not inputs["plate"]:
        raise BadPlate(f"The plate folder {folder} has no files.")
    return Checked(spec.shot, {**resolved, "plate": str(plate)}, inputs)


def _check_styles(spec: SegmentSpec) -> None:
    """Raise BadInput where the styles and what belongs to them do not go together."""
    if not spec.styles:
        raise BadInput(f"The job has no style; name one or more of {', '.join(STYLES)}.")
    twice = next((style for style in spec.styles if spec.styles.count(style) > 1), None)
    if twice:
        raise BadInput(f"The style {twice} is named twice; name it once.")
    if "layers" not in spec.styles and (spec.with_plate or spec.layers != "alpha"):
        option = "--with-plate" if spec.with_plate else f"--layers {spec.layers}"
        raise BadInput(f"{option} says how layers are written; add layers to the styles.")


def _resolve_plate(plate: str, roots: Roots) -> tuple[Path, Path]:
    """Return the resolved plate and the file or folder its frames are in."""
    refuse_strange_path(plate, "the plate")
    given = Path(plate)
    if _PATTERN.search(given.name):
        folder = roots.existing(str(given.parent), "the plate's folder")
        if not (folder / given.name).exists():
            return folder / given.name, folder
    found = roots.existing(plate, "the plate")
    return found, found


def _check_evaluate(spec: EvaluateSpec, config: ServerConfig, roots: Roots) -> Checked:
    if not spec.model and not spec.baseline:
        raise BadInput("An evaluation needs a part model or a baseline; name one.")
    model = resolve_model(spec.model, config, roots) if spec.model else None
    clip = roots.existing(spec.clip, "the clip")
    if not clip.is_dir():
        raise BadInput(f"The clip {spec.clip} is not a folder; name the folder it is in.")
    out = None if spec.out is None else str(roots.output(spec.out, "the output folder"))
    inputs: dict[str, Any] = {"clip": fingerprint(roots, clip, "the clip", depth=2)}
    if model is not None:
        inputs["model"] = fingerprint(roots, model, "the part model")
    resolved = {"model": None if model is None else str(model), "clip": str(clip), "out": out}
    return Checked(clip.name, resolved, inputs)


def resolve_model(model: str, config: ServerConfig, roots: Roots) -> Path:
    """Return the file of a part model: a name in the models folder, or a path in the roots.

    Raises UnknownModel, BadPartModel, PathRefused, PathMissing.
    """
    if "/" in model or "\\" in model:
        found = roots.existing(model, "the part model")
        if not found.is_file():
            raise BadPartModel(f"The part model {model} is not a file.")
        return found
    name = model.removesuffix(".safetensors")
    if not re.fullmatch(MODEL_NAME, name):
        raise UnknownModel(
            f"{model[:80]!r} cannot be the name of a part model; use letters, digits, '_', '-' and"
            " '.', or give an absolute path."
        )
    found = config.models_folder / f"{name}.safetensors"
    if not found.is_file():
        there = ", ".join(model_names(config.models_folder)[:12]) or "none yet"
        raise UnknownModel(
            f"There is no part model {name!r} on this server (there is: {there}); learn it first"
            f" with `smite learn {name}`."
        )
    return found


def with_spooled(checked: Checked, **folders: str) -> Checked:
    """Return ``checked`` with the folders that hold what was sent."""
    return replace(checked, resolved={**checked.resolved, **folders}, wants=())
