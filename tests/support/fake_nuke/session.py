"""One run of Nuke: what the plugin sees through `nuke`, and what a test sees and does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .callbacks import Callbacks
from .dialogs import Dialogs
from .environment import GlobalsEnvironment
from .knob import FLAGS, Knob
from .main_thread import MainThread
from .menus import MENUS, Menu
from .progress import Progress
from .python_text import run_file, run_text
from .rules import Rules
from .ui_time import Clock, UiThread
from .undo import UndoStack
from .versions import Version

if TYPE_CHECKING:
    from .gizmos import Definition
    from .image_files import Files
    from .node import Node
    from .panels import PythonPanel
    from .script import Script

NODE_LIMIT = 10


class Session:
    """Nuke while it runs. Made by `running`."""

    def __init__(self, version: int, gui: bool, nc: bool, indie: bool) -> None:
        self.version = Version(version)
        self.gui = gui
        self.env = GlobalsEnvironment(self.version, gui, nc, indie)
        self.thread = threading.get_ident()
        self.rules = Rules()
        self.clock = Clock()
        self.ui = UiThread(self.clock)
        self.main = MainThread(self)
        self.callbacks = Callbacks()
        self.dialogs = Dialogs(self)
        self.messages = self.dialogs.messages  # What nuke.message has told the user.
        self.answers = self.dialogs.answers  # To the questions that will be asked, in order.
        self.progress = Progress()
        self.undo = UndoStack()
        self.printed: list[str] = []
        self.plugin_path: list[str] = []
        self.gizmos: dict[Path, Definition] = {}
        self.menus: dict[str, Menu] = {}
        self.panels: set[Node] = set()
        self.shown_panels: list[PythonPanel] = []
        self.fillings: list[Callable[[PythonPanel], bool]] = []  # What the user does with panels.
        self.knob_defaults: dict[str, str] = {}
        self.executing = False
        self.cancel_render: Callable[[int], bool] = lambda frames_done: False
        self.script: Script
        self._this: list[tuple[Any, Any]] = []
        self._quiet = 0
        self._changing: set[int] = set()
        self._starting: list[Path] = []  # The init.py or menu.py that runs now.

    @cached_property
    def files(self) -> Files:
        from .image_files import Files

        return Files()

    # What a test does as the user

    def press(self, node: Node, knob: str) -> None:
        """The user presses a button of a node; what it raises comes through."""
        with self.ui.entry(f"button {node._class_name}.{knob}"):
            node._knobs[knob].execute()  # type: ignore[attr-defined]

    def user_sets(self, node: Node, knob: str, value: Any) -> None:
        """The user changes a knob of a node."""
        node._knobs[knob].setValue(value)

    def choose(self, path: str, menu: str = "Nuke") -> None:
        """The user chooses a command of a menu: `choose("SMITE/Preferences...")`."""
        item = self.menu(menu).findItem(path)  # type: ignore[union-attr]
        assert item is not None, f'The menu {menu} has no "{path}".'
        assert item._enabled, f'"{path}" is disabled.'
        item.invoke()

    def pump(self, until: Callable[[], bool], timeout: float = 30.0) -> None:
        """Turn the main loop until `until()` is true."""
        self.main.pump(until, timeout)

    def start_up(self, *folders: Path | str) -> None:
        """Start with these folders in NUKE_PATH: each init.py, then with a GUI each menu.py.

        Both "in reverse order of the NUKE plug-in path"
        (https://learn.foundry.com/nuke/developers/131/pythondevguide/startup.html).
        """
        for folder in folders:
            self.add_plugin_path(str(folder), first=False)
        for folder in reversed(folders):
            self._run_file(Path(folder) / "init.py")
        if self.gui:
            for name in reversed(list(self.plugin_path)):
                self._run_file(Path(name) / "menu.py")

    # What Nuke does around the plugin

    def need_gui(self, what: str) -> None:
        if not self.gui:
            raise self.rules.broke(f"{what} needs a GUI: nuke.GUI is false.")

    def menu(self, name: str) -> Menu | None:
        """None without a GUI (an assumption: there is no menu bar to give).

        "You should not use init.py for any commands that create UI elements"
        (https://learn.foundry.com/nuke/developers/131/pythondevguide/startup.html).
        """
        if self.runs_init:
            raise self.rules.broke("nuke.menu in an init.py: menus are for menu.py.")
        if not self.gui:
            return None
        if name not in MENUS:
            raise self.rules.broke(f"Nuke has no menu {name}: {', '.join(MENUS)}.")
        return self.menus.setdefault(name, Menu(name))

    def count_node(self, node: Any) -> None:
        """NC and Indie: ten nodes for one operation of Python.

        https://bitbucket.org/filmkorn/nodetable/issues/28; what exactly counts, and the words of
        the error, are assumptions.
        """
        entry = self.ui.open
        if entry is None or self._quiet or not (self.env["nc"] or self.env["indie"]):
            return
        if node is self.script.root:
            return
        entry.nodes.add(id(node))
        if len(entry.nodes) > NODE_LIMIT:
            raise RuntimeError(
                f"{entry.name}: this licence lets Python reach {NODE_LIMIT} nodes at a time."
            )

    @contextmanager
    def context(self, node: Any, knob: Any = None) -> Iterator[None]:
        """thisNode and thisKnob; a group is also where toNode looks and new nodes go.

        That the script of a group's button works inside the group is seen in published gizmos,
        which say nuke.thisGroup().parent().begin() or nuke.toNode("this.Inner") in theirs.
        """
        self._this.append((node, knob))
        depth = len(self.script.groups)
        script = self.script
        if node is not None and node._is_group():
            script.groups.append(node)
        try:
            yield
        finally:
            self._this.pop()
            del script.groups[depth:]

    @property
    def this_node(self) -> Any:
        return self._this[-1][0] if self._this else self.script.root

    @property
    def this_knob(self) -> Any:
        return self._this[-1][1] if self._this else None

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nuke reads a file: knobs change and nobody is called."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def do_callbacks(self, event: str, node: Any, knob: Any = None) -> None:
        with self.context(node, knob):
            for call in self.callbacks.listed(event, node):
                call()
            code = node._knobs.get(event)
            if code is not None and code._value:
                with self.ui.entry(f"knob {event} of {node._class_name}"):
                    run_text(code._value, event)

    def knob_changed(self, node: Node, knob: Knob | None) -> None:
        """knobChanged: for every change, Python's too, and the panel closed or not.

        https://learn.foundry.com/nuke/developers/17.1/pythondevguide/_autosummary/
        nuke.addKnobChanged.html; older pages say "the user changes a knob", and the stricter is
        taken for all versions. A node whose callback runs is not called again
        (nuke.KNOB_CHANGED_RECURSIVE is the flag for that). Not without a GUI: an assumption.
        """
        if self._quiet or not self.gui or id(node) in self._changing:
            return
        self._changing.add(id(node))
        try:
            self.do_callbacks("knobChanged", node, knob)
        finally:
            self._changing.discard(id(node))

    def input_changed(self, node: Node) -> None:
        """ "Also called with dummy knobs when ... the inputs to the node changes" (ibid.)."""
        self.knob_changed(node, Knob("inputChange"))

    def open_panel(self, node: Node) -> None:
        self.need_gui("showControlPanel")
        self.panels.add(node)
        self.knob_changed(node, Knob("showPanel"))

    # Plugin path and start-up files

    def add_plugin_path(self, path: str, first: bool = True, to_sys_path: bool = True) -> None:
        """Put a folder into the plugin path, or to its start.

        "If this command is executed inside an init.py then the init.py in the path will be
        executed" (https://learn.foundry.com/nuke/developers/130/pythondevguide/_autosummary/
        nuke.pluginAddPath.html). A relative path lies beside the file that names it (user guide,
        "Loading Gizmos, NDK Plug-ins, and Python and TCL Scripts").
        """
        folder = Path(path).expanduser()
        if not folder.is_absolute():
            folder = (self._starting[-1].parent if self._starting else Path.cwd()) / folder
        name = folder.as_posix()
        known = name in self.plugin_path
        if known:
            self.plugin_path.remove(name)
        self.plugin_path.insert(0 if first else len(self.plugin_path), name)
        if to_sys_path and name not in sys.path:
            sys.path.insert(0, name)
        if self.runs_init and not known:
            self._run_file(folder / "init.py")

    @property
    def runs_init(self) -> bool:
        """Whether an init.py runs now."""
        return bool(self._starting) and self._starting[-1].name == "init.py"

    def _run_file(self, path: Path) -> None:
        if not path.is_file():
            return
        self._starting.append(path)
        try:
            run_file(path)
        finally:
            self._starting.pop()


def flag_constants() -> dict[str, int]:
    return dict(FLAGS)
