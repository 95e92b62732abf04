"""The module that tests install as `nuke`: what is not here raises AttributeError."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from . import api, api_scripts, choice_knobs, groups, knob, number_knobs, state, text_knobs
from .environment import GlobalsEnvironment
from .formats import Format, Layer
from .frame_ranges import FrameRange, FrameRanges
from .main_thread import execute_in_main_thread, execute_in_main_thread_with_result
from .menus import Menu, MenuItem
from .node import EXPRESSIONS, HIDDEN_INPUTS, INPUTS, LINKINPUTS, Node
from .progress import ProgressTask
from .rules import guarded
from .session import Session, flag_constants
from .undo import Undo


class FakeNuke(types.ModuleType):
    """The module; an unknown name raises."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"module 'nuke' has no attribute '{name}'")


class NodeConstructor:
    """nuke.nodes.Blur."""

    def __init__(self, class_name: str) -> None:
        self._class_name = class_name

    def __call__(self, **knobs: Any) -> Node:
        return guarded(api.construct)(self._class_name, knobs)  # type: ignore[no-any-return]


class Nodes:
    """nuke.nodes: a constructor for every class; AttributeError where there is no such class."""

    def __getattr__(self, name: str) -> NodeConstructor:
        if name.startswith("__"):
            raise AttributeError(name)
        if not guarded(api_scripts.pluginExists)(name):
            raise AttributeError(f"'Nodes' object has no attribute '{name}'")
        return NodeConstructor(name)


class CancelledError(Exception):
    """nuke.CancelledError; nothing of the fake raises it (a render raises RuntimeError)."""


def _classes() -> dict[str, type]:
    found: dict[str, type] = {}
    for module in (knob, text_knobs, number_knobs, choice_knobs):
        members = [member for member in vars(module).values() if isinstance(member, type)]
        found |= {cls.__name__: cls for cls in members if issubclass(cls, knob.Knob)}
    own = (Node, groups.Group, groups.Gizmo, groups.Root, Format, Layer, FrameRange, FrameRanges)
    more = (Menu, MenuItem, ProgressTask, Undo, GlobalsEnvironment)
    for cls in (*own, *more, NodeConstructor, Nodes, CancelledError):
        found[cls.__name__] = cls
    return found


def _talk(session: Session) -> dict[str, Callable[..., Any]]:
    """Output that any thread may make (an assumption for tprint: it ends in a stream)."""

    def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        session.printed.append(sep.join(str(word) for word in args))

    def said(message: str) -> None:
        session.printed.append(str(message))

    return {"tprint": tprint, "debug": said, "warning": said, "error": said, "critical": said}


def _execute(*args: Any, **kwargs: Any) -> None:
    from .render import execute

    execute(*args, **kwargs)


def _cancel() -> None:
    session = state.current()
    session.cancel_render = lambda frames_done: True


def make_nuke(session: Session) -> FakeNuke:
    """The module for a session."""
    made = FakeNuke("nuke")
    names: dict[str, Any] = {name: guarded(call) for name, call in api.functions().items()}
    names |= {name: guarded(call) for name, call in session.dialogs.functions().items()}
    names |= {name: guarded(call) for name, call in session.callbacks.functions().items()}
    names |= _talk(session)
    names |= _classes()
    names |= flag_constants()
    names["execute"] = names["render"] = guarded(_execute)
    names["cancel"] = guarded(_cancel)
    names["expr"] = names["expression"]
    names["executeInMainThread"] = execute_in_main_thread(session)
    names["executeInMainThreadWithResult"] = execute_in_main_thread_with_result(session)
    names["nodes"] = Nodes()
    names["env"] = session.env
    names["GUI"] = session.gui
    names["INTERACTIVE"] = session.gui
    names["rawArgs"] = [] if session.gui else ["-t"]
    names["THREADS"] = session.env["threads"]
    names["NUM_CPUS"] = session.env["numCPUs"]
    names["EXE_PATH"] = session.env["ExecutablePath"]
    names["NUKE_VERSION_MAJOR"] = session.env["NukeVersionMajor"]
    names["NUKE_VERSION_MINOR"] = session.env["NukeVersionMinor"]
    names["NUKE_VERSION_RELEASE"] = session.env["NukeVersionRelease"]
    names["NUKE_VERSION_STRING"] = session.env["NukeVersionString"]
    names["INPUTS"], names["HIDDEN_INPUTS"] = INPUTS, HIDDEN_INPUTS
    names["EXPRESSIONS"], names["LINKINPUTS"] = EXPRESSIONS, LINKINPUTS
    names["TABBEGINGROUP"], names["TABENDGROUP"] = 1, -1
    names["TABBEGINCLOSEDGROUP"], names["TABKNOB"] = 2, 0
    if session.version.fact("graph_scope_variables"):
        names["gsv"] = types.ModuleType("nuke.gsv")
    for name, member in names.items():
        object.__setattr__(made, name, member)
    return made


def forget_modules(prefixes: tuple[str, ...]) -> None:
    """Drop modules that hold the `nuke` of a session that has ended."""
    for name in list(sys.modules):
        if name.split(".")[0] in prefixes:
            del sys.modules[name]
