"""How a job's files go to the server and its mattes come back: by path where it sees them.

A host says where things lie on its own machine. What lies below the server's folders, by the path
map or as it is, goes by path; everything else is sent as the files it is, and mattes come back as
bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from smite_protocol.errors import BadPlate, BadReferences, SmiteError
from smite_protocol.fields import to_map
from smite_protocol.frame_ranges import parse_frames
from smite_protocol.path_maps import Rule, lies_below, to_client, to_server
from smite_protocol.specs import BUILT_IN_CONFIGS, LearnSpec, SegmentSpec, Spec
from smite_protocol.uploads import WireFile, files_of_plate, files_of_references

from .sentences import HostProblem


@dataclass(frozen=True)
class Delivery:
    """A spec as the server gets it, which files are sent, and where mattes are received.

    ``role`` is what the files are (``plate``, ``refs``), empty where none are sent;
    ``receive_into`` is this machine's folder for mattes that come as bytes.
    """

    spec: Spec
    role: str = ""
    files: Tuple[WireFile, ...] = ()
    receive_into: Optional[Path] = None


def plan_delivery(
    spec: Spec, roots: Sequence[str], rules: Sequence[Rule], *, send: bool = False
) -> Delivery:
    """Return how a spec with this machine's paths goes to a server with these ``roots``.

    ``send`` sends the files even where the server seems to see them. Raises HostProblem when
    something that must be sent is not on this machine either.
    """
    if isinstance(spec, LearnSpec):
        return _plan_learn(spec, roots, rules, send)
    if isinstance(spec, SegmentSpec):
        return _plan_segment(spec, roots, rules, send)
    return Delivery(spec)


def path_on_server(path: str, roots: Sequence[str], rules: Sequence[Rule]) -> Optional[str]:
    """Return what the server calls a path of this machine; None where it does not see it."""
    mapped = to_server(path, rules)[0]
    resolved = os.path.realpath(path)
    for found in dict.fromkeys((mapped, path, resolved, to_server(resolved, rules)[0])):
        if lies_below(found, roots):
            return found
    return None


def path_here(path: str, rules: Sequence[Rule]) -> str:
    """Return what this machine calls a path of the server."""
    return to_client(path, rules)


def fingerprint(spec: Spec) -> str:
    """Return what tells one request from another: all its settings, and its files as they are now.

    Files are told by name, size and time, as far as this machine sees them.
    """
    values = to_map(spec)
    values.pop("version", None)
    described = json.dumps(values, sort_keys=True, default=str)
    seen = [
        (file.name, status.st_size, status.st_mtime_ns)
        for file in _files_here(spec)
        for status in [_status(file)]
        if status is not None
    ]
    return hashlib.sha256((described + json.dumps(seen)).encode("utf-8")).hexdigest()


def _plan_learn(
    spec: LearnSpec, roots: Sequence[str], rules: Sequence[Rule], send: bool
) -> Delivery:
    spec = replace(spec, ocio=_config(spec.ocio, roots, rules))
    if spec.refs is None:
        return Delivery(spec)
    there = None if send else path_on_server(spec.refs, roots, rules)
    if there is not None:
        return Delivery(replace(spec, refs=there))
    files = _files_to_send(spec, spec.refs)
    return Delivery(replace(spec, refs=None), "refs", files)


def _plan_segment(
    spec: SegmentSpec, roots: Sequence[str], rules: Sequence[Rule], send: bool
) -> Delivery:
    out = None
    if spec.out is not None and not send:
        out = path_on_server(spec.out, roots, rules)
    back = Path(spec.out) if out is None and spec.out is not None else None
    model = path_on_server(spec.model, roots, rules) if Path(spec.model).is_absolute() else None
    ocio = _config(spec.ocio, roots, rules)
    spec = replace(spec, out=out, model=model or spec.model, ocio=ocio)
    if spec.plate is None:
        return Delivery(spec, receive_into=back)
    there = None if send else path_on_server(spec.plate, roots, rules)
    if there is not None:
        return Delivery(replace(spec, plate=there), receive_into=back)
    files = _files_to_send(spec, spec.plate)
    return Delivery(replace(spec, plate=None), "plate", files, back)


def _config(ocio: Optional[str], roots: Sequence[str], rules: Sequence[Rule]) -> Optional[str]:
    """Return a config as the server names it; one that it does not see is left to the server's."""
    if ocio is None or ocio.startswith(BUILT_IN_CONFIGS):
        return ocio
    return path_on_server(ocio, roots, rules)


def _files_to_send(spec: Spec, path: str) -> Tuple[WireFile, ...]:
    try:
        found = tuple(_files_here(spec, strict=True))
        if not all(file.size >= 0 for file in found):
            raise BadPlate(f"{path} cannot be read.")
    except (SmiteError, OSError) as problem:
        raise HostProblem("path_not_visible", path=path) from problem
    return found


def _files_here(spec: Spec, *, strict: bool = False) -> List[WireFile]:
    """Return the files of a spec that this machine sees. Raises when strict."""
    try:
        if isinstance(spec, LearnSpec) and spec.refs is not None:
            return list(files_of_references(spec.refs))
        if isinstance(spec, SegmentSpec) and spec.plate is not None:
            frames = frozenset(parse_frames(spec.frames)) if spec.frames else None
            return list(files_of_plate(spec.plate, frames))
    except (BadPlate, BadReferences, OSError):
        if strict:
            raise
    return []


def _status(file: WireFile) -> Optional[os.stat_result]:
    if isinstance(file.source, bytes):
        return None
    try:
        return file.source.stat()
    except OSError:
        return None
