"""The preferences panel: what the user may set, where each value comes from, and a check."""

from __future__ import annotations

from typing import Any, Dict

from smite_hosts import Answer, HostProblem, Session, save_preferences
from smite_hosts.preferences import BUILT_IN, Preferences, parse_path_map, says
from smite_protocol.specs import QUALITIES

from . import host
from .app import App, app
from .panel_fields import BUTTON, CHOICE, TEXT, TYPED, Field

FIELDS = (
    "server",
    "key",
    "path_map",
    "out",
    "template",
    "shot_pattern",
    "shot_name",
    "quality",
    "references",
)
CHECK = "check"


def show() -> None:
    """Show the panel, and keep what was changed."""
    the_app = app()
    fields = [_field(the_app, name) for name in FIELDS]
    fields.append(Field(CHECK, "Check the server", BUTTON))
    fields.append(Field("answer", "", TEXT, "  "))
    fields.append(Field("origin", "", TEXT, _origins(the_app)))
    panel = host.Panel("SMITE preferences", fields)
    panel.on_button = lambda: _check(the_app, panel)
    if panel.run():
        keep(the_app, panel.values())


def keep(the_app: App, values: Dict[str, Any]) -> None:
    """Save what differs from before in the user's file, and use it."""
    try:
        changed = changes(the_app.preferences, values)
        if changed:
            save_preferences(the_app.places, changed)
            the_app.reload_preferences()
    except HostProblem as problem:
        host.tell(problem.message)


def changes(before: Preferences, values: Dict[str, Any]) -> Dict[str, Any]:
    """Return the preferences that the panel's values change. Raises HostProblem."""
    found: Dict[str, Any] = {}
    for name in FIELDS:
        value: Any = values[name]
        if name == "path_map":
            value = parse_path_map(str(value), "the path map")
        if value != getattr(before, name):
            found[name] = value
    return found


def _field(the_app: App, name: str) -> Field:
    value = getattr(the_app.preferences, name)
    if name == "path_map":
        value = "; ".join(f"{here}={there}" for here, there in value)
    kind = CHOICE if name == "quality" else TYPED
    return Field(name, name.replace("_", " "), kind, value, says(name), QUALITIES)


def _origins(the_app: App) -> str:
    """Return where values come from that are neither built in nor the user's own."""
    own = str(the_app.places.preferences)
    lines = [
        f"{name}: {source}"
        for name, source in the_app.loaded.sources.items()
        if source not in (BUILT_IN, own)
    ]
    return "\n".join([*lines, *the_app.loaded.problems]) or "  "


def _check(the_app: App, panel: host.Panel) -> None:
    """Ask the server that the panel names whether it is there."""
    values = panel.values()
    try:
        preferences = Preferences(server=str(values["server"]), key=str(values["key"]))
        session = Session(
            preferences,
            host.call_in_host,
            memory=the_app.memory,
            log=the_app.log,
            name=host.version_name(),
        )
    except HostProblem as problem:
        panel.set("answer", problem.message)
        return

    def heard(answer: Answer) -> None:
        panel.set("answer", str(answer.value) if answer.good else answer.message)
        session.close(0.0)

    panel.set("answer", "asking ...")
    session.check(heard)
