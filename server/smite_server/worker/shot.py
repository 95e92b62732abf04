"""A segment job on its way: what was opened and decided, and what has come of it so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from smite_protocol.messages import SegmentSpec
from smite_server.colour import ToDisplay
from smite_server.contact_sheet import ContactSheet
from smite_server.output_writer import OutputWriter
from smite_server.plates import Plate
from smite_server.report import Report
from smite_server.worker.outputs import open_writer
from smite_server.worker.session import Task
from smite_server.worker.settings import edge_settings
from smite_server.worker.shot_quality import ShotQuality


@dataclass
class Shot:
    """A segment job on its way.

    Attributes:
        reader: Reads the plate a second time, for the edges, when a frame's maps have come: frames
            that wait for their window would fill the memory.
        edges: Makes mattes from maps and plate.
        quality: Measures the frames that are written.
        waiting: Frames that the engine has and whose mattes are not written.
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
    reader: Plate
    edges: Any
    writer: OutputWriter
    report: Report
    sheet: ContactSheet
    quality: ShotQuality
    waiting: int = 0
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
    model = task.load_part_model()
    settings = edge_settings(task, spec)
    writer = open_writer(task, spec, model, plate)
    edges = task.session.engine.ShotEdges(settings, task.load_backbone().device)
    names = writer.names
    names_of_parts = {part.slug: part.name for part in model.parts.parts}
    report = Report(
        shot=spec.shot,
        version=names.version,
        parts=names_of_parts,
        settings={**task.run.spec, "edges": settings.edges, "version": names.version},
        model={
            "file": task.run.resolved["model"],
            "hash": model.hash,
            "backbone": model.backbone_id,
            "backbone_hash": model.backbone_hash,
        },
        plate=about_plate(plate, spec),
        styles=names.patterns(),
    )
    title = f"{spec.shot} v{names.version:03d}"
    sheet = ContactSheet(tuple(names_of_parts.values()), title=title, pixel_aspect=1.0)
    reader = plate.second_reader()
    quality = ShotQuality(names_of_parts)
    return Shot(task, spec, model, plate, to_display, reader, edges, writer, report, sheet, quality)


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


def longer_side(plate: Plate) -> float:
    """Return the longer side of what the engine sees of the plate, in pixels of its height."""
    data, aspect = plate.geometry.data, plate.geometry.pixel_aspect
    return max(data.width * aspect, float(data.height))
