"""Gizmos: .gizmo files of the plugin path, read once by tclsh.

"Saved scripts only contain the name and control settings for the gizmo; the definition is in the
gizmo file and it is read at the same time the script is loaded"
(https://learn.foundry.com/nuke/8.0/content/user_guide/configuring_nuke/gizmos_custom_plugins_tcl.html).
Endings: nukescripts.plugin_menu of 15.1 looks for .gizmo, with a licence also for .gznc or .gzind
(https://learn.foundry.com/nuke/developers/151/pythondevguide/_modules/nukescripts/plugin_menu.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import state
from .build import BuildError, build_nodes, fill
from .choice_knobs import Link_Knob
from .tcl_report import Made, read_tcl

if TYPE_CHECKING:
    from .groups import Group


@dataclass(frozen=True)
class Definition:
    """A gizmo file and what it makes."""

    path: Path
    made: Made
    layers: tuple[tuple[str, ...], ...]


def read_gizmo(path: Path) -> Definition:
    """The gizmo in a file. ValueError, in one sentence, where it is none."""
    report = read_tcl(path)
    if [one.class_name for one in report.nodes] != ["Gizmo"]:
        raise BuildError(f"{path.name}: a gizmo file has one Gizmo and nothing else.")
    return Definition(path, report.nodes[0], tuple(tuple(words) for words in report.layers))


def find_gizmo(name: str) -> Definition | None:
    """The gizmo of that name in the plugin path, first folder first."""
    session = state.current()
    endings = [".gizmo"]
    if session.env["nc"]:
        endings.append(".gznc")
    if session.env["indie"]:
        endings.append(".gzind")
    for folder in session.plugin_path:
        for ending in endings:
            path = Path(folder) / f"{name}{ending}"
            if path.is_file():
                if path not in session.gizmos:
                    session.gizmos[path] = read_gizmo(path)
                return session.gizmos[path]
    return None


def build_inside(group: Group, definition: Definition) -> None:
    """Knobs and nodes of a gizmo; of the gizmo itself, what they hold now is their default."""
    session = state.current()
    for words in definition.layers:
        session.script.layers.add_channels(list(words[1:]))
    with session.quiet():
        build_nodes(group, definition.made.inside)
        fill(group, definition.made)
    if group._class_name == "Group":
        return
    for shown in group._knobs.values():
        knob = (shown._target() or shown) if isinstance(shown, Link_Knob) else shown
        if hasattr(knob, "_values"):
            knob._default = list(knob._values)
        elif hasattr(knob, "_value"):
            knob._default = knob._value
