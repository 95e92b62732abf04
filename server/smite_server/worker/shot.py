"""A segment job on its way: what was opened and decided, and what has come of it so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smite_engine.metrics import FlickerMeter
from smite_protocol.messages import SegmentSpec
from smite_server.colour import ToDisplay
from smite_server.contact_sheet import ContactSheet
from smite_server.geometry import Floats
from smite_server.mattes import MatteWriter
from smite_server.naming import report_path
from smite_server.plates import Plate
from smite_server.report import Report
from smite_server.worker.pictures import Waiting
from smite_server.worker.places import check_inside, out_folder
from smite_server.worker.session import Task


@dataclass
class Shot:
    """A segment job on its way.

    Attributes:
        waiting: By frame number, what writing the mattes of frames that were read needs.
        before: Labels [h, w] and small picture [h, w, 3] of the last frame that was written.
        written: Frames whose mattes are there.
        overwrote: Files of other jobs that were replaced.
        window: Most frames of a window; 0: as the settings say.
        state: What the engine goes on from after the last finished window; None before it.
        seconds: That earlier attempts took for the frames that are written.
    """

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
    before: tuple[npt.NDArray[np.uint8], Floats] | None = None
    written: int = 0
    overwrote: int = 0
    window: int = 0
    state: Any = None
    seconds: float = 0.0
    begun: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    @property
    def last_number(self) -> int | None:
        """Number of the last frame that was written; None before the first."""
        return self.report.frames[-1].number if self.report.frames else None

    @property
    def seconds_taken(self) -> float:
        """Seconds of work, those of earlier attempts too."""
        return self.seconds + time.monotonic() - self.begun


def prepare(task: Task, spec: SegmentSpec, plate: Plate, to_display: ToDisplay) -> Shot:
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
        plate=about_plate(plate, spec),
        files=writer.patterns(),
    )
    names = [part.name for part in model.parts.parts]
    title = f"{spec.shot} v{spec.version:03d}"
    sheet = ContactSheet(names, title=title, pixel_aspect=1.0)
    return Shot(task, spec, model, plate, to_display, writer, report, sheet)


def about_plate(plate: Plate, spec: SegmentSpec) -> dict[str, Any]:
    """Return the report's lines on the plate."""
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
