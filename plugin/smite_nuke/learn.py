"""SMITE_Learn: references are rendered, sent and learned; every learn is a new model version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, List, Mapping, Sequence, Tuple

from smite_hosts import Answer, HostProblem, JobStatus, NewMatte, OnAnswer
from smite_hosts.job_status import DONE
from smite_hosts.learn_report import report
from smite_hosts.model_names import newest_first, next_version
from smite_hosts.preferences import parse_settings
from smite_hosts.reference_plan import Reference, keep_colours, plan_references
from smite_hosts.session import model_names
from smite_hosts.shot_names import shot_of_script
from smite_protocol.specs import LearnSpec

from . import host, knobs
from .app import App
from .host import Node
from .plate import still_of
from .rendering import Source, render_all


def learn(app: App, node: Node) -> None:
    """The Learn button: ask which versions there are, then learn the next one."""
    references = references_of(node)
    base = node.text(knobs.NAME).strip() or shot_of_script(
        host.script_path(), app.preferences.shot_pattern, app.preferences.shot_name
    )
    settings = parse_settings(node.text(knobs.SETTINGS), f"the settings of {node.name}")
    next_version(base, ())  # a bad name is told before anything is asked

    def known(answer: Answer) -> None:
        answer.check()
        begin(app, node, references, next_version(base, model_names(answer)), settings)

    ask_models(app, node, known)


def begin(
    app: App, node: Node, references: List[Reference], model: str, settings: Mapping[str, Any]
) -> None:
    """Render the references and learn ``model`` from them."""
    references, colours = of_one_colour(references)
    plan = plan_references(references, app.references_folder / model, node.name)
    spec = replace(plan.spec(model, settings, colours), ocio=host.ocio_config())
    job = app.job_of(node)
    job.heard, job.quiet = show, False

    def prepare(stop: Callable[[], bool]) -> None:
        render_all(plan.renders, "SMITE: rendering references", stop)
        keep_colours(plan.folder, colours)

    job.controller.start(spec, node.name, prepare=prepare)


def restore(app: App, node: Node) -> None:
    """Bring a node that was loaded to where it was: its job is found again."""
    app.find_job_again(node, LearnSpec.kind, show, wants_result=not node.text(knobs.MODEL))


def references_of(node: Node) -> List[Reference]:
    """Return the references that are connected. Raises HostProblem."""
    found: List[Reference] = []
    for index in range(knobs.MOST_REFERENCES):
        source = node.input(index)
        if source is None:
            continue
        if source.kind != knobs.REFERENCE:
            raise HostProblem("no_references", node=f"{node.name} (input ref{index + 1})")
        found.append(reference_of(source))
    if not found:
        raise HostProblem("no_references", node=node.name)
    return found


def reference_of(node: Node) -> Reference:
    """Return what a SMITE_Reference says. Raises HostProblem."""
    image = node.input(knobs.IMAGE_INPUT)
    if image is None:
        raise HostProblem("reference_without_image", node=node.name)
    parts: List[Tuple[str, Source]] = []
    for number in range(1, knobs.MOST_PARTS + 1):
        name = node.text(knobs.part_name(number)).strip()
        layer = node.text(knobs.part_layer(number))
        roto = node.input(number)
        if roto is None and layer in ("", "none"):
            if name:
                raise HostProblem("reference_without_parts", node=f"{node.name}, part {name}")
            continue
        if not name:
            raise HostProblem("part_without_name", node=node.name, input=f"part{number}")
        source = image if roto is None else roto
        parts.append((name, Source(source.name, "" if layer == "none" else layer)))
    frame = node.number(knobs.FRAME)
    still = still_of(image, frame)
    return Reference(node.name, frame, Source(image.name), tuple(parts), still)


def of_one_colour(references: Sequence[Reference]) -> Tuple[List[Reference], str]:
    """Return references whose stills have one colour space, and its name; empty: as files say.

    What is rendered is in the script's working space. Where that is what EXR files usually have,
    files and rendered stills go together; else all are rendered as soon as one must be.
    """
    rendered = [reference for reference in references if reference.still is None]
    if not rendered or not host.manages_colours():
        return list(references), ""
    return [replace(reference, still=None) for reference in references], host.working_space()


def show(node: Node, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
    """Write what was learned into the node."""
    del mattes
    if status.phase == DONE and status.kind == "learn":
        node.set(knobs.MODEL, str(status.result.get("model", "")))
        node.set(knobs.REPORT, report(status))


def list_models(app: App, node: Node) -> None:
    """The Models button: show what there is on the server."""

    def shown(answer: Answer) -> None:
        answer.check()
        host.tell("\n".join(newest_first(model_names(answer))) or "No part models yet.")

    ask_models(app, node, shown)


def ask_models(app: App, node: Node, heard: OnAnswer) -> None:
    """Ask for the server's models; without a window the answer is waited for.

    ``heard`` may raise HostProblem.
    """
    if host.gui():
        node.set(knobs.STATUS, "asking the server")
        app.session.models(told_on(node, heard))
    else:
        heard(app.session.ask_now(lambda client: client.models()))


def told_on(node: Node, heard: OnAnswer) -> OnAnswer:
    """Return ``heard`` for a node that may be gone, or have a problem, when the answer comes."""

    def called(answer: Answer) -> None:
        if not node.alive:
            return
        if node.has(knobs.STATUS):
            node.set(knobs.STATUS, "-")
        try:
            heard(answer)
        except HostProblem as problem:
            if node.has(knobs.STATUS):
                node.set(knobs.STATUS, problem.message)
            host.tell(problem.message)

    return called
