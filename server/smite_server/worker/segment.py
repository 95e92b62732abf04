"""A segment job: a plate in, one EXR matte per part and frame out, as soon as they are final."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from smite_protocol.errors import OutOfMemory
from smite_protocol.messages import SegmentSpec
from smite_server.colour import ToDisplay
from smite_server.mattes import is_foreign
from smite_server.naming import report_path, sheet_path
from smite_server.plates import Plate, engine_view, open_plate
from smite_server.report import FrameReport
from smite_server.worker import checkpoint
from smite_server.worker.pictures import Waiting, fit, small_copy
from smite_server.worker.sent_plate import open_sent_plate
from smite_server.worker.session import Task
from smite_server.worker.shot import Shot, about_plate, prepare
from smite_server.worker_messages import MatteFile


def run(task: Task) -> dict[str, Any]:
    """Make the mattes; return the result of the job."""
    spec = task.spec(SegmentSpec)
    task.progress.tell("reading the plate")
    with _open(task, spec) as plate:
        # Before the model is loaded: a wrong colour space is told at once.
        to_display = ToDisplay(spec.colour_space or plate.colour_space, plate.format_hint)
        shot = prepare(task, spec, plate, to_display)
        checkpoint.restore(shot)
        if task.run.window:
            shot.window = min(task.run.window, shot.window or task.run.window)
        window = _segment_all(shot)
        return _finish(shot, window)


def _open(task: Task, spec: SegmentSpec) -> Plate:
    path = task.run.resolved["plate"]
    if spec.plate is None:
        return open_sent_plate(Path(path), frames=spec.frames, on_missing=spec.on_missing)
    return open_plate(path, frames=spec.frames, on_missing=spec.on_missing)  # type: ignore[arg-type]


def _segment_all(shot: Shot) -> int | None:
    """Segment every frame that is not written; return the most frames of a window.

    Where memory runs out, what is kept for later jobs goes first; then the shot goes on with half
    the window. Returns None for the engine's own window. Raises OutOfMemory when a window of one
    frame does not fit.
    """
    task, engine = shot.task, shot.task.session.engine
    errors = task.session.errors
    out_of_memory = getattr(errors, "OutOfDeviceMemoryError")  # noqa: B009  (any engine module)
    settings = engine.SegmentSettings.from_dict(
        {**shot.spec.settings, "quality": shot.spec.quality, "seed": shot.spec.seed}
    )
    task.progress.tell("mattes", shot.written, len(shot.plate.numbers))
    while True:
        if shot.window:
            settings = replace(settings, window=shot.window)
        window = engine.plan(settings, task.session.backbone).quality.window
        task.link.window(task.job, window)
        try:
            _segment_rest(shot, settings)
        except out_of_memory as problem:
            made_room = task.session.make_room()
            half = min(window, len(shot.waiting) or window) // 2
            shot.waiting.clear()
            if made_room:
                continue
            if not half:
                raise OutOfMemory(
                    "The device has too little memory for a single frame of"
                    f" {shot.plate.geometry.display} ({problem}); use --quality draft, or a device"
                    " with more memory."
                ) from problem
            shot.window = half
            task.progress.tell(f"mattes, window {half}", shot.written)
        else:
            return cast("int | None", settings.window)


def _segment_rest(shot: Shot, settings: Any) -> None:
    """Segment the frames that are not written yet."""
    task, engine = shot.task, shot.task.session.engine
    state = shot.state
    maps = engine.segment(
        task.session.backbone,
        shot.model,
        _frames(shot),
        settings,
        resume=state if state is not None and state.after == shot.last_number else None,
        finished=lambda state: _window_finished(shot, state),
        progress=lambda step: task.progress.tell(_stage(step), int(step.done), int(step.total)),
        cancelled=task.cancelled,
    )
    for found in maps:
        _write(shot, found)
        task.check_cancelled()


def _window_finished(shot: Shot, state: Any) -> None:
    """Keep the way to here; its mattes are written and told. The place to pause."""
    shot.state = state
    name = checkpoint.save(shot, state)
    if name is not None:
        shot.task.link.checkpoint(shot.task.job, name)
    shot.task.check_paused()


def _stage(step: Any) -> str:
    """What a window's guidance is called in progress lines."""
    region = f", region {step.region} of {step.regions}" if step.regions > 1 else ""
    return f"guiding from frame {step.first}{region}"


def _frames(shot: Shot) -> Iterator[Any]:
    """Yield the engine's frames, and keep what writing their mattes needs."""
    for frame in shot.plate.frames_after(shot.last_number):
        shot.task.check_cancelled()
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
    shot.overwrote += sum(
        is_foreign(shot.writer.path(slug, maps.number), shot.task.job) for slug in shot.writer.parts
    )
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
    shot.before = engine.labels_at(maps, *kept.small.shape[:2]), kept.small
    shot.report.add(
        FrameReport(
            maps.number,
            confidence=maps.confidence,
            flicker=shot.flicker.add(*shot.before),
            seconds=round(now - shot.last, 4),
            bad_pixels=kept.bad_pixels,
            held_from=kept.held_from,
        )
    )
    shot.last = now
    if shot.sheet.wants_next():
        mattes = np.stack([fit(matte, kept.small) for matte in mattes])
    shot.sheet.add(maps.number, kept.small, mattes)
    shot.task.progress.tell("mattes", shot.written, len(shot.plate.numbers))


def _finish(shot: Shot, window: int | None) -> dict[str, Any]:
    """Write report and contact sheet; return the job's result."""
    spec, out = shot.spec, shot.writer.out
    seconds = shot.seconds_taken
    per_frame = seconds / max(1, shot.written)
    report, sheet = (place(out, spec.shot, spec.version) for place in (report_path, sheet_path))
    report.parent.mkdir(parents=True, exist_ok=True)
    shot.report.plate = about_plate(shot.plate, spec)
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
