"""A segment job: a plate in, one EXR matte per part and frame out, as soon as they are final."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from smite_engine.metrics import FlickerMeter
from smite_protocol.errors import OutOfMemory
from smite_protocol.messages import SegmentSpec
from smite_server.colour import ToDisplay
from smite_server.contact_sheet import ContactSheet
from smite_server.mattes import MatteWriter
from smite_server.naming import report_path, sheet_path
from smite_server.plates import Plate, engine_view, open_plate
from smite_server.report import FrameReport, Report
from smite_server.worker.pictures import Waiting, fit, small_copy
from smite_server.worker.places import check_inside, out_folder
from smite_server.worker.sent_plate import open_sent_plate
from smite_server.worker.session import Task
from smite_server.worker.thumbnail import update_thumbnail
from smite_server.worker_messages import MatteFile


@dataclass
class Shot:
    """A segment job on its way."""

    task: Task
    spec: SegmentSpec
    model: Any
    plate: Plate
    to_display: ToDisplay
    writer: MatteWriter
    report: Report
    sheet: ContactSheet
    flicker: FlickerMeter = field(default_factory=FlickerMeter)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    written: int = 0
    overwrote: int = 0
    begun: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)


def run(task: Task) -> dict[str, Any]:
    """Make the mattes; return the result of the job."""
    spec = task.spec(SegmentSpec)
    task.progress.tell("reading the plate")
    with _open(task, spec) as plate:
        # Before the model is loaded: a wrong colour space is told at once.
        to_display = ToDisplay(spec.colour_space or plate.colour_space, plate.format_hint)
        shot = _prepare(task, spec, plate, to_display)
        window = _segment_all(shot)
        return _finish(shot, window)


def _open(task: Task, spec: SegmentSpec) -> Plate:
    path = task.run.resolved["plate"]
    if spec.plate is None:
        return open_sent_plate(Path(path), frames=spec.frames, on_missing=spec.on_missing)
    return open_plate(path, frames=spec.frames, on_missing=spec.on_missing)  # type: ignore[arg-type]


def _prepare(task: Task, spec: SegmentSpec, plate: Plate, to_display: ToDisplay) -> Shot:
    """Load the model and make the writers; checks names and places before any work is done."""
    model = task.load_model()
    out, model_hash = out_folder(task), model.hash
    slugs = [part.slug for part in model.parts.parts]
    metadata: dict[str, object] = {
        "shot": spec.shot,
        "version": spec.version,
        "model": Path(task.run.resolved["model"]).stem,
        "modelHash": model_hash,
        "job": task.job,
    }
    if plate.frames_per_second:
        metadata["framesPerSecond"] = plate.frames_per_second
    writer = MatteWriter(out, spec.shot, slugs, spec.version, spec.template, metadata)
    for slug in slugs:
        check_inside(task, out, writer.path(slug, plate.numbers[0]))
    check_inside(task, out, report_path(out, spec.shot, spec.version))
    report = Report(
        shot=spec.shot,
        version=spec.version,
        parts={part.slug: part.name for part in model.parts.parts},
        settings=dict(task.run.spec),
        model={
            "file": task.run.resolved["model"],
            "hash": model_hash,
            "backbone": model.backbone_id,
            "backbone_hash": model.backbone_hash,
        },
        plate=_about_plate(plate, spec),
        files=writer.patterns(),
    )
    names = [part.name for part in model.parts.parts]
    title = f"{spec.shot} v{spec.version:03d}"
    sheet = ContactSheet(names, title=title, pixel_aspect=1.0)
    return Shot(task, spec, model, plate, to_display, writer, report, sheet)


def _about_plate(plate: Plate, spec: SegmentSpec) -> dict[str, Any]:
    return {
        "path": plate.path,
        "colour_space": spec.colour_space or plate.colour_space,
        "frames_per_second": plate.frames_per_second,
        "frames": [plate.numbers[0], plate.numbers[-1]],
        "width": plate.geometry.display.width,
        "height": plate.geometry.display.height,
        "pixel_aspect": plate.geometry.pixel_aspect,
        "missing": list(plate.missing),
    }


def _segment_all(shot: Shot) -> int | None:
    """Segment every frame; where memory runs out, go on from there with half the window.

    Return the last window that was asked for, None for the engine's own.
    Raises OutOfMemory when a window of one frame does not fit.
    """
    engine = shot.task.session.engine
    errors = shot.task.session.errors
    out_of_memory = getattr(errors, "OutOfDeviceMemoryError")  # noqa: B009  (any engine module)
    settings = engine.SegmentSettings.from_dict(
        {**shot.spec.settings, "quality": shot.spec.quality, "seed": shot.spec.seed}
    )
    shot.task.progress.tell("mattes", 0, len(shot.plate.numbers))
    while True:
        try:
            _segment_rest(shot, settings)
        except out_of_memory as problem:
            pending = max(1, len(shot.waiting))
            before = min(settings.window or pending, pending) if shot.waiting else settings.window
            if before is None or before <= 1:
                raise OutOfMemory(
                    "The device has too little memory for a single frame of"
                    f" {shot.plate.geometry.display} ({problem}); use --quality draft, or a device"
                    " with more memory."
                ) from problem
            settings = replace(settings, window=before // 2)
            shot.waiting.clear()
            shot.task.progress.tell(f"mattes, window {before // 2}", shot.written)
        else:
            return cast("int | None", settings.window)


def _segment_rest(shot: Shot, settings: Any) -> None:
    """Segment the frames that are not written yet."""
    task, engine = shot.task, shot.task.session.engine
    maps = engine.segment(
        task.session.backbone,
        shot.model,
        _frames(shot),
        settings,
        progress=lambda step: task.progress.tell(_stage(step), int(step.done), int(step.total)),
        cancelled=task.cancelled,
    )
    for found in maps:
        _write(shot, found)
        task.check_cancelled()


def _stage(step: Any) -> str:
    """What a window's guidance is called in progress lines."""
    region = f", region {step.region} of {step.regions}" if step.regions > 1 else ""
    return f"guiding from frame {step.first}{region}"


def _frames(shot: Shot) -> Iterator[Any]:
    """Yield the engine's frames, and keep what writing their mattes needs."""
    after = shot.report.frames[-1].number if shot.report.frames else None
    for frame in shot.plate:
        shot.task.check_cancelled()
        if after is not None and frame.number <= after:
            continue
        view = engine_view(frame, shot.to_display.apply(frame.pixels))
        shot.waiting[frame.number] = Waiting(
            frame.geometry, small_copy(view), frame.bad_pixels, frame.held_from
        )
        yield shot.task.session.engine.Frame(number=frame.number, image=view)


def _write(shot: Shot, maps: Any) -> None:
    """Write one frame's mattes, tell of them, note how the frame went."""
    engine = shot.task.session.engine
    kept = shot.waiting.pop(maps.number)
    height, width = kept.geometry.data.shape
    mattes = engine.mattes_at(maps, height, width)
    shot.overwrote += sum(shot.writer.path(s, maps.number).exists() for s in shot.writer.parts)
    files = shot.writer.write(maps.number, mattes, kept.geometry)
    parts = {part.slug: part.name for part in shot.model.parts.parts}
    shot.task.link.mattes(
        shot.task.job,
        maps.number,
        [
            MatteFile(parts[slug], slug, str(path), path.relative_to(shot.writer.out).as_posix())
            for slug, path in files.items()
        ],
    )
    shot.written += 1
    now = time.monotonic()
    labels = engine.labels_at(maps, *kept.small.shape[:2])
    shot.report.add(
        FrameReport(
            maps.number,
            confidence=maps.confidence,
            flicker=shot.flicker.add(labels, kept.small),
            seconds=round(now - shot.last, 4),
            bad_pixels=kept.bad_pixels,
            held_from=kept.held_from,
        )
    )
    shot.last = now
    if shot.sheet.wants_next():
        mattes = np.stack([fit(matte, kept.small) for matte in mattes])
    shot.sheet.add(maps.number, kept.small, mattes)
    folder = shot.task.session.options.spool / shot.task.job
    update_thumbnail(folder, maps.number, kept.small, mattes)
    shot.task.progress.tell("mattes", shot.written, len(shot.plate.numbers))


def _finish(shot: Shot, window: int | None) -> dict[str, Any]:
    """Write report and contact sheet; return the job's result."""
    spec, out = shot.spec, shot.writer.out
    seconds = time.monotonic() - shot.begun
    per_frame = seconds / max(1, shot.written)
    report, sheet = (place(out, spec.shot, spec.version) for place in (report_path, sheet_path))
    report.parent.mkdir(parents=True, exist_ok=True)
    shot.report.plate = _about_plate(shot.plate, spec)
    shot.report.save(report, seconds=seconds, seconds_per_frame=per_frame)
    shot.sheet.save(sheet)
    back = spec.out is None
    return {
        "job": shot.task.job,
        "shot": spec.shot,
        "frames": shot.written,
        "parts": {part.slug: part.name for part in shot.model.parts.parts},
        "files": {
            slug: str(Path(path).relative_to(out)) if back else path
            for slug, path in shot.writer.patterns().items()
        },
        "seconds": round(seconds, 3),
        "seconds_per_frame": round(per_frame, 4),
        "report": str(report),
        "contact_sheet": str(sheet),
        "bad_pixels": sum(frame.bad_pixels for frame in shot.report.frames),
        "missing": [int(number) for number in shot.plate.missing][:1000],
        "overwrote": shot.overwrote,
        "window": window,
    }
