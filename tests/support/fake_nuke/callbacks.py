"""nuke.addOnCreate and its like.

As in nuke_internal/callbacks.py
(https://learn.foundry.com/nuke/developers/16.1/pythondevguide/_modules/nuke_internal/callbacks.html):
calls for the node's class come first, then those for "*"; one that is added twice is called once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state

# event -> the middle of the names of its two functions: nuke.addX and nuke.removeX.
EVENTS = {
    "onUserCreate": "OnUserCreate",
    "onCreate": "OnCreate",
    "onScriptLoad": "OnScriptLoad",
    "onScriptSave": "OnScriptSave",
    "onScriptClose": "OnScriptClose",
    "onDestroy": "OnDestroy",
    "knobChanged": "KnobChanged",
    "updateUI": "UpdateUI",
    "autolabel": "Autolabel",
    "beforeRender": "BeforeRender",
    "beforeFrameRender": "BeforeFrameRender",
    "afterFrameRender": "AfterFrameRender",
    "afterRender": "AfterRender",
    "renderProgress": "RenderProgress",
    "filenameFilter": "FilenameFilter",
}

_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]


class Callbacks:
    """Who wants to be called."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, list[_Call]]] = {event: {} for event in EVENTS}

    def add(self, event: str) -> Callable[..., None]:
        def added(
            call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Any = None
        ) -> None:
            if not callable(call):
                raise ValueError("call must be a callable")
            entry = (call, args if isinstance(args, tuple) else (args,), dict(kwargs or {}), node)
            listed = self._calls[event].setdefault(nodeClass, [])
            if entry in listed:
                listed.remove(entry)
            listed.append(entry)

        return added

    def remove(self, event: str) -> Callable[..., None]:
        def removed(
            call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Any = None
        ) -> None:
            entry = (call, args if isinstance(args, tuple) else (args,), dict(kwargs or {}), node)
            listed = self._calls[event].get(nodeClass, [])
            if entry in listed:
                listed.remove(entry)

        return removed

    def listed(self, event: str, node: Any) -> list[Callable[..., Any]]:
        """What is to be called for a node, each with its own arguments behind those given."""
        found = []
        for wanted in (node._class_name, "*"):
            for call, args, kwargs, only in self._calls[event].get(wanted, []):
                if only is None or only is node:
                    found.append(_bound(call, args, kwargs))
        return found

    def functions(self) -> dict[str, Callable[..., Any]]:
        """nuke.addX and nuke.removeX."""
        made: dict[str, Callable[..., Any]] = {}
        for event, name in EVENTS.items():
            made[f"add{name}"] = self.add(event)
            made[f"remove{name}"] = self.remove(event)
        return made


def _bound(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., Any]:
    def bound(*given: Any) -> Any:
        with state.current().ui.entry(f"callback {getattr(call, '__qualname__', call)}"):
            return call(*given, *args, **kwargs)

    return bound
