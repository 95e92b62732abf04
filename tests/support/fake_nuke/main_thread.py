"""executeInMainThread and its queue, as in Nuke's nuke_internal/executeInMain.py.

https://learn.foundry.com/nuke/developers/140/pythondevguide/_modules/nuke_internal/executeInMain.html:
arguments that are no tuple become one; with a result, an exception is printed and None returned.
Called from the main thread both hang Nuke
(https://learn.foundry.com/nuke/developers/90/pythondevguide/threading.html).
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session


@dataclass
class Request:
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None


class MainThread:
    """What waits for the main thread. Tests turn its loop with `pump`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: queue.Queue[Request] = queue.Queue()
        self._ended = False
        self.errors: list[str] = []  # Tracebacks that Nuke would have printed.

    def request(self, name: str, call: Callable[..., Any], args: Any, kwargs: Any) -> Request:
        rules = self._session.rules
        if threading.get_ident() == self._session.thread:
            raise rules.broke(f"nuke.{name} was called from the main thread: it hangs Nuke.")
        if not self._session.gui:
            # An assumption: without a GUI no event loop runs the request while a script runs.
            raise rules.broke(f"nuke.{name} was called without a GUI: nothing runs its calls.")
        asked = Request(call, args if isinstance(args, tuple) else (args,), dict(kwargs))
        self._waiting.put(asked)
        if self._ended:
            self.end()
        return asked

    def waiting(self) -> int:
        """How many calls wait for the main thread."""
        return self._waiting.qsize()

    def pump(self, until: Callable[[], bool], timeout: float) -> None:
        """Run slices until `until()` is true; AssertionError after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not until():
            assert time.monotonic() < end, (
                f"Not done after {timeout} s. Errors in slices: {self.errors or 'none'}."
            )
            self.run_one(0.005)

    def run_one(self, wait: float = 0.0) -> bool:
        """Run the next slice; False where none came within `wait` seconds."""
        try:
            asked = self._waiting.get(timeout=wait) if wait else self._waiting.get_nowait()
        except queue.Empty:
            return False
        name = getattr(asked.call, "__qualname__", repr(asked.call))
        try:
            with self._session.ui.entry(f"slice {name}"):
                asked.result = asked.call(*asked.args, **asked.kwargs)
        except Exception:  # noqa: BLE001  Nuke prints it and goes on.
            self.errors.append(traceback.format_exc())
        finally:
            asked.done.set()
        return True

    def end(self) -> None:
        """Nuke ends: threads that wait for an answer get None."""
        self._ended = True
        while not self._waiting.empty():
            self._waiting.get_nowait().done.set()


def execute_in_main_thread(session: Session) -> Callable[..., None]:
    def executeInMainThread(call: Any, args: Any = (), kwargs: Any = {}) -> None:  # noqa: B006
        session.main.request("executeInMainThread", call, args, kwargs)

    return executeInMainThread


def execute_in_main_thread_with_result(session: Session) -> Callable[..., Any]:
    def executeInMainThreadWithResult(call: Any, args: Any = (), kwargs: Any = {}) -> Any:  # noqa: B006
        asked = session.main.request("executeInMainThreadWithResult", call, args, kwargs)
        asked.done.wait()
        return asked.result

    return executeInMainThreadWithResult
