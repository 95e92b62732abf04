"""Makes nodes from what tclsh has reported, and groups from gizmos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import state
from .groups import Gizmo, Group, make_node
from .tcl_report import Made
from .user_knobs import make_user_knob

if TYPE_CHECKING:
    from .node import Node


class BuildError(ValueError):
    """A node, knob or value that Nuke would refuse: one sentence with the node's name."""


def build_nodes(group: Group, made: list[Made]) -> list[Node]:
    """The nodes of a script or of a group, connected. BuildError where something is wrong."""
    by_id: dict[str, Node] = {}
    for one in made:
        by_id[one.id] = build_node(group, one)
        _connect(by_id[one.id], one, by_id)
    return list(by_id.values())


def build_node(group: Group, made: Made) -> Node:
    named = dict(made.knobs).get("name", made.class_name)
    try:
        node = make_node(made.class_name, group)
    except RuntimeError as problem:
        raise BuildError(f"{named}: {problem}.") from problem
    session = state.current()
    with session.quiet():
        node._knobs["name"]._restore(session.script.free_name(made.class_name, group))
        group._nodes.append(node)
        fill(node, made)
        if isinstance(node, Group) and not isinstance(node, Gizmo):
            build_nodes(node, made.inside)
    return node


def fill(node: Node, made: Made) -> None:
    """User knobs and values, in the order of the file."""
    for kind, *words in made.order:
        try:
            if kind == "user":
                node._add_user_knob(make_user_knob(words), tab=False)
            else:
                _check_name(node, *words)
                node._read_knob(*words)
        except (ValueError, TypeError) as problem:
            named = dict(made.knobs).get("name", made.class_name)
            raise BuildError(f"{named}: {problem}") from problem


def _check_name(node: Node, knob: str, word: str) -> None:
    """Nuke would rename the second of two nodes, and expressions would mean the first."""
    if (
        knob == "name"
        and node._parent is not None
        and node._parent._child(word) not in (None, node)
    ):
        raise ValueError(f"two nodes are called {word}.")


def _connect(node: Node, made: Made, by_id: dict[str, Node]) -> None:
    for index, wanted in enumerate(made.inputs):
        source = by_id.get(wanted)
        if source is not None and not node._connect(index, source):
            raise BuildError(
                f"{node._name()} has no input {index} for {source._name()}; "
                f"write inputs {node._input_limit()}."
            )


def copy_as_group(gizmo: Gizmo) -> Group:
    """A Group with the inside, the knobs and the values of a gizmo, beside it."""
    from .gizmos import build_inside

    assert gizmo._parent is not None
    assert gizmo._definition is not None
    session = state.current()
    group = make_node("Group", gizmo._parent)
    assert isinstance(group, Group)
    with session.quiet():
        group._knobs["name"]._restore(session.script.free_name("Group", gizmo._parent))
        gizmo._parent._nodes.append(group)
        build_inside(group, gizmo._definition)
        for name, word in gizmo._written():
            from .tcl_words import tcl_list

            group._read_knob(name, tcl_list(word)[0])
        for index, source in gizmo._inputs.items():
            group._connect(index, source)
    return group
