"""A script as text, in the form in which Nuke saves it.

Knobs that differ from their default; the inside of groups; of gizmos their own knobs only; inputs
by `push` and `set N [stack 0]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .choice_knobs import Format_Knob, Link_Knob
from .groups import Gizmo, Group
from .knob import Knob
from .number_knobs import Array_Knob
from .tcl_words import quote
from .user_knobs import written

if TYPE_CHECKING:
    from .node import Node
    from .script import Script


def knob_word(knob: Knob) -> str:
    """The value of a knob as one Tcl word."""
    if isinstance(knob, Link_Knob):
        return knob_word(knob._asked())
    if isinstance(knob, Array_Knob):
        text = knob._to_script()
        if knob._expressions:
            return "{" + text + "}"
        return text if text.startswith("{") else quote(text)
    return knob._to_script() if isinstance(knob, Format_Knob) else quote(knob._to_script())


def script_text(script: Script, name: str, version: str) -> str:
    """The whole script, to be saved as `name`."""
    lines = [f"#! fake-nuke -nx\nversion {version.replace('v', ' v')}"]
    root = script.root
    lines += ["Root {", " inputs 0", f" name {quote(name)}"]
    lines += [f" {knob} {word}" for knob, word in root._written()]
    lines.append("}")
    for layer in script.layers.names():
        channels = script.layers.of(layer)
        if layer not in script.layers.BUILT_IN:
            lines.append(f"add_layer {{{layer} {' '.join(channels)}}}")
    lines += nodes_text(root, "")
    return "\n".join(lines) + "\n"


def nodes_text(group: Group, indent: str) -> list[str]:
    """The nodes of a group, each after its inputs."""
    lines: list[str] = []
    numbers: dict[int, str] = {}
    for node in _sorted(group._nodes):
        count = node.inputs()
        for index in reversed(range(count)):
            source = node._inputs.get(index)
            lines.append(f"{indent}push ${numbers[id(source)]}" if source else f"{indent}push 0")
        lines += node_text(node, indent, count)
        numbers[id(node)] = f"N{len(numbers):x}"
        lines.append(f"{indent}set {numbers[id(node)]} [stack 0]")
    return lines


def _sorted(nodes: list[Node]) -> list[Node]:
    """Inputs before those that use them; else as they were made."""
    done: dict[int, Node] = {}

    def visit(node: Node) -> None:
        for source in node._inputs.values():
            if source is not None and id(source) not in done:
                visit(source)
        done.setdefault(id(node), node)

    for node in nodes:
        visit(node)
    return list(done.values())


def node_text(node: Node, indent: str, inputs: int) -> list[str]:
    lines = [f"{indent}{node._class_name} {{"]
    if inputs != 1:
        lines.append(f"{indent} inputs {inputs}")
    own = {words[1] for words in _definition(node)}
    words = dict(node._written())
    values = [f"{knob} {word}" for knob, word in words.items() if not node._knobs[knob]._user]
    values.append(f"name {quote(node._name())}")
    for name, knob in node._knobs.items():
        if knob._user and name not in own:
            values.append(written(knob))
        if knob._user and name in words:
            values.append(f"{name} {words[name]}")
    lines += [f"{indent} {value}" for value in values]
    lines.append(f"{indent}}}")
    if isinstance(node, Group) and not isinstance(node, Gizmo):
        lines += nodes_text(node, indent + " ")
        lines.append(f"{indent}end_group")
    return lines


def _definition(node: Node) -> list[list[str]]:
    if isinstance(node, Gizmo) and node._definition is not None:
        return node._definition.made.users
    return []
