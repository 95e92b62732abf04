"""SMITE_Mattes: the spec of a shot from the node's knobs; its mattes shown while they arrive."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from smite_hosts import HostProblem, JobStatus, NewMatte, Preferences
from smite_hosts.frame_choice import FrameChoice, choose_frames
from smite_hosts.job_controller import Complete
from smite_hosts.job_status import DONE
from smite_hosts.mattes_on_disk import file_of, other_version, version_in
from smite_hosts.preferences import parse_settings
from smite_hosts.shot_names import check_shot, out_folder, shot_of_script
from smite_protocol.specs import SegmentSpec

from . import host, knobs
from .app import App
from .host import Node
from .plate import Plate, plate_of
from .rendering import plate_renders, render_all

LAYERS_STYLE = "layers"
RELOAD_SECONDS = 1.0
"""The inner Read looks at the disk at most so often: each look drops what the viewer has cached."""
_last_reload: Dict[str, float] = {}


@dataclass(frozen=True)
class Request:
    """What Generate asks for: the spec with this machine's paths, its frames and its plate."""

    spec: SegmentSpec
    frames: FrameChoice
    plate: Plate

    def prepare(self, stop: Callable[[], bool]) -> None:
        """Render a plate that is no plain file; in the job's thread."""
        if not self.plate.path and self.spec.plate is not None:
            folder = Path(self.spec.plate).parent
            renders = plate_renders(self.plate.node, self.frames.numbers, folder)
            render_all(renders, "SMITE: rendering the plate", stop)


def generate(app: App, node: Node) -> None:
    """The Generate button."""
    begin(app, node, request_of(app, node))


def begin(app: App, node: Node, request: Request, complete: Optional[Complete] = None) -> None:
    """Have a request done, and show its mattes while they arrive.

    ``complete`` is called in the job's thread when they are there.
    """
    job = app.job_of(node)
    job.heard, job.quiet = show, False
    job.controller.start(request.spec, node.name, prepare=request.prepare, complete=complete)
    node.set(knobs.FIRST, request.frames.first)
    node.set(knobs.LAST, request.frames.last)
    plate = host.find(request.plate.node)
    if plate is not None:
        node.take_format(plate, knobs.FORMAT)


def request_of(app: App, node: Node) -> Request:
    """Return what the node's knobs ask for. Raises HostProblem for what is missing or wrong."""
    preferences = app.preferences
    plate = plate_of(node, knobs.PLATE_INPUT)
    model = model_of(node)
    frames = choose_frames(node.text(knobs.FRAMES), plate.range, preferences.most_frames)
    shot = shot_of(preferences, node)
    out = folder_of(preferences, node, shot)
    path = plate.path or _rendered_plate(app, node, shot)
    overwrite = node.flag(knobs.OVERWRITE)
    spec = SegmentSpec(
        model=model,
        plate=path,
        frames=frames.text,
        shot=shot,
        out=out,
        quality=_quality(preferences, node),
        edges="" if node.text(knobs.EDGES) == "auto" else node.text(knobs.EDGES),
        version=current_version(node) if overwrite else 0,
        overwrite=overwrite,
        template=node.text(knobs.TEMPLATE).strip() or preferences.template or None,
        colour_space=node.text(knobs.COLOUR).strip() or plate.colour_space,
        styles=styles_of(node),
        ocio=host.ocio_config(),
        settings=parse_settings(node.text(knobs.SETTINGS), f"the settings of {node.name}"),
    )
    return Request(spec, frames, plate)


def model_of(node: Node) -> str:
    """Return the part model: the knob's, else that of the connected SMITE_Learn."""
    model = node.text(knobs.MODEL).strip()
    learn = node.input(knobs.MODEL_INPUT)
    if not model and learn is not None and learn.kind == knobs.LEARN:
        model = learn.text(knobs.MODEL).strip()
    if not model:
        raise HostProblem("no_model", node=node.name)
    return model


def shot_of(preferences: Preferences, node: Node) -> str:
    """Return the shot's name: the knob's, else the script's."""
    typed = node.text(knobs.SHOT).strip()
    if typed:
        return check_shot(typed)
    return shot_of_script(host.script_path(), preferences.shot_pattern, preferences.shot_name)


def folder_of(preferences: Preferences, node: Node, shot: str) -> str:
    """Return the folder for the mattes: the knob's, else the preferences'."""
    chosen = node.path(knobs.OUT)
    if chosen:
        return chosen.rstrip("/")
    script = host.script_path()
    return out_folder(preferences.out, script, preferences.shot_pattern, shot, node.name)


def styles_of(node: Node) -> Tuple[str, ...]:
    """Return the styles that are written: layers always, since the node shows them."""
    chosen = [LAYERS_STYLE]
    if node.flag(knobs.STYLE_PARTS):
        chosen.append("parts")
    if node.flag(knobs.STYLE_CRYPTOMATTE):
        chosen.append("cryptomatte")
    return tuple(chosen)


def current_version(node: Node) -> int:
    """Return the version of the mattes that are shown; 1 where there are none."""
    place = json.loads(node.raw_text(knobs.JOB) or "{}")
    return int(place.get("version", 0)) or 1


def _quality(preferences: Preferences, node: Node) -> str:
    chosen = node.text(knobs.QUALITY)
    return preferences.quality if chosen == "preferences" else chosen


def _rendered_plate(app: App, node: Node, shot: str) -> str:
    folder = app.places.cache / "plates" / shot / node.name.replace(".", "_")
    return (folder / "plate.%04d.exr").as_posix()


def show(node: Node, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
    """Show the mattes there are: the inner Read follows the node's knobs."""
    layers = status.files.get(LAYERS_STYLE, {}).get(LAYERS_STYLE, "")
    if layers:
        node.set(knobs.LAYERS, layers)
        node.set(knobs.FILES, json.dumps(status.files))
        _widen(node, status.frames)
        node.set(knobs.READY, 1)
    parts = status.result.get("parts") if status.phase == DONE else None
    if isinstance(parts, Mapping):
        set_parts(node, [str(slug) for slug in parts])
    if mattes or status.ended:
        _look_again(node, at_once=status.ended)


def _widen(node: Node, frames: Tuple[int, ...]) -> None:
    """Let the range that is shown hold the frames there are; a node that was reopened has none."""
    if not frames:
        return
    shown = node.number(knobs.FIRST), node.number(knobs.LAST)
    never = shown == (0, 0) and not node.number(knobs.READY)
    first, last = (frames[0], frames[-1]) if never else shown
    first, last = min(first, frames[0]), max(last, frames[-1])
    node.set(knobs.FIRST, first)
    node.set(knobs.LAST, last)


def set_parts(node: Node, slugs: List[str]) -> None:
    """Keep the parts' slugs on the node and make their layers known to menus."""
    for slug in slugs:
        host.add_layer(slug)
    node.set(knobs.PARTS, " ".join(slugs))


def _look_again(node: Node, *, at_once: bool) -> None:
    """Have the inner Read look at the disk, now and then."""
    now = time.monotonic()
    if not at_once and now - _last_reload.get(node.name, 0.0) < RELOAD_SECONDS:
        return
    _last_reload[node.name] = now
    inner = node.inner(knobs.INNER_READ)
    if inner is not None and node.number(knobs.READY):
        inner.press("reload")


def cancel(app: App, node: Node) -> None:
    """The Cancel button; finished mattes are kept."""
    app.job_of(node).controller.cancel(node.name)


def reload(app: App, node: Node) -> None:
    """The Reload button: look at the disk, and for a job that runs."""
    restore(app, node)
    if not node.number(knobs.READY) and not app.job_of(node).controller.busy:
        raise HostProblem("nothing_to_reload", node=node.name)
    _look_again(node, at_once=True)


def restore(app: App, node: Node) -> None:
    """Bring a node that was loaded to where its knobs say it was: layers, and its job."""
    for slug in node.raw_text(knobs.PARTS).split():
        host.add_layer(slug)
    shown = bool(node.number(knobs.READY)) and is_on_disk(node)
    app.find_job_again(node, SegmentSpec.kind, show, wants_result=not shown)


def step_version(node: Node, step: int) -> None:
    """The buttons version up and version down: show another version that is on the disk."""
    pattern = node.path(knobs.LAYERS)
    frame = node.number(knobs.FIRST)
    found = other_version(pattern, step, frame, node.number(knobs.LAST)) if pattern else ""
    if not found:
        which = "higher" if step > 0 else "lower"
        raise HostProblem("no_version", node=node.name, which=which)
    files = node.raw_text(knobs.FILES)
    before, after = (version_in(path) for path in (pattern, found))
    node.set(knobs.LAYERS, found)
    node.set(knobs.FILES, files.replace(f"_v{before}", f"_v{after}"))
    _look_again(node, at_once=True)


def is_on_disk(node: Node) -> bool:
    """Return whether the first frame that is shown is there."""
    return Path(file_of(node.path(knobs.LAYERS), node.number(knobs.FIRST))).is_file()
