"""The functions of `nuke` around scripts: formats, layers, opening, saving, plug-ins, menus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import state
from .formats import Format
from .groups import is_saved
from .node import Node
from .script import Script, open_script


def _script() -> Script:
    return state.current().script


# Pictures


def frame(number: int | None = None) -> int | None:
    if number is None:
        return int(_script().frame)
    _script().frame = int(number)
    return None


def layers(node: Node | None = None) -> list[str]:
    """All layers of the script, or those that a node has channels of."""
    known = _script().layers
    if node is None:
        return known.names()
    have = set(node.channels())
    return [name for name in known.names() if set(known.of(name)) & have]


def channels(node: Node | None = None) -> list[str]:
    return _script().layers.all_channels() if node is None else node.channels()


def addFormat(text: str) -> Format:
    return _script().formats.add(text)


def formats() -> list[Format]:
    return list(_script().formats.known)


def views() -> list[str]:
    return str(_script().root._plain("views")).split()


def executing(f: float | None = None) -> bool:
    return state.current().executing


# Scripts


def scriptName() -> str:
    """RuntimeError where the script has none yet (an assumption: the words)."""
    if not is_saved(_script().root):
        raise RuntimeError("no script name")
    return _script().root._name()


def script_directory() -> str:
    name = _script().root._name()
    return str(Path(name).parent) if name else ""


def scriptSave(filename: str | None = None) -> bool:
    if filename is None and not is_saved(_script().root):
        raise RuntimeError("The script has no name yet: give one to scriptSave.")
    _script().save(Path(filename or _script().root._name()))
    return True


def scriptSaveAs(filename: str | None = None, overwrite: int = -1) -> None:
    if filename is None:
        filename = state.current().dialogs.getFilename("Save script as")
    path = Path(filename or "")
    if path.exists() and overwrite == 0:
        raise RuntimeError(f"{path} exists.")
    _script().save(path)


def scriptClear(ignoreUnsavedChanges: bool = True) -> None:
    session = state.current()
    before = _script()
    session.do_callbacks("onScriptClose", before.root)
    before.end()
    session.script = Script()
    session.script.begin()
    session.panels.clear()
    session.undo.forget()


def scriptNew(name: str = "") -> None:
    scriptClear()


def scriptClose(name: str = "") -> bool:
    scriptClear()
    return True


def scriptOpen(filename: str) -> None:
    """Open a script in place of the one that is open; the callbacks of its nodes are called."""
    session = state.current()
    path = Path(filename)
    if not path.is_file():
        raise RuntimeError(f"{filename}: No such file or directory")
    before = _script()
    made = open_script(path)
    session.script = before
    scriptClear()
    session.script = made
    for node in made.all_nodes(made.root, True):
        session.do_callbacks("onCreate", node)
    session.do_callbacks("onScriptLoad", made.root)
    made.modified = False


def modified(state_: bool | None = None) -> bool:
    if state_ is not None:
        _script().modified = bool(state_)
    return _script().modified


def nodeCopy(filename: str) -> bool:
    raise state.current().rules.broke("This fake has no clipboard: nuke.nodeCopy.")


def undo() -> None:
    state.current().undo.back()


# Plugin path


def pluginAddPath(args: Any, addToSysPath: bool = True) -> None:
    for path in [args] if isinstance(args, str) else args:
        state.current().add_plugin_path(path, True, addToSysPath)


def pluginAppendPath(args: Any, addToSysPath: bool = True) -> None:
    for path in [args] if isinstance(args, str) else args:
        state.current().add_plugin_path(path, False, addToSysPath)


def pluginPath() -> list[str]:
    return list(state.current().plugin_path)


def pluginExists(name: str) -> bool:
    from .gizmos import find_gizmo
    from .node_classes import CLASSES

    return name in CLASSES or find_gizmo(name) is not None


# Windows


def menu(name: str) -> Any:
    return state.current().menu(name)


def toolbar(name: str, create: bool = True) -> Any:
    return state.current().menu(name)
