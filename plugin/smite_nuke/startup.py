"""What init.py starts: the folder of the gizmos, and what happens when nodes are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from . import app, host, knobs, learn, mattes


def start(plugin_folder: str) -> None:
    """Let Nuke find the gizmos, beside the plugin or beside its folder, and watch for nodes."""
    here = Path(plugin_folder)
    beside = [folder / "gizmos" for folder in (here, here.parent)]
    for folder in beside:
        if any(folder.glob("*.gizmo")):
            host.add_plugin_folder(folder)
            break
    app.start(here)
    host.on_create(knobs.MATTES, lambda: _loaded(mattes.restore))
    host.on_create(knobs.LEARN, lambda: _loaded(learn.restore))


def _loaded(restore: Callable[[app.App, host.Node], None]) -> None:
    """A node was made or loaded: its layers are there again, and its job is found."""
    node = host.this_node()
    the_app = app.app()
    try:
        restore(the_app, node)
    except Exception:  # a script must open whatever happens here
        the_app.log.exception("a node could not be restored")
