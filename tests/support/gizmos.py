"""Checks a gizmo file as far as this is possible without Nuke: in tclsh, and built in the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.fake_nuke import running, state
from tests.support.fake_nuke.choice_knobs import Link_Knob
from tests.support.fake_nuke.gizmos import Definition, build_inside, read_gizmo
from tests.support.fake_nuke.groups import Gizmo, Group
from tests.support.fake_nuke.knob import Knob
from tests.support.fake_nuke.node import Node
from tests.support.fake_nuke.node_classes import CLASSES
from tests.support.fake_nuke.text_knobs import EvalString_Knob, File_Knob, PyScript_Knob

__all__ = ["gizmo_problems"]


def gizmo_problems(path: Path) -> list[str]:
    """What is wrong with a gizmo, one sentence each; empty: nothing. No session may be running."""
    with running() as session:
        session.add_plugin_path(str(path.parent))
        try:
            definition = read_gizmo(path)
            gizmo = _built(definition)
        except ValueError as problem:
            return [str(problem)]
        return [f"{path.name}: {problem}" for problem in _problems(gizmo)]


def _built(definition: Definition) -> Gizmo:
    script = state.current().script
    made = Gizmo(CLASSES["Gizmo"], definition.path.stem, script.root)
    made._definition = definition
    made._knobs["name"]._restore(f"{definition.path.stem}1")
    script.root._nodes.append(made)
    build_inside(made, definition)
    return made


def _problems(gizmo: Gizmo) -> Iterator[str]:
    outputs = [node for node in gizmo._nodes if node._class_name == "Output"]
    if len(outputs) != 1:
        yield f"a gizmo has one Output, not {len(outputs)}"
    for node in _all(gizmo):
        for knob in node._knobs.values():
            problem = _problem(knob)
            if problem:
                yield f"{node._full_name()}.{knob._name}: {problem}"


def _all(group: Group) -> Iterator[Node]:
    yield group
    for node in group._nodes:
        if isinstance(node, Group):
            yield from _all(node)
        else:
            yield node


def _problem(knob: Knob) -> str:
    """Why a knob's value cannot be worked out."""
    try:
        if isinstance(knob, Link_Knob):
            knob._asked()
        if isinstance(knob, PyScript_Knob):
            compile(knob._value, knob._name, "exec")
        if isinstance(knob, EvalString_Knob | File_Knob):
            knob._text(1)
        for index in knob._expressions:
            knob._number(1, index)
    except (LookupError, ValueError, SyntaxError) as problem:
        return str(problem)
    return ""
