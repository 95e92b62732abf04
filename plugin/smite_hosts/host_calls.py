"""How what happens in threads reaches the host's own thread.

Every host gives a `CallInHost`: a function that has another one called in the host's thread, soon,
and returns; in the host's own thread it may be called at once. Nuke has one
(``executeInMainThread``); for hosts without, and for batch modes, there is `HostQueue`, which the
host's thread empties itself.
"""

from __future__ import annotations

import queue
import time
from typing import Callable

CallInHost = Callable[[Callable[[], None]], None]


class HostQueue:
    """Calls that wait for the host's thread; it makes them by `run_waiting` or `run_until`."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def __call__(self, function: Callable[[], None]) -> None:
        """Have ``function`` called later, in the host's thread; from any thread."""
        self._calls.put(function)

    @property
    def waiting(self) -> bool:
        """Whether a call waits to be made."""
        return not self._calls.empty()

    def run_waiting(self, seconds: float = float("inf")) -> int:
        """Make the calls that wait now; return how many they were.

        No further one is begun when so many seconds are over: the rest waits for the next time.
        """
        count = 0
        end = time.monotonic() + seconds
        while count == 0 or time.monotonic() < end:
            try:
                function = self._calls.get_nowait()
            except queue.Empty:
                return count
            function()
            count += 1
        return count

    def run_until(self, finished: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """Make calls as they come until ``finished()``; return False when the time is up."""
        end = time.monotonic() + seconds
        while not finished():
            left = end - time.monotonic()
            if left <= 0:
                return False
            try:
                self._calls.get(timeout=min(left, 0.25))()
            except queue.Empty:
                continue
        return True
