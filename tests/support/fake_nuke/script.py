"""The open script: its nodes, its layers, where new nodes go; opened, saved, cleared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import state
from .build import BuildError, build_nodes, fill
from .formats import Formats, Layers
from .groups import Group, Root, make_node, make_root
from .script_text import script_text
from .tcl_report import TclError, read_tcl

if TYPE_CHECKING:
    from .node import Node


class Script:
    """What a session edits. The root is made last, since it needs the rest."""

    def __init__(self) -> None:
        self.formats = Formats()
        self.layers = Layers()
        self.frame: float = 1
        self.modified = False
        self.groups: list[Group] = []
        self.root: Root

    def begin(self) -> None:
        self.root = make_root()
        self.groups = [self.root]

    @property
    def group(self) -> Group:
        """The group that nuke.toNode and new nodes mean."""
        return self.groups[-1]

    def touched(self) -> None:
        self.modified = True

    def free_name(self, class_name: str, group: Group) -> str:
        """`Blur1`, `Blur2`...; a class name that ends in a digit loses it first, as Merge2 does."""
        stem = re.sub(r"\d+$", "", class_name) or class_name
        number = 1
        while group._child(f"{stem}{number}") is not None:
            number += 1
        return f"{stem}{number}"

    def find(self, path: str) -> Node | None:
        """A node by its dotted name: from the current group, then from the root."""
        if path in ("root", "Root"):
            return self.root
        path = path.removeprefix("root.")
        for group in (self.group, self.root):
            found = group._find(path)
            if found is not None:
                return found
        return None

    def add(self, class_name: str, group: Group | None = None) -> Node:
        """A new node with a free name. RuntimeError: no such class."""
        into = group or self.group
        made = make_node(class_name, into)
        made._knobs["name"]._restore(self.free_name(class_name, into))
        into._nodes.append(made)
        state.current().undo.record(lambda: self.drop(made))
        self.touched()
        return made

    def drop(self, node: Node) -> None:
        """Take a node out: what used it has no input there any more."""
        for user in node._users():
            for index, source in user._inputs.items():
                if source is node:
                    user._inputs[index] = None
        assert node._parent is not None
        node._parent._nodes.remove(node)
        self._detach(node)
        self.touched()

    def _detach(self, node: Node) -> None:
        for inside in getattr(node, "_nodes", []):
            self._detach(inside)
        node._attached = False

    def all_nodes(self, group: Group | None = None, recursive: bool = False) -> list[Node]:
        found: list[Node] = []
        for node in (group or self.group)._nodes:
            found.append(node)
            if recursive and isinstance(node, Group):
                found += self.all_nodes(node, True)
        return found

    def end(self) -> None:
        """All its nodes are gone: whoever holds one has nothing."""
        for node in [*self.root._nodes]:
            self._detach(node)
        self.root._attached = False

    def save(self, path: Path) -> None:
        name = path.as_posix()
        session = state.current()
        session.do_callbacks("onScriptSave", self.root)
        text = script_text(self, name, session.version.string)
        partial = path.with_name(path.name + ".part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
        self.root._knobs["name"]._restore(name)
        self.modified = False


def open_script(path: Path) -> Script:
    """The script in a file. RuntimeError, with the sentence of what is wrong, where it is none."""
    session = state.current()
    try:
        report = read_tcl(path)
    except TclError as problem:
        raise RuntimeError(str(problem)) from problem
    made = Script()
    before, session.script = getattr(session, "script", None), made
    try:
        made.begin()
        with session.quiet():
            for words in report.layers:
                made.layers.add_channels(list(words[1:]))
            roots = [one for one in report.nodes if one.class_name == "Root"]
            for root in roots:
                fill(made.root, root)
            build_nodes(made.root, [one for one in report.nodes if one.class_name != "Root"])
    except BuildError as problem:
        session.script = before  # type: ignore[assignment]
        raise RuntimeError(f"{path.name}: {problem}") from problem
    made.root._knobs["name"]._restore(path.as_posix())
    made.frame = made.root.firstFrame()
    made.modified = False
    return made


def node_kinds(script: Script) -> list[Any]:
    """Every node with what it is: for tests that look at a script as a whole."""
    return [(node._full_name(), node._class_name) for node in script.all_nodes(None, True)]
