"""Blender as the other modules see it: scenes, files, data-blocks, and the queue of its thread.

Threads never touch bpy: what they have to say waits in `queue`, which a timer empties, and, where
no timer runs (without a window), `drain` or `run_until`.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Callable, List, Optional

import bpy

from smite_hosts import HostQueue

from .colours import colour_space
from .plate import Plate, plate_of_file

TICK_SECONDS = 0.1
SLICE_SECONDS = 0.03
"""How long one tick of the timer begins further calls; none of ours takes 20 ms."""

queue = HostQueue()
_log: List[logging.Logger] = []


def call_in_host(function: Callable[[], None]) -> None:
    """Have a function called in Blender's own thread, soon; from any thread."""

    def guarded() -> None:
        try:
            function()
        except Exception:  # an error must not end the timer
            for log in _log:
                log.exception("a fault in a call from a thread")
            if not _log:
                raise

    queue(guarded)


def log_faults_to(log: logging.Logger) -> None:
    """Name the log for faults of calls."""
    _log[:] = [log]


def drain() -> int:
    """Make the calls that wait; for loops that have no timer."""
    return queue.run_waiting()


def run_until(finished: Callable[[], bool], seconds: float = float("inf")) -> bool:
    """Make calls until ``finished()``; for scripts without a window. False: the time is up."""
    return queue.run_until(finished, seconds)


def _tick() -> float:
    queue.run_waiting(SLICE_SECONDS)
    return TICK_SECONDS


def start_timer() -> None:
    """Have calls made from now on; the timer outlives the loading of files."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def stop_timer() -> None:
    """Have no more calls made."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def gui() -> bool:
    """Whether there is a window."""
    return not bpy.app.background


def version_name() -> str:
    """The host and its version, for the server's log."""
    return f"blender {bpy.app.version_string}"


def script_path() -> Optional[str]:
    """The Blender file's path; None before it is saved."""
    return bpy.data.filepath or None


def scene_names() -> List[str]:
    """The names of all scenes."""
    return [scene.name for scene in bpy.data.scenes]


def settings(scene: str) -> Optional[Any]:
    """The add-on's properties of a scene (`properties.SceneSettings`); None: it is gone."""
    found = bpy.data.scenes.get(scene)
    return None if found is None else found.smite


def current_frame(scene: str) -> int:
    """The frame that the artist sees."""
    return int(bpy.data.scenes[scene].frame_current)


def redraw() -> None:
    """Have the panels drawn anew."""
    for window in bpy.context.window_manager.windows if gui() else ():
        for area in window.screen.areas:
            if area.type in ("NODE_EDITOR", "CLIP_EDITOR"):
                area.tag_redraw()


def ocio_config() -> Optional[str]:
    """The studio's OpenColorIO config, if Blender runs with one."""
    return os.environ.get("OCIO") or None


def absolute(path: str, library: Any = None) -> str:
    """A path of a data-block or a property as the system has it; empty stays empty."""
    if not path:
        return ""
    found: str = bpy.path.abspath(path, library=library)
    return os.path.normpath(found).replace("\\", "/")


def plate_of(scene: str) -> Plate:
    """The plate that a scene's settings name. Raises HostProblem."""
    chosen = bpy.data.scenes[scene].smite
    typed = chosen.colour_space.strip()
    if chosen.plate_kind == "CLIP" and chosen.plate_clip is not None:
        clip = chosen.plate_clip
        path = absolute(clip.filepath, clip.library)
        colours = typed or space_of(clip, path)
        return plate_of_file(path, clip.frame_start, colours, scene)
    if chosen.plate_kind == "IMAGE" and chosen.plate_image is not None:
        image = chosen.plate_image
        path = absolute(image.filepath, image.library)
        sequence = image.source == "SEQUENCE"
        colours = typed or space_of(image, path)
        return plate_of_file(path, chosen.plate_start, colours, scene, sequence=sequence)
    path = absolute(chosen.plate_path) if chosen.plate_kind == "FILE" else ""
    return plate_of_file(path, chosen.plate_start, typed or None, scene)


def space_of(block: Any, file: str) -> Optional[str]:
    """The colour space of an image or a clip, as the server names it; None: as the file says."""
    shown = block.colorspace_settings.name
    return colour_space(shown, file, own_config=ocio_config() is not None)


def open_file(path: Path) -> None:
    """Show a text file to the artist."""
    bpy.ops.wm.path_open(filepath=str(path))
