"""What init.py starts: the folder of the gizmos, and what happens when nodes are loaded."""

from __future__ import annotations

from pathlib import Path

from . import app, host, knobs, mattes


def start(plugin_folder: str) -> None:
    """Let Nuke find the gizmos, beside the plugin or beside its folder, and watch for nodes."""
    here = Path(plugin_folder)
    beside = [folder / "gizmos" for folder in (here, here.parent)]
    for folder in beside:
        if any(folder.glob("*.gizmo")):
            host.add_plugin_folder(folder)
            break
    app.start(here)
    host.on_create(knobs.MATTES, _mattes_loaded)


def _mattes_loaded() -> None:
    """A SMITE_Mattes was made or loaded: its layers are there again, and its job is found."""
    node = host.this_node()
    the_app = app.app()
    try:
        mattes.restore(the_app, node)
    except Exception:  # a script must open whatever happens here
        the_app.log.exception("a node could not be restored")
