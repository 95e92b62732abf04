"""Mattes: the spec of a shot from the scene's settings; nodes show the mattes while they arrive."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from smite_hosts import Answer, HostProblem, JobPlace, JobStatus, NewMatte
from smite_hosts.frame_choice import choose_frames
from smite_hosts.job_status import DONE
from smite_hosts.preferences import parse_settings
from smite_hosts.shot_names import check_shot, out_folder, shot_of_script
from smite_protocol.records import JobInfo
from smite_protocol.specs import SegmentSpec

from . import host, nodes
from .app import MATTES, App
from .plate import Plate
from .wiring import LAYERS, NodePlan, plan_nodes

SHOW_SECONDS = 1.0
"""While mattes arrive, the nodes are brought up to date at most so often."""
_last_shown: Dict[str, float] = {}


def generate(app: App, scene: str) -> None:
    """The Generate button."""
    spec, plate = request_of(app, scene)
    settings = host.settings(scene)
    job = app.job_of(scene, MATTES)
    job.heard = show
    job.controller.start(spec, scene)
    assert settings is not None
    settings.plate_first, settings.plate_shown_at = plate.first, plate.shown_at
    _last_shown.pop(scene, None)


def request_of(app: App, scene: str) -> Tuple[SegmentSpec, Plate]:
    """Return what the settings ask for. Raises HostProblem for what is missing or wrong."""
    settings, preferences = _settings(scene), app.preferences
    plate = host.plate_of(scene)
    if not settings.model.strip():
        raise HostProblem("no_model", node=scene)
    frames = choose_frames(_frames_text(settings, plate), plate.range, preferences.most_frames)
    shot = shot_of(app, settings)
    spec = SegmentSpec(
        model=settings.model.strip(),
        plate=plate.path,
        frames=frames.text,
        shot=shot,
        out=_folder(app, scene, settings, shot),
        quality=preferences.quality if settings.quality == "PREFERENCES" else settings.quality,
        edges="" if settings.edges == "AUTO" else settings.edges,
        version=_current_version(settings) if settings.overwrite else 0,
        overwrite=settings.overwrite,
        template=settings.template.strip() or preferences.template or None,
        colour_space=plate.colour_space,
        styles=styles_of(settings),
        ocio=host.ocio_config(),
        settings=parse_settings(settings.matte_settings, f"the settings of {scene}"),
    )
    return spec, plate


def shot_of(app: App, settings: Any) -> str:
    """Return the shot's name: the typed one, else the file's."""
    typed = settings.shot.strip()
    if typed:
        return check_shot(typed)
    preferences = app.preferences
    return shot_of_script(host.script_path(), preferences.shot_pattern, preferences.shot_name)


def styles_of(settings: Any) -> Tuple[str, ...]:
    """Return the styles that are written: layers always, and what is shown."""
    return (LAYERS,) if settings.show_as == LAYERS else (LAYERS, settings.show_as)


def _frames_text(settings: Any, plate: Plate) -> str:
    text = str(settings.frames).strip()
    if not text and not plate.numbered:
        raise HostProblem("no_frames", detail="the plate is a movie; write its frame range")
    return text


def _folder(app: App, scene: str, settings: Any, shot: str) -> str:
    chosen = host.absolute(settings.out)
    if chosen:
        return chosen.rstrip("/")
    preferences = app.preferences
    return out_folder(preferences.out, host.script_path(), preferences.shot_pattern, shot, scene)


def _current_version(settings: Any) -> int:
    place = JobPlace.from_text(settings.mattes_job)
    return place.version if place is not None and place.version else 1


def _settings(scene: str) -> Any:
    found = host.settings(scene)
    if found is None:
        raise HostProblem("no_plate", node=scene)
    return found


def show(scene: str, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
    """Show the mattes there are by nodes of the compositor."""
    settings = host.settings(scene)
    if settings is None:
        return
    if status.files:
        settings.files = json.dumps(status.files)
        settings.frames_there = json.dumps(status.frames)
    parts = status.result.get("parts") if status.phase == DONE else None
    if isinstance(parts, Mapping):
        settings.parts = " ".join(str(slug) for slug in parts)
    if status.ended or (mattes and _due(scene)):
        plans = show_saved(scene)
        if status.ended:
            nodes.look_again(plans)


def _due(scene: str) -> bool:
    now = time.monotonic()
    if now - _last_shown.get(scene, 0.0) < SHOW_SECONDS:
        return False
    _last_shown[scene] = now
    return True


def show_saved(scene: str) -> Sequence[NodePlan]:
    """Make the nodes for what the scene's settings say that there is; return their plans."""
    settings = _settings(scene)
    files: Mapping[str, Mapping[str, str]] = json.loads(settings.files or "{}")
    frames: List[int] = json.loads(settings.frames_there or "[]")
    plate = Plate("", settings.plate_first, settings.plate_first, settings.plate_shown_at)
    plans = plan_nodes(settings.show_as, files, frames, plate, settings.parts.split())
    nodes.show(scene, plans)
    return plans


def cancel(app: App, scene: str) -> None:
    """The Cancel button of the mattes; finished ones are kept."""
    app.job_of(scene, MATTES).controller.cancel(scene)


def reload(app: App, scene: str) -> None:
    """The Reload button: look at the disk, and for a job that runs."""
    found = follow(app, scene)
    plans = show_saved(scene)
    nodes.look_again(plans)
    if not plans and found is None:
        raise HostProblem("nothing_to_reload", node=scene)


def follow(app: App, scene: str) -> Optional[JobPlace]:
    """Go on with a scene's job that may still be at work; return its place, if there is one."""
    job = app.job_of(scene, MATTES)
    place = job.controller.place
    if place is None or place.server != app.session.endpoint:
        return None
    if job.controller.busy:
        return place

    def heard(answer: Answer) -> None:
        info = answer.value
        if not isinstance(info, JobInfo) or job.left or job.controller.busy or info.final:
            return
        job.heard = show
        job.controller.follow(place, scene)

    app.session.ask(lambda client: client.job(place.job), heard)
    return place
