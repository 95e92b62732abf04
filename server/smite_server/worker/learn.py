"""A learn job: references in, one part model file out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadReferences
from smite_protocol.messages import LearnSpec
from smite_server.references import RawReference, read_references
from smite_server.worker.session import Task


def run(task: Task) -> dict[str, Any]:
    """Learn and save the part model; return the result of the job."""
    begun = time.monotonic()
    spec = task.spec(LearnSpec)
    task.progress.tell("reading the references")
    notes: list[str] = []
    raw, names = read_references(
        task.run.resolved["refs"],
        parts=spec.parts or None,
        groups=spec.groups,
        colour_space=spec.colour_space,
        ocio=task.run.resolved.get("ocio"),
        notes=notes,
    )
    if not raw:
        raise BadReferences("The references hold no still with a mask; paint one at least.")
    task.progress.tell("loading the engine")
    engine = task.session.engine
    parts = engine.PartSet.from_names(names)
    settings = engine.LearnSettings.from_dict(spec.settings)
    task.check_cancelled()
    task.progress.tell("loading the backbone")
    backbone = task.session.backbone
    # One stage for the whole job, whatever phase it is in: the time left is estimated per stage.
    task.progress.tell("learning")
    model = engine.learn(
        backbone,
        _references(engine, raw),
        parts,
        settings,
        progress=lambda step: task.progress.tell("learning", int(step.done), int(step.total)),
        cancelled=task.cancelled,
    )
    task.check_cancelled()
    path = Path(task.run.resolved["model"])
    overwrote = path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return {
        "model": spec.name,
        "part_model": str(path),
        "seconds": round(time.monotonic() - begun, 3),
        "held_out_iou": dict(model.held_out_iou),
        "selected_on": model.selected_on,
        "warnings": [*notes, *model.warnings],
        "parts": {part.slug: part.name for part in model.parts.parts},
        "references": [reference.name for reference in raw],
        "overwrote": overwrote,
        "hash": model.hash,
    }


def _references(engine: Any, raw: list[RawReference]) -> list[Any]:
    return [
        engine.Reference(image=found.image, labels=found.labels, name=found.name) for found in raw
    ]
