"""Fix this frame: a corrected roto becomes a reference, the model learns it, the version goes up.

The frame's other parts are taken as they are shown, so that the new reference does not call them
background. This version of the server learns a fix anew from all references, in fewer steps, and
makes again the frames that it is asked for: those around the fix, or all of them. Which windows a
new model changes it cannot say yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Callable, Mapping, Tuple

from smite_hosts import Answer, HostProblem, JobStatus, NewMatte
from smite_hosts.frame_choice import frames_around
from smite_hosts.job_status import DONE
from smite_hosts.mattes_on_disk import carry_over
from smite_hosts.model_names import next_version
from smite_hosts.preferences import parse_settings
from smite_hosts.reference_plan import (
    Reference,
    colours_of,
    copy_references,
    keep_colours,
    plan_references,
    reference_files,
    slug_of,
)
from smite_hosts.session import model_names, parts_of

from . import host, knobs, mattes
from .app import App
from .host import Node
from .learn import ask_models
from .plate import still_of
from .rendering import Source, render_all


@dataclass(frozen=True)
class Fix:
    """A fix as it was asked for: model, frame, the reference, and which frames are made again.

    ``files`` are the mattes that are shown, from which the other frames are kept.
    """

    model: str
    frame: int
    reference: Reference
    request: mattes.Request
    again: str
    files: Mapping[str, Mapping[str, str]]


def fix(app: App, node: Node) -> None:
    """The Fix button: learn the corrected frame, then make the next version."""
    asked = fix_of(app, node)
    folder = app.references_folder / asked.model
    if not reference_files(folder):
        raise HostProblem("references_gone", model=asked.model)

    def known(answer: Answer) -> None:
        answer.check()
        model = next_version(asked.model, model_names(answer))
        _learn(app, node, asked, model, parts_of(answer, asked.model))

    ask_models(app, node, known)


def fix_of(app: App, node: Node) -> Fix:
    """Return what the node's knobs and the frame ask for. Raises HostProblem."""
    if not node.number(knobs.READY):
        raise HostProblem("nothing_to_fix", node=node.name, detail="it has no mattes")
    roto = node.input(knobs.FIX_INPUT)
    if roto is None:
        raise HostProblem("nothing_to_fix", node=node.name, detail="no roto is connected to fix")
    part = node.text(knobs.FIX_PART).strip()
    slugs = node.raw_text(knobs.PARTS).split()
    if not part or slug_of(part) not in slugs:
        detail = f"the part {part!r} is none of {', '.join(slugs)}"
        raise HostProblem("nothing_to_fix", node=node.name, detail=detail)
    request = mattes.request_of(app, node)
    frame = host.current_frame()
    if frame not in request.frames.as_set:
        detail = f"frame {frame} is not in {request.frames.text}"
        raise HostProblem("nothing_to_fix", node=node.name, detail=detail)
    corrected = slug_of(part)
    parts = [
        (slug, Source(roto.name) if slug == corrected else Source(node.name, f"{slug}.alpha"))
        for slug in slugs
    ]
    name = f"{node.name}_fix"
    plate = host.find(request.plate.node)
    still = None if plate is None else still_of(plate, frame)
    reference = Reference(name, frame, Source(request.plate.node), tuple(parts), still)
    reach = node.number(knobs.FIX_REACH)
    again = frames_around(request.frames, frame, reach)
    files = json.loads(node.raw_text(knobs.FILES) or "{}")
    return Fix(request.spec.model, frame, reference, request, again, files)


def _learn(app: App, node: Node, asked: Fix, model: str, names: Tuple[str, ...]) -> None:
    """Learn the new version of the model from the old references and the new one."""
    folder = app.references_folder / model
    colours = colours_of(app.references_folder / asked.model)
    reference = replace(asked.reference, still=None) if colours else asked.reference
    plan = plan_references([reference], folder, node.name, names)
    settings = parse_settings(app.preferences.fix_learn, "fix_learn")
    spec = replace(plan.spec(model, settings, colours), ocio=host.ocio_config())

    def prepare(stop: Callable[[], bool]) -> None:
        copy_references(app.references_folder / asked.model, folder, asked.model)
        render_all(plan.renders, "SMITE: rendering the corrected frame", stop)
        keep_colours(folder, colours)

    def heard(told: Node, status: JobStatus, new: Tuple[NewMatte, ...]) -> None:
        del new
        if status.phase == DONE and status.kind == "learn":
            _generate(app, told, asked, model)

    job = app.job_of(node)
    job.heard, job.quiet = heard, False
    job.controller.start(spec, node.name, prepare=prepare)


def _generate(app: App, node: Node, asked: Fix, model: str) -> None:
    """Make the next version with the model that has learned the fix."""
    node.set(knobs.MODEL, model)
    spec = replace(asked.request.spec, model=model, frames=asked.again, version=0, overwrite=False)
    request = replace(asked.request, spec=spec)
    mattes.begin(app, node, request, lambda status: keep_others(asked, status))


def keep_others(asked: Fix, status: JobStatus) -> None:
    """Copy the frames that were not made again from the version before; in the job's thread."""
    made = set(status.frames)
    others = [number for number in asked.request.frames.numbers if number not in made]
    carry_over(asked.files, status.files, others)


def choose_part(app: App, node: Node) -> None:
    """The button beside the part: choose from those that the mattes have."""
    del app
    slugs = node.raw_text(knobs.PARTS).split()
    if not slugs:
        raise HostProblem("nothing_to_fix", node=node.name, detail="it has no mattes")
    found = host.choose("Which part does the roto correct?", slugs)
    if found is not None:
        node.set(knobs.FIX_PART, found)
