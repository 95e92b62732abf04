"""The functions of `nuke` around nodes. All are for the main thread alone."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from . import api_scripts, state
from .groups import Group
from .knob import Knob
from .node import Node
from .script import Script

_N = TypeVar("_N", bound="Node | None")


def _script() -> Script:
    return state.current().script


def _given(node: _N) -> _N:
    """A node on its way to Python."""
    if node is not None:
        state.current().count_node(node)
    return node


# Nodes


def toNode(name: str) -> Node | None:
    if not isinstance(name, str):
        raise TypeError(f"toNode wants a name, not {name!r}.")
    if name.split(".")[0] == "this":
        return _given(state.current().this_node._find(name.partition(".")[2]))
    return _given(_script().find(name))


def allNodes(
    filter: str = "", group: Group | None = None, recurseGroups: bool = False
) -> list[Node]:
    found = _script().all_nodes(group, recurseGroups)
    return [_given(node) for node in found if filter in ("", node._class_name)]


def selectedNodes(filter: str = "") -> list[Node]:
    """The last selected comes first, which the fake takes as the last made (an assumption)."""
    found = [node for node in reversed(_script().group._nodes) if node._plain("selected")]
    return [_given(node) for node in found if filter in ("", node._class_name)]


def selectedNode() -> Node:
    found = selectedNodes()
    if not found:
        raise ValueError("no node selected")
    return found[0]


def selectAll() -> None:
    for node in _script().group._nodes:
        node._knobs["selected"]._set(True)


def root() -> Node:
    return _script().root


def createNode(node: str, knobs: str = "", inpanel: bool = True) -> Node:
    """A node below what is selected, selected itself, with its panel open where there is a GUI."""
    session = state.current()
    above = [found for found in _script().group._nodes if found._plain("selected")]
    made = _new(node)
    made.readKnobs(knobs)
    for index, source in enumerate(above[: made._input_limit()]):
        made._connect(index, source)
    made.selectOnly()
    session.do_callbacks("onUserCreate", made)
    session.do_callbacks("onCreate", made)
    if inpanel and session.gui:
        session.open_panel(made)
    return _given(made)


def construct(class_name: str, knobs: dict[str, Any]) -> Node:
    """nuke.nodes.X(**knobs): no connecting to what is selected, no panel."""
    inputs = knobs.pop("inputs", [])
    name = knobs.pop("name", None)
    made = _new(class_name)
    for knob, value in knobs.items():
        if knob not in made._knobs:
            _script().drop(made)
            raise NameError(f"knob {knob} does not exist")
        made._knobs[knob].setValue(value)
    if name is not None:
        made.setName(name)
    for index, source in enumerate(inputs):
        made._connect(index, source)
    state.current().do_callbacks("onCreate", made)
    return _given(made)


def _new(class_name: str) -> Node:
    session = state.current()
    made = _script().add(class_name)
    with session.quiet():
        for name, value in session.knob_defaults.items():
            wanted, _, knob = name.partition(".")
            if wanted == class_name and knob in made._knobs:
                made._knobs[knob]._from_script(value)
    return made


def delete(node: Node) -> None:
    if not isinstance(node, Node):
        raise TypeError(f"nuke.delete wants a node, not {node!r}.")
    node._check_attached()
    state.current().do_callbacks("onDestroy", node)
    _script().drop(node)


def dependencies(nodes: Any, what: int = 7) -> list[Node]:
    listed = nodes if isinstance(nodes, list | tuple) else [nodes]
    return list(dict.fromkeys(found for node in listed for found in node.dependencies(what)))


def dependentNodes(what: int = 7, nodes: Any = (), evaluateAll: bool = True) -> list[Node]:
    listed = nodes if isinstance(nodes, list | tuple) else [nodes]
    return list(dict.fromkeys(found for node in listed for found in node.dependent(what)))


def inputs(node: Node, count: int | None = None) -> int:
    return node.inputs()


def exists(name: str) -> bool:
    return _script().find(name) is not None


def filename(node: Node, i: int = 0) -> str | None:
    """The file name of a Read or Write, filters applied; None: it has none."""
    knob = node._knobs.get("file")
    if knob is None:
        return None
    path = knob.getEvaluatedValue()  # type: ignore[attr-defined]
    for call in state.current().callbacks.listed("filenameFilter", node):
        path = call(path) or path
    return path or None


def show(node: Node, forceFloat: bool = False) -> None:
    node.showControlPanel(forceFloat)


def autoplace(node: Node) -> None:
    node.autoplace()


def sample(node: Node, channel: str, x: float, y: float, dx: float = 1, dy: float = 1) -> float:
    return node.sample(channel, x, y)


# Context


def thisNode() -> Node:
    return _given(state.current().this_node)


def thisKnob() -> Knob | None:
    return state.current().this_knob  # type: ignore[no-any-return]


def thisClass() -> str:
    return str(state.current().this_node._class_name)


def thisGroup() -> Group:
    return _script().group


def thisParent() -> Group | None:
    return _given(state.current().this_node._parent)


def thisRoot() -> Node:
    return _script().root


def endGroup() -> None:
    _script().group.end()


# Values


def value(knob: str, default: str | None = None) -> str:
    from .expressions import find_knob

    try:
        found, _index = find_knob(knob, state.current().this_node)
    except LookupError:
        if default is None:
            raise RuntimeError(f"{knob}: no such knob") from None
        return default
    return found._text(_script().frame)


def numvalue(knob: str, default: float | None = None) -> float:
    return float(value(knob, None if default is None else str(default)))


def expression(text: str) -> float:
    from .expressions import number

    return number(text, state.current().this_node, _script().frame)


def knobDefault(classknob: str, value: str | None = None) -> str | None:
    defaults = state.current().knob_defaults
    if value is not None:
        defaults[classknob] = value
        return None
    return defaults.get(classknob)


def functions() -> dict[str, Callable[..., Any]]:
    """All functions that are Nuke's, of this module and of `api_scripts`."""
    found: dict[str, Callable[..., Any]] = {}
    for module in (sys.modules[__name__], api_scripts):
        for name, member in vars(module).items():
            own = getattr(member, "__module__", "") == module.__name__
            if own and inspect.isfunction(member) and not name.startswith("_"):
                found[name] = member
    for name in ("construct", "functions"):
        del found[name]
    return found
