"""The only file that imports nuke: nodes, knobs, the main thread, rendering, windows.

Everything here is for the main thread, but for `call_in_host` and `in_main`. Functions that need a
window say so.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

import nuke
import nukescripts

from smite_hosts import HostProblem, HostQueue

from . import knobs
from .panel_fields import BUTTON, CHOICE, TEXT, Field, does_nothing

T = TypeVar("T")
PASSING = ("Dot", "NoOp", "PostageStamp")
"""Classes that pass their picture on unchanged."""
_main_thread = threading.main_thread()
batch_queue = HostQueue()
"""What waits for the main thread where there is no window; `batch` empties it."""


class Node:
    """A node of the script, as far as the plugin uses nodes."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def native(self) -> Any:
        """Nuke's own object."""
        return self._node

    @property
    def name(self) -> str:
        """The node's full name."""
        return str(self._node.fullName())

    @property
    def alive(self) -> bool:
        """Whether the node is still in the script."""
        try:
            self._node.fullName()
        except ValueError:  # "A PythonObject is not attached to a node"
            return False
        return True

    @property
    def class_name(self) -> str:
        """Nuke's name of the node's class."""
        return str(self._node.Class())

    @property
    def kind(self) -> str:
        """What SMITE node it is, also as a Group; empty for other nodes."""
        return self.text(knobs.KIND) if self.has(knobs.KIND) else ""

    def has(self, knob: str) -> bool:
        """Whether there is a knob of this name."""
        return self._node.knob(knob) is not None

    def text(self, knob: str) -> str:
        """A text with its expressions evaluated, or the word of a list."""
        found = self._node[knob]
        value = found.evaluate() if hasattr(found, "evaluate") else found.value()
        return "" if value is None else str(value)

    def raw_text(self, knob: str) -> str:
        """A text as it is saved."""
        return str(self._node[knob].value() or "")

    def path(self, knob: str) -> str:
        """A file knob: expressions evaluated, ``%04d`` kept, absolute, forward slashes."""
        return absolute(str(self._node[knob].getEvaluatedValue() or ""))

    def number(self, knob: str) -> int:
        """A whole number."""
        return int(self._node[knob].value())

    def flag(self, knob: str) -> bool:
        """A check box."""
        return bool(self._node[knob].value())

    def set(self, knob: str, value: Any) -> None:
        """Set a knob, if it has another value."""
        found = self._node[knob]
        if found.value() != value:
            found.setValue(value)

    def input(self, index: int) -> Optional[Node]:
        """What is connected, none, or where that only passes on, what is connected to it."""
        found = self._node.input(index)
        while found is not None and found.Class() in PASSING:
            found = found.input(0)
        return None if found is None else Node(found)

    def frame_range(self) -> Tuple[int, int]:
        """First and last frame."""
        found = self._node.frameRange()
        return int(found.first()), int(found.last())

    def inner(self, name: str) -> Optional[Node]:
        """A node inside a gizmo or group."""
        found = self._node.node(name)
        return None if found is None else Node(found)

    def press(self, knob: str) -> None:
        """Press a button."""
        self._node[knob].execute()

    def make_group(self) -> None:
        """Put a Group with the same inside and values beside a gizmo."""
        self._node.makeGroup()

    def take_format(self, other: Node, knob: str) -> None:
        """Set a format knob to another node's format."""
        if self.has(knob):
            self._node[knob].setValue(other.native.format())


def gui() -> bool:
    """Whether there is a window."""
    return bool(nuke.GUI)


def is_limited() -> bool:
    """Whether this edition lets Python reach ten nodes at a time only."""
    return bool(nuke.env.get("nc") or nuke.env.get("indie"))


def version_name() -> str:
    """Nuke and its version, for the server's log."""
    return f"Nuke {nuke.NUKE_VERSION_STRING}"


def call_in_host(function: Callable[[], None]) -> None:
    """Have a function called in the main thread; from the main thread it is called at once."""
    if threading.current_thread() is _main_thread:
        function()
    elif gui():
        nuke.executeInMainThread(function)
    else:
        batch_queue(function)


def in_main(function: Callable[[], T]) -> T:
    """Call a function in the main thread, wait, and return what it returns or raise its error.

    For threads other than the main one.
    """
    done = threading.Event()
    results: List[T] = []
    errors: List[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as problem:  # noqa: BLE001  (raised again in the thread that asked)
            errors.append(problem)
        finally:
            done.set()

    call_in_host(run)
    done.wait()
    if errors:
        raise errors[0]
    return results[0]


def script_path() -> Optional[str]:
    """The script's file; None while it has no name."""
    name = str(nuke.root().name())
    return None if name in ("", "Root") else name.replace("\\", "/")


def _root_text(knob: str) -> str:
    """A text of the project settings, its expressions evaluated."""
    return Node(nuke.root()).text(knob)


def absolute(path: str) -> str:
    """A path of a knob: relative ones lie in the project directory; forward slashes."""
    path = path.replace("\\", "/")
    if not path or path.startswith("/") or path[1:2] == ":":
        return path
    folder = _root_text("project_directory").replace("\\", "/")
    if not folder and script_path():
        folder = str(Path(script_path() or "").parent)
    return f"{folder.rstrip('/')}/{path}" if folder else path


def manages_colours() -> bool:
    """Whether colour spaces have OpenColorIO's names (not Nuke's own LUTs)."""
    return str(nuke.root()["colorManagement"].value()) == "OCIO"


def ocio_config() -> Optional[str]:
    """The OpenColorIO config: $OCIO, else the script's own file; None: the server's will do."""
    path = os.environ.get("OCIO", "")
    if not path and manages_colours() and _root_text("OCIO_config") == "custom":
        path = absolute(_root_text("customOCIOConfigPath"))
    return path or None


def working_space() -> str:
    """The colour space of the script's pixels, as OpenColorIO names it."""
    return "scene_linear" if manages_colours() else "Linear Rec.709 (sRGB)"


def find(name: str) -> Optional[Node]:
    """A node by its full name."""
    found: Any = nuke.toNode(name)
    return None if found is None else Node(found)


def this_node() -> Node:
    """The node whose button was pressed, or whose callback runs."""
    return Node(nuke.thisNode())


def current_frame() -> int:
    """The frame that the artist sees."""
    return int(nuke.frame())


def add_layer(slug: str) -> None:
    """Make a part's layer known to menus."""
    nuke.Layer(slug, [f"{slug}.alpha"])


def render_frame(
    source: Node, frame: int, path: Path, *, alpha: bool = False, channel: str = ""
) -> None:
    """Render one frame of a node into an EXR file by a temporary Write; takes as long as that.

    With ``alpha`` only the alpha, or, if one is named, that ``channel`` as the alpha. The script
    is left as it was, and nothing of this can be undone. Raises RuntimeError with Nuke's words.
    """
    made: List[Any] = []
    nuke.Undo.disable()
    was_modified = nuke.modified()
    try:
        with source.native.parent() or nuke.root():
            above = source.native
            if alpha and channel and channel not in ("alpha", "rgba.alpha"):
                above = nuke.nodes.Copy(from0=channel, to0="rgba.alpha", inputs=[above, above])
                made.append(above)
            write = nuke.nodes.Write(
                file=path.as_posix(),
                file_type="exr",
                channels="alpha" if alpha else "rgb",
                raw=True,
                create_directories=True,
                inputs=[above],
            )
            made.append(write)
            nuke.execute(write, frame, frame, 1)
    finally:
        for node in reversed(made):
            nuke.delete(node)
        nuke.modified(was_modified)
        nuke.Undo.enable()


class ProgressBar:
    """A bar with a Cancel button where there is a window; nothing else. For any thread."""

    def __init__(self, title: str) -> None:
        self._task: Any = nuke.ProgressTask(title) if gui() else None

    def step(self, done: int, total: int, words: str) -> bool:
        """Show how far it is; return whether to go on."""
        if self._task is None:
            return True
        self._task.setProgress(int(100 * done / max(1, total)))
        self._task.setMessage(words)
        return not self._task.isCancelled()

    def close(self) -> None:
        """Take the bar away."""
        self._task = None


def tell(sentence: str) -> None:
    """Show a sentence in a window; without one, on the terminal."""
    nuke.message(sentence)


def terminal(line: str) -> None:
    """Write a line to the terminal that Nuke was started from."""
    nuke.tprint(line)


def choose(title: str, options: Sequence[str]) -> Optional[str]:
    """Let the artist choose from a list; None: nothing. Needs a window."""
    found = nuke.choice(title, title, list(options))
    return None if found is None else options[found]


def create(class_name: str) -> Node:
    """Make a node below what is selected."""
    return Node(nuke.createNode(class_name))


def open_script(path: str) -> None:
    """Open a script. Raises HostProblem with Nuke's words."""
    try:
        nuke.scriptOpen(path)
    except RuntimeError as problem:
        raise HostProblem("other", detail=f"{path} cannot be opened: {problem}.") from problem


def save_script() -> None:
    """Save the script under its name."""
    nuke.scriptSave(script_path())


def on_create(kind: str, function: Callable[[], None]) -> None:
    """Have a function called whenever a SMITE node of a kind is made or loaded."""
    nuke.addOnCreate(function, nodeClass=knobs.CLASSES[kind])


def add_plugin_folder(folder: Path) -> None:
    """Let Nuke find gizmos in a folder."""
    nuke.pluginAddPath(folder.as_posix())


def add_commands(menu: str, commands: Sequence[Tuple[str, Callable[[], Any]]]) -> None:
    """Add commands to one of Nuke's menus; a name with slashes lies in menus of its own."""
    found = nuke.menu(menu)
    for name, function in commands:
        found.addCommand(name, function)


class Panel(nukescripts.PythonPanel):  # type: ignore[misc]
    """A window of fields; `run` returns whether OK was pressed. Needs a window."""

    def __init__(self, title: str, fields: Sequence[Field]) -> None:
        super().__init__(title)
        self._fields = {field.name: field for field in fields}
        self._made: Dict[str, Any] = {}
        self.on_button: Callable[[], None] = does_nothing
        for field in fields:
            made = self._knob(field)
            made.setTooltip(field.tooltip)
            self._made[field.name] = made
            self.addKnob(made)

    @staticmethod
    def _knob(field: Field) -> Any:
        if field.kind == CHOICE:
            made = nuke.Enumeration_Knob(field.name, field.label, list(field.choices))
            made.setValue(field.value)
            return made
        if field.kind == BUTTON:
            return nuke.PyScript_Knob(field.name, field.label)
        if field.kind == TEXT:
            return nuke.Text_Knob(field.name, field.label, field.value)
        return nuke.String_Knob(field.name, field.label, field.value)

    def knobChanged(self, knob: Any) -> None:  # noqa: N802  (Nuke calls it)
        """Nuke calls this for everything the artist does in the panel."""
        field = self._fields.get(str(knob.name()))
        if field is not None and field.kind == BUTTON:
            self.on_button()

    def run(self) -> bool:
        """Show the panel and wait for the artist."""
        return bool(self.showModalDialog())

    def values(self) -> Dict[str, str]:
        """What the fields hold now."""
        return {
            name: str(self._made[name].value())
            for name, field in self._fields.items()
            if field.kind not in (BUTTON, TEXT)
        }

    def set(self, name: str, text: str) -> None:
        """Set a field."""
        self._made[name].setValue(text)
