"""Menus: nuke.menu('Nuke').addMenu('SMITE').addCommand('Mattes', ...)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state
from .python_text import run_text
from .rules import MainThreadOnly

Command = str | Callable[[], Any] | None

# Menus that Nuke has (developers guide, "Customizing the UI").
MENUS = ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis")


class MenuItem(MainThreadOnly):
    """One command of a menu."""

    def __init__(self, name: str, command: Command = None) -> None:
        self._name = name
        self._command = command
        self._enabled = True
        self._icon = ""
        self._shortcut = ""
        self._tooltip = ""

    def name(self) -> str:
        return self._name

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def setScript(self, script: str) -> None:
        self._command = script

    def icon(self) -> str:
        return self._icon

    def setIcon(self, icon: str) -> None:
        self._icon = icon

    def shortcut(self) -> str:
        return self._shortcut

    def setShortcut(self, keys: str) -> None:
        self._shortcut = keys

    def setEnabled(self, enabled: bool, recursive: bool = False) -> None:
        self._enabled = bool(enabled)

    def invoke(self) -> None:
        session = state.current()
        with session.ui.entry(f"menu {self._name}"):
            if callable(self._command):
                self._command()
            elif self._command:
                run_text(self._command, self._name)


class Menu(MenuItem):
    """A menu; names with slashes mean menus inside."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._items: list[MenuItem] = []

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        """The menu of that name, made if it is not there yet."""
        found = self._sub(name.split("/"))
        if icon:
            found._icon = icon
        return found

    def addCommand(
        self,
        name: str,
        command: Command = None,
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        node: bool = False,
        shortcutContext: int = 0,
    ) -> MenuItem:
        """A new item in place of an older one of that name."""
        if not (command is None or isinstance(command, str) or callable(command)):
            raise TypeError(f"{name}: a command is a string or a callable, not {command!r}.")
        *folders, last = name.split("/")
        menu = self._sub(folders)
        made = MenuItem(last, command)
        made._icon, made._shortcut, made._tooltip = icon, shortcut, tooltip
        menu._items = [item for item in menu._items if item._name != last]
        menu._items.insert(index if index >= 0 else len(menu._items), made)
        return made

    def addSeparator(self, index: int = -1) -> MenuItem:
        made = MenuItem("")
        self._items.append(made)
        return made

    def findItem(self, path: str) -> MenuItem | None:
        found: MenuItem | None = self
        for name in path.split("/"):
            items = found._items if isinstance(found, Menu) else []
            found = next((item for item in items if item._name == name), None)
        return found

    def menu(self, path: str) -> Menu | None:
        found = self.findItem(path)
        return found if isinstance(found, Menu) else None

    def items(self) -> list[MenuItem]:
        return list(self._items)

    def removeItem(self, name: str) -> None:
        self._items = [item for item in self._items if item._name != name]

    def clearMenu(self) -> None:
        self._items.clear()

    def _sub(self, names: list[str]) -> Menu:
        found = self
        for name in names:
            inside = found.findItem(name)
            if not isinstance(inside, Menu):
                inside = Menu(name)
                found._items.append(inside)
            found = inside
        return found
