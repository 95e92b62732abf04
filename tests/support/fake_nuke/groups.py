"""Groups, gizmos and the root."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import state
from .node import Node
from .node_classes import CLASSES, ROOT
from .node_table import enum

if TYPE_CHECKING:
    from .gizmos import Definition


class Group(Node):
    """A node with nodes inside; its inputs are its Input nodes, by their number."""

    def _setup(self, *args: Any) -> None:
        self._nodes: list[Node] = []
        super()._setup(*args)

    def begin(self) -> Group:
        state.current().script.groups.append(self)
        return self

    def end(self) -> None:
        groups = state.current().script.groups
        if len(groups) < 2 or groups[-1] is not self:
            raise RuntimeError(f"{self._full_name()}.end() without its begin().")
        groups.pop()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *exception: Any) -> None:
        self.end()

    def nodes(self) -> list[Node]:
        return [self._handed(node) for node in self._nodes]

    def node(self, name: str) -> Node | None:
        return self._handed(self._find(name))

    def numNodes(self) -> int:
        return len(self._nodes)

    def output(self) -> Node | None:
        return self._handed(self._output())

    def _is_group(self) -> bool:
        return True

    def _child(self, name: str) -> Node | None:
        return next((node for node in self._nodes if node._name() == name), None)

    def _input_nodes(self) -> list[Node]:
        """The Input nodes by their numbers, else as they were made (an assumption)."""
        inputs = [node for node in self._nodes if node._class_name == "Input"]
        return sorted(inputs, key=lambda node: node._plain("number"))

    def _output(self) -> Node | None:
        outputs = [node for node in self._nodes if node._class_name == "Output"]
        return outputs[0] if outputs else None

    def _input_limit(self) -> int:
        return len(self._input_nodes())


class Gizmo(Group):
    """A group whose inside comes from a .gizmo file; scripts save its knobs only."""

    def _setup(self, kind: Any, class_name: str, parent: Any) -> None:
        self._definition: Definition | None = None
        super()._setup(kind, class_name, parent)

    def filename(self) -> str:
        return str(self._definition.path) if self._definition else ""

    def command(self) -> str:
        return self._class_name

    def makeGroup(self) -> Group:
        """A Group with the same inside and values; the gizmo stays."""
        from .build import copy_as_group

        return self._handed(copy_as_group(self))


class Root(Group):
    """The script. Its name is "Root" until it is saved, then the file's."""

    def _setup(self, *args: Any) -> None:
        super()._setup(*args)
        configs = state.current().version.fact("ocio_configs")
        self._own(enum("OCIO_config", "|".join(configs))())

    def name(self) -> str:
        return self._name() or "Root"

    def firstFrame(self) -> int:
        return int(self._plain("first_frame"))

    def lastFrame(self) -> int:
        return int(self._plain("last_frame"))

    def fps(self) -> int:
        return int(self._plain("fps"))

    def modified(self) -> bool:
        return state.current().script.modified

    def setModified(self, modified: bool) -> None:
        state.current().script.modified = bool(modified)

    def layers(self) -> list[str]:
        return state.current().script.layers.names()

    def channels(self) -> list[str]:
        return state.current().script.layers.all_channels()

    def setFrame(self, frame: int) -> None:
        state.current().script.frame = int(frame)

    def proxy(self) -> bool:
        return bool(self._plain("proxy"))

    def _full_name(self) -> str:
        return "root"

    def _range(self) -> tuple[int, int]:
        return self.firstFrame(), self.lastFrame()


def make_root() -> Root:
    return Root(ROOT, "Root", None)


def make_node(class_name: str, parent: Group) -> Node:
    """A node of one of the fake's own classes, or a gizmo of the plugin path, without a name.

    RuntimeError where there is neither, in the words that Nuke uses.
    """
    if class_name in ("Root", "Gizmo") or (class_name not in CLASSES and not class_name):
        raise RuntimeError(f"{class_name}: Unknown command")
    if class_name in CLASSES:
        cls = Group if class_name == "Group" else Node
        return cls(CLASSES[class_name], class_name, parent)
    from .gizmos import build_inside, find_gizmo

    definition = find_gizmo(class_name)
    if definition is None:
        raise RuntimeError(f"{class_name}: Unknown command")
    made = Gizmo(CLASSES["Gizmo"], class_name, parent)
    made._definition = definition
    build_inside(made, definition)
    return made


def is_saved(root: Root) -> bool:
    return bool(root._name()) and Path(root._name()).is_absolute()
