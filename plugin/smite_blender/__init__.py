"""SMITE inside Blender (4.2 and later): an extension that learns parts and makes mattes of shots.

The panels are in the compositor and the movie clip editor. `host` reads and changes scenes, nodes
and pictures; `properties`, `operators`, `panels` and `preferences` are what Blender registers. The
others import no bpy. As an extension the package has another name: its modules know each other by
dots alone.
"""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the add-on is ticked."""
    from . import registering

    registering.register()


def unregister() -> None:
    """Called by Blender when the add-on is unticked, and when it ends."""
    from . import registering

    registering.unregister()
