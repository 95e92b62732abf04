"""The writer of a segment job: its styles, names, version, and what every file says of the shot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from smite_protocol.specs import SegmentSpec
from smite_server import __version__
from smite_server.exr_attributes import ShotMetadata, settings_hash
from smite_server.exr_encoding import Compression, use_threads
from smite_server.latest import latest_paths
from smite_server.matte_encoder import MatteEncoder
from smite_server.output_names import OutputNames, proxy_folder
from smite_server.output_styles import CryptomatteStyle, LayersStyle, OutputStyle, make_style
from smite_server.output_writer import OutputWriter
from smite_server.plates import Plate
from smite_server.versions import claim_path
from smite_server.worker.places import check_inside, out_folder
from smite_server.worker.session import Task
from smite_server.worker.version import claimed

ABOUT_SETTINGS = (
    "quality", "seed", "settings", "edges", "colour_space", "ocio", "proxy", "on_missing",
)  # fmt: skip
"""Fields of a spec that change the values of mattes: what `smite/settingsHash` is of."""


def open_writer(task: Task, spec: SegmentSpec, model: Any, plate: Plate) -> OutputWriter:
    """Return the writer of a job's mattes; checks names and places before any work is done.

    Raises MatteError, PathRefused.
    """
    slugs = tuple(part.slug for part in model.parts.parts)
    styles = [_style(name, slugs, spec) for name in spec.styles]
    names = OutputNames(
        proxy_folder(out_folder(task), spec.proxy),
        spec.shot,
        max(1, spec.version),
        {style.name: style.members for style in styles},
        {style.name: spec.template for style in styles if spec.template},
    )
    _check_places(task, names, plate.numbers[0])
    if spec.out is not None:
        names = claimed(task, spec, names, plate)
        _check_places(task, names, plate.numbers[0])
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    use_threads(threads)
    encoder = MatteEncoder(
        styles,
        _metadata(task, spec, model, plate, names.version),
        names={part.slug: part.name for part in model.parts.parts},
        precision=spec.precision,
        threads=threads,
    )
    return OutputWriter(names, encoder)


def _style(name: str, slugs: tuple[str, ...], spec: SegmentSpec) -> OutputStyle:
    """One of the styles that a spec asks for. Raises MatteError."""
    compression = Compression.named(spec.compression)
    if name == LayersStyle.name:
        return LayersStyle(
            slugs, compression, rgba=spec.layers == "rgba", with_plate=spec.with_plate
        )
    if name == CryptomatteStyle.name and not compression.lossless and len(spec.styles) > 1:
        compression = Compression.ZIP  # Meant for the others: IDs survive no loss.
    return make_style(name, slugs, compression)


def _metadata(
    task: Task, spec: SegmentSpec, model: Any, plate: Plate, version: int
) -> ShotMetadata:
    """What every file says."""
    return ShotMetadata(
        shot=spec.shot,
        version=version,
        model=Path(task.run.resolved["model"]).stem,
        model_hash=model.hash,
        engine_version=__version__,
        settings_hash=settings_hash({name: getattr(spec, name) for name in ABOUT_SETTINGS}),
        source_plate=plate.path,
        job=task.job,
        frames_per_second=plate.frames_per_second,
        owner=spec.owner,
        comments=spec.comment,
    )


def _check_places(task: Task, names: OutputNames, number: int) -> None:
    """Raise PathRefused where a link leads what the job writes out of the roots."""
    for style, member in names.each():
        check_inside(task, names.out, names.path(style, member, number))
    for path in (names.report, claim_path(names)):
        check_inside(task, names.out, path)
    for link in latest_paths(names):
        check_inside(task, names.out, link.parent)
