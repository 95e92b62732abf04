"""What Blender is told of the add-on when it is ticked, and takes back afterwards."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import app, host, mattes, operators, panels, preferences, properties

_CLASSES = (
    *properties.CLASSES,
    *operators.CLASSES,
    *panels.CLASSES,
    *preferences.CLASSES,
)


def register() -> None:
    """Add classes, the scenes' settings, the timer and the handlers."""
    for found in _CLASSES:
        bpy.utils.register_class(found)
    properties.attach()
    host.start_timer()
    bpy.app.handlers.load_pre.append(_before_loading)
    bpy.app.handlers.load_post.append(_after_loading)


def unregister() -> None:
    """Take it all away; jobs go on at the server."""
    bpy.app.handlers.load_post.remove(_after_loading)
    bpy.app.handlers.load_pre.remove(_before_loading)
    host.stop_timer()
    app.forget()
    host.queue.run_waiting()
    properties.detach()
    for found in reversed(_CLASSES):
        bpy.utils.unregister_class(found)


@persistent
def _before_loading(*_: Any) -> None:
    """Another file is opened: its predecessor's jobs go on, and are not shown in it."""
    app.app().leave_jobs()


@persistent
def _after_loading(*_: Any) -> None:
    """A file was opened: jobs of its scenes that are at work are followed."""
    if not host.gui():
        return
    the_app = app.app()
    for scene in host.scene_names():
        try:
            mattes.follow(the_app, scene)
        except Exception:  # a file must open whatever happens here
            the_app.log.exception("a scene could not be restored")
