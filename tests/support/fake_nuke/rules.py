"""What breaks a rule of Nuke, and the thread that may touch its nodes.

A broken rule is raised where it happens and remembered, so that an `except Exception` in a plugin
cannot hide it: `running` raises at its end for each one that no test has expected.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import state


class RuleBrokenError(AssertionError):
    """The plugin did what hangs, crashes or corrupts a real Nuke, or what this fake cannot do."""


class Rules:
    """Rules that were broken, in order."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def broke(self, what: str) -> RuleBrokenError:
        """Remember a broken rule; the caller raises what comes back."""
        self.broken.append(what)
        return RuleBrokenError(what)

    @contextmanager
    def expected(self, part: str = "") -> Iterator[None]:
        """The block breaks a rule whose sentence contains `part`, and is let off for it."""
        before = len(self.broken)
        with suppress(RuleBrokenError):
            yield
        new = self.broken[before:]
        if not any(part in sentence for sentence in new):
            raise AssertionError(f'No rule with "{part}" was broken, but: {new}.')
        del self.broken[before:]

    def check(self) -> None:
        if self.broken:
            raise AssertionError("Nuke's rules were broken:\n" + "\n".join(self.broken))


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, callable on Nuke's main thread only, and only while its node exists.

    Nuke's nodes and knobs belong to the main thread; other threads use executeInMainThread
    (https://learn.foundry.com/nuke/developers/90/pythondevguide/threading.html). What a real Nuke
    does otherwise is undefined: it crashes now and then.
    """

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        session = state.current()
        if threading.get_ident() != session.thread:
            raise session.rules.broke(
                f"{function.__qualname__} was called off the main thread; "
                "use nuke.executeInMainThread."
            )
        if args and isinstance(args[0], MainThreadOnly):
            args[0]._check_attached()
        return function(*args, **kwargs)

    checked.__guarded__ = True  # type: ignore[attr-defined]
    return checked


class MainThreadOnly:
    """A class whose public methods are for the main thread, and which takes no attributes.

    That objects of Nuke's C types take no attributes of one's own is an assumption (C types have
    no __dict__ unless they ask for one).
    """

    _GUARDED_DUNDERS = ("__getitem__", "__enter__", "__init__", "__len__")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith(__package__):
            return
        for name, member in list(vars(cls).items()):
            public = not name.startswith("_") or name in cls._GUARDED_DUNDERS
            if public and inspect.isfunction(member):
                setattr(cls, name, guarded(member))
            elif public and isinstance(member, classmethod):
                setattr(cls, name, classmethod(guarded(member.__func__)))

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and type(self).__module__.startswith(__package__):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        object.__setattr__(self, name, value)

    def _check_attached(self) -> None:
        """Raise if what this stands for has gone."""
