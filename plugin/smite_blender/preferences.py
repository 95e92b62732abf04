"""The add-on's preferences: those of all hosts, read from their files and written to the user's."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, Callable, Dict, Tuple

import bpy
from bpy.props import EnumProperty, StringProperty

from smite_hosts import HostProblem, save_preferences
from smite_hosts.preferences import BUILT_IN, parse_path_map, says
from smite_protocol.specs import QUALITIES

from . import app as apps
from .words import in_blender

FIELDS = ("server", "key", "path_map", "out", "template", "shot_pattern", "shot_name", "references")
_PATHS = {"key": "FILE_PATH", "references": "DIR_PATH"}
_LINE = 90


def text_of(name: str) -> str:
    """Return a preference as the artist edits it."""
    value = getattr(apps.app().preferences, name)
    if name == "path_map":
        return "; ".join(f"{here}={there}" for here, there in value)
    return str(value)


def keep(name: str, value: str) -> None:
    """Save a preference in the user's file and use it; a wrong one is told and not kept."""
    the_app = apps.app()
    try:
        if value != text_of(name):
            typed: Any = parse_path_map(value, "the path map") if name == "path_map" else value
            save_preferences(the_app.places, {name: typed})
            the_app.reload_preferences()
        the_app.said = ""
    except HostProblem as problem:
        the_app.said = in_blender(problem)


def _typed(name: str) -> Any:
    setter: Callable[[Any, str], None] = lambda _, value: keep(name, value)  # noqa: E731
    return StringProperty(
        name=name.replace("_", " ").capitalize(),
        description=says(name),
        subtype=_PATHS.get(name, "NONE"),
        get=lambda _: text_of(name),
        set=setter,
    )


def _properties() -> Dict[str, Any]:
    found = {name: _typed(name) for name in FIELDS}
    found["quality"] = EnumProperty(
        name="Quality",
        description=says("quality"),
        items=[(word, word.capitalize(), "") for word in QUALITIES],
        get=lambda _: QUALITIES.index(apps.app().preferences.quality),
        set=lambda _, index: keep("quality", QUALITIES[index]),
    )
    return found


class SMITE_AP_preferences(bpy.types.AddonPreferences):  # noqa: N801  (Blender's rule for names)
    """Server, key, path map and names of files."""

    bl_idname = __package__ or ""
    __annotations__ = _properties()

    def draw(self, context: Any) -> None:
        """Every preference, where it comes from, and a check."""
        del context
        the_app = apps.app()
        own = str(the_app.places.preferences)
        for name in (*FIELDS, "quality"):
            self.layout.prop(self, name)
            source = the_app.loaded.sources.get(name, BUILT_IN)
            if source not in (BUILT_IN, own):
                self.layout.label(text=f"from {source}", icon="INFO")
        self.layout.operator("smite.check")
        for text in (the_app.said, *the_app.loaded.problems):
            for line in wrap(text, _LINE):
                self.layout.label(text=line)


CLASSES: Tuple[Any, ...] = (SMITE_AP_preferences,)
