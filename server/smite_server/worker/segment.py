"""A segment job: a plate in, EXR mattes out, in every style, as soon as they are final."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from smite_protocol.errors import OutOfMemory
from smite_protocol.events import ABOUT_SHOT
from smite_protocol.messages import SegmentSpec
from smite_server.colour import ToDisplay
from smite_server.latest import update_latest
from smite_server.matte_encoder import MatteFrame
from smite_server.output_names import flat_files
from smite_server.output_writer import WrittenFile
from smite_server.plates import OnMissing, Plate, engine_view, open_plate
from smite_server.proxies import ProxyPlate
from smite_server.report import FrameReport
from smite_server.review_page import review_page
from smite_server.versions import release_claim
from smite_server.whole_files import write_whole
from smite_server.worker import checkpoint
from smite_server.worker.pictures import fit, small_copy
from smite_server.worker.places import out_folder
from smite_server.worker.sent_plate import open_sent_plate
from smite_server.worker.session import Task
from smite_server.worker.settings import map_settings
from smite_server.worker.shot import Shot, about_plate, longer_side, prepare
from smite_server.worker.thumbnail import update_thumbnail
from smite_server.worker_messages import MatteFile


def run(task: Task) -> dict[str, Any]:
    """Make the mattes; return the result of the job."""
    spec = task.spec(SegmentSpec)
    task.progress.tell("reading the plate")
    with _open(task, spec) as plate:
        # Before the model is loaded: a wrong colour space is told at once.
        to_display = ToDisplay(
            spec.colour_space or plate.colour_space,
            plate.format_hint,
            task.run.resolved.get("ocio"),
        )
        shot = prepare(task, spec, plate, to_display)
        with closing(shot.reader):
            checkpoint.restore(shot)
            if task.run.window:
                shot.window = min(task.run.window, shot.window or task.run.window)
            window = _segment_all(shot)
        return _finish(shot, window)


def _open(task: Task, spec: SegmentSpec) -> Plate:
    path, on_missing = task.run.resolved["plate"], cast("OnMissing", spec.on_missing)
    if spec.plate is None:
        plate = open_sent_plate(Path(path), frames=spec.frames, on_missing=on_missing)
    else:
        plate = open_plate(path, frames=spec.frames, on_missing=on_missing)
    return plate if spec.proxy == 1 else ProxyPlate(plate, spec.proxy)


def _segment_all(shot: Shot) -> int | None:
    """Segment every frame that is not written; return the most frames of a window.

    Where memory runs out, what is kept for later jobs goes first; then the shot goes on with half
    the window. Returns None for the engine's own window. Raises OutOfMemory when a window of one
    frame does not fit.
    """
    task, engine = shot.task, shot.task.session.engine
    errors = task.session.errors
    out_of_memory = getattr(errors, "OutOfDeviceMemoryError")  # noqa: B009  (any engine module)
    settings = map_settings(task, shot.spec)
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
            half = min(window, shot.waiting or window) // 2
            shot.waiting = 0
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
    """Yield the engine's frames."""
    for frame in shot.plate.frames_after(shot.last_number):
        shot.task.check_cancelled()
        view = engine_view(frame, shot.to_display.apply(frame.pixels))
        shot.waiting += 1
        yield shot.task.session.engine.Frame(number=frame.number, image=view)


def _write(shot: Shot, maps: Any) -> None:
    """Make one frame's mattes, write them, tell of them, note how the frame went."""
    frame = shot.reader.read(maps.number)
    display = shot.to_display.apply(frame.pixels)
    mattes = shot.edges.mattes(maps, display)
    plate = frame.pixels if shot.spec.with_plate else None
    written = shot.writer.write(
        MatteFrame(maps.number, mattes, frame.geometry, frame.time_code, plate)
    )
    shot.waiting -= 1
    shot.overwrote += sum(file.replaced for file in written)
    _tell(shot, maps.number, written)
    shot.written += 1
    now = time.monotonic()
    small = small_copy(engine_view(frame, display))
    mattes = np.stack([fit(matte, small) for matte in mattes])
    about = FrameReport(
        maps.number,
        confidence=maps.confidence,
        seconds=round(now - shot.last, 4),
        bad_pixels=frame.bad_pixels,
        held_from=frame.held_from,
    )
    shot.report.add(shot.quality.add(about, mattes, maps.probabilities, small))
    shot.last = now
    shot.sheet.add(maps.number, small, mattes)
    folder = shot.task.session.options.spool / shot.task.job
    update_thumbnail(folder, maps.number, small, mattes)
    shot.task.progress.tell("mattes", shot.written, len(shot.plate.numbers))


def _tell(shot: Shot, number: int, written: list[WrittenFile]) -> None:
    """Tell of a frame's files."""
    parts = {part.slug: part.name for part in shot.model.parts.parts}
    files = [
        MatteFile(
            parts.get(file.member, file.member),
            file.member,
            str(file.path),
            file.path.relative_to(out_folder(shot.task)).as_posix(),
        )
        for file in written
    ]
    shot.task.link.mattes(shot.task.job, number, files)


def _finish(shot: Shot, window: int | None) -> dict[str, Any]:
    """Write review page, contact sheet and report; return the job's result."""
    spec, names = shot.spec, shot.writer.names
    seconds = shot.seconds_taken
    per_frame = seconds / max(1, shot.written)
    names.report.parent.mkdir(parents=True, exist_ok=True)
    styles = {
        style: {member: _place(shot, Path(path)) for member, path in files.items()}
        for style, files in names.patterns().items()
    }
    shot.sheet.save(names.sheet)
    shot.report.plate, shot.report.styles = about_plate(shot.plate, spec), styles
    review = shot.quality.finish(longer_side(shot.plate))
    shot.report.review, shot.report.markers = review.entries(), review.marks()
    page = review_page(shot.report.as_dict(), review)
    write_whole(names.page, page.encode())
    shot.report.save(names.report, seconds=seconds, seconds_per_frame=per_frame)
    if spec.out is None:
        about = {"_contact_sheet": names.sheet, "_review": names.page, "_report": names.report}
        _send_back(shot, about)
    else:
        release_claim(names)
        update_latest(names)
    return {
        "job": shot.task.job,
        "shot": spec.shot,
        "version": names.version,
        "frames": shot.written,
        "parts": {part.slug: part.name for part in shot.model.parts.parts},
        "styles": styles,
        "files": flat_files(styles),
        "seconds": round(seconds, 3),
        "seconds_per_frame": round(per_frame, 4),
        "report": _place(shot, names.report),
        "contact_sheet": _place(shot, names.sheet),
        "review": _place(shot, names.page),
        "to_look_at": len(review.markers),
        "bad_pixels": sum(frame.bad_pixels for frame in shot.report.frames),
        "missing": [int(number) for number in shot.plate.missing][:1000],
        "overwrote": shot.overwrote,
        "window": window,
    }


def _place(shot: Shot, path: Path) -> str:
    """Where a file lies, for the client: below its own output folder where it has one."""
    if shot.spec.out is not None:
        return str(path)
    return path.relative_to(out_folder(shot.task)).as_posix()


def _send_back(shot: Shot, files: Mapping[str, Path]) -> None:
    """Tell of files about the whole shot, by names that no part has."""
    told = [
        MatteFile(name.strip("_"), name, str(path), _place(shot, path))
        for name, path in files.items()
    ]
    shot.task.link.mattes(shot.task.job, ABOUT_SHOT, told)
