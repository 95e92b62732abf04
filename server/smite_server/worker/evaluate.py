"""An evaluate job: a part model, or labels copied from the first frame, against annotations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smite_engine.evaluate import Evaluator
from smite_protocol.errors import BadInput
from smite_protocol.messages import EvaluateSpec
from smite_server.colour import ToDisplay
from smite_server.contact_sheet import ContactSheet
from smite_server.geometry import Floats, Geometry
from smite_server.images import UnreadableError
from smite_server.label_maps import Labels, read_labels_json
from smite_server.plates import Plate, PlateFrame, engine_view, open_plate, parse_frames
from smite_server.truth import IGNORED, Truth, read_truth
from smite_server.worker.pictures import fit, small_copy
from smite_server.worker.places import check_inside
from smite_server.worker.session import Task


@dataclass(frozen=True)
class Waiting:
    """What is kept of a frame until its maps come: little, as a window of frames waits.

    ``small`` is float32 [h, w, 3], display sRGB 0..1.
    """

    geometry: Geometry
    small: Floats


@dataclass
class Clip:
    """An evaluate job on its way. ``parts`` are pairs of slug and name."""

    task: Task
    spec: EvaluateSpec
    parts: list[tuple[str, str]]
    truth: Truth
    plate: Plate
    counted: frozenset[int]
    evaluator: Evaluator
    sheet: ContactSheet
    waiting: dict[int, Waiting] = field(default_factory=dict)
    predicted: int = 0


def run(task: Task) -> dict[str, Any]:
    """Score every annotated frame; return the figures of `smite evaluate --json`."""
    spec = task.spec(EvaluateSpec)
    model = None if spec.baseline else task.load_part_model()
    if model is not None:
        task.load_backbone()
    parts = _parts(task, spec, model)
    task.progress.tell("reading the annotations")
    truth = read_truth(task.run.resolved["clip"], parts, dict(spec.labels), spec.ignore)
    skip = parse_frames(spec.skip_frames) if spec.skip_frames.strip() else ()
    counted = frozenset(truth.without(skip))
    with open_plate(truth.plate_path) as plate:
        names = [name for _, name in parts]
        sheet = ContactSheet(names, title=f"{Path(task.run.resolved['clip']).name}")
        evaluator = Evaluator([name for _, name in parts])
        clip = Clip(task, spec, parts, truth, plate, counted, evaluator, sheet)
        begun = time.monotonic()
        if model is None:
            _copy_first(clip)
        else:
            _segment(clip, model)
        per_frame = (time.monotonic() - begun) / max(1, clip.predicted)
    result = clip.evaluator.result(seconds_per_frame=round(per_frame, 4))
    result["model"] = spec.baseline or spec.model
    out = task.run.resolved.get("out")
    if out is not None:
        result["contact_sheet"] = _save_sheet(clip, Path(out))
    return result


def _parts(task: Task, spec: EvaluateSpec, model: Any) -> list[tuple[str, str]]:
    """Return slug and name of the parts that are scored: the model's, else the clip's own."""
    if model is not None:
        return [(part.slug, part.name) for part in model.parts.parts]
    task.progress.tell("loading the engine")
    clip = Path(task.run.resolved["clip"])
    names = list(dict.fromkeys(name for _, name in sorted(spec.labels)))
    if not names and (clip / "labels.json").is_file():
        try:
            found = read_labels_json(clip / "labels.json")
        except UnreadableError as problem:
            raise BadInput(f"{clip / 'labels.json'} cannot be used: {problem}.") from problem
        names = list(dict.fromkeys(found[value] for value in sorted(found) if found[value]))
    if not names and (clip / "truth").is_dir():
        names = sorted(entry.name for entry in (clip / "truth").iterdir() if entry.is_dir())
    if not names:
        raise BadInput(
            f"{clip} does not say which mask value is which part; give --labels 1=name, or a"
            " labels.json in the clip."
        )
    parts = task.session.engine.PartSet.from_names(names)
    return [(part.slug, part.name) for part in parts.parts]


def _segment(clip: Clip, model: Any) -> None:
    """Segment the whole clip and score the frames that count."""
    task, spec, engine = clip.task, clip.spec, clip.task.session.engine
    settings = engine.SegmentSettings.from_dict(
        {**spec.settings, "quality": spec.quality, "seed": spec.seed}
    )
    task.progress.tell("evaluating", 0, len(clip.plate.numbers))
    maps = engine.segment(
        task.session.backbone, model, _frames(clip), settings, cancelled=task.cancelled
    )
    for found in maps:
        kept = clip.waiting.pop(found.number)
        clip.predicted += 1
        if found.number in clip.counted:
            labels = engine.labels_at(found, *kept.geometry.data.shape)
            _score(clip, found.number, labels, kept)
        task.progress.tell("evaluating", clip.predicted, len(clip.plate.numbers))
        task.check_cancelled()


def _frames(clip: Clip) -> Iterator[Any]:
    for frame, view in _views(clip):
        clip.waiting[frame.number] = Waiting(frame.geometry, small_copy(view))
        yield clip.task.session.engine.Frame(number=frame.number, image=view)


def _views(clip: Clip) -> Iterator[tuple[PlateFrame, Floats]]:
    """Yield every frame of the plate, and the engine's view of it."""
    to_display = ToDisplay(clip.plate.colour_space, clip.plate.format_hint)
    for frame in clip.plate:
        clip.task.check_cancelled()
        yield frame, engine_view(frame, to_display.apply(frame.pixels))


def _copy_first(clip: Clip) -> None:
    """Score the first annotation, unchanged, on every frame: what a model must beat."""
    first = clip.truth.labels(clip.truth.numbers[0], clip.plate.geometry)
    prediction = np.where(first == IGNORED, np.uint8(0), first)
    for frame, view in _views(clip):
        clip.predicted += 1
        if frame.number in clip.counted:
            _score(clip, frame.number, prediction, Waiting(frame.geometry, small_copy(view)))
        clip.task.progress.tell("evaluating", clip.predicted, len(clip.plate.numbers))


def _score(clip: Clip, number: int, prediction: Labels, kept: Waiting) -> None:
    truth = clip.truth.labels(number, kept.geometry)
    if prediction.shape != truth.shape:
        raise BadInput(
            f"Frame {number} is {truth.shape[1]} x {truth.shape[0]} pixels and the first one"
            f" {prediction.shape[1]} x {prediction.shape[0]}; give frames of one size."
        )
    clip.evaluator.add(prediction, truth, kept.small)
    if clip.sheet.wants_next():
        planes = [
            fit((prediction == i + 1).astype(np.float32), kept.small)
            for i in range(len(clip.parts))
        ]
        clip.sheet.add(number, kept.small, np.stack(planes))
    else:
        clip.sheet.add(number, kept.small, np.zeros((len(clip.parts), 1, 1), np.float32))


def _save_sheet(clip: Clip, out: Path) -> str:
    name = Path(clip.task.run.resolved["clip"]).name or "clip"
    path = out / f"{name}_smite_{clip.spec.baseline or 'evaluate'}.png"
    check_inside(clip.task, out, path)
    out.mkdir(parents=True, exist_ok=True)
    clip.sheet.save(path)
    return str(path)
