"""Learn: references are written, sent and learned; every learn is a new version of the model."""

from __future__ import annotations

from typing import Callable, Tuple

from smite_hosts import Answer, HostProblem, JobStatus, NewMatte
from smite_hosts.job_status import DONE
from smite_hosts.learn_report import report
from smite_hosts.model_names import newest_first, next_version
from smite_hosts.preferences import parse_settings
from smite_hosts.reference_plan import ReferencePlan, plan_references
from smite_hosts.session import model_names
from smite_hosts.shot_names import shot_of_script
from smite_protocol.specs import LearnSpec

from . import host
from .app import LEARN, App, say
from .references import references_of, render_all
from .words import in_blender


def learn(app: App, scene: str) -> None:
    """The Learn button: ask which versions there are, then learn the next one."""
    settings = host.settings(scene)
    references, space = references_of(scene)
    preferences = app.preferences
    base = settings.model_name.strip() or shot_of_script(  # type: ignore[union-attr]
        host.script_path(), preferences.shot_pattern, preferences.shot_name
    )
    chosen = parse_settings(settings.learn_settings, f"the settings of {scene}")  # type: ignore[union-attr]
    next_version(base, ())  # a bad name is told before anything is asked
    plan_references(references, app.references_folder, scene)  # and so is a bad reference
    if app.job_of(scene, LEARN).controller.busy:
        raise HostProblem("still_running", node=scene)

    def known(answer: Answer) -> None:
        answer.check()
        model = next_version(base, model_names(answer))
        plan = plan_references(references, app.references_folder / model, scene)
        _begin(app, scene, plan, plan.spec(model, chosen, space or ""))

    ask_models(app, scene, known)


def _begin(app: App, scene: str, plan: ReferencePlan, spec: LearnSpec) -> None:
    def prepare(stop: Callable[[], bool]) -> None:
        render_all(plan.renders, stop)

    job = app.job_of(scene, LEARN)
    job.heard = _show
    job.controller.start(spec, scene, prepare=prepare)


def _show(scene: str, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
    del mattes
    settings = host.settings(scene)
    if settings is not None and status.phase == DONE:
        settings.model = str(status.result.get("model", ""))
        settings.report = report(status)


def list_models(app: App, scene: str) -> None:
    """Ask which part models there are, for the panel's menu."""

    def known(answer: Answer) -> None:
        answer.check()

    ask_models(app, scene, known)


def ask_models(app: App, scene: str, heard: Callable[[Answer], None]) -> None:
    """Ask for the server's models; ``heard``, which may raise HostProblem, gets the answer."""

    def called(answer: Answer) -> None:
        if host.settings(scene) is None:
            return
        if answer.good:
            app.models = newest_first(model_names(answer))
        say(scene, LEARN, "-")
        try:
            heard(answer)
        except HostProblem as problem:
            say(scene, LEARN, in_blender(problem), problem=True)

    say(scene, LEARN, "asking the server")
    app.session.models(called)
