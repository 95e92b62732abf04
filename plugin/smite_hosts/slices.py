"""Work of the host's own thread that a job's thread waits for: one call, one slice."""

from __future__ import annotations

import threading
from typing import Callable, List

from .host_calls import CallInHost
from .sentences import HostProblem

LOOK_SECONDS = 0.1
"""How often a thread that waits for a slice asks whether it is still wanted."""


def in_slice(
    call_in_host: CallInHost, function: Callable[[], None], cancelled: Callable[[], bool]
) -> None:
    """Have ``function`` called in the host's thread and wait; from another thread.

    Raises what ``function`` raises, and HostProblem when it is cancelled before its turn came.
    """
    done = threading.Event()
    given_up = threading.Event()
    problems: List[Exception] = []

    def run() -> None:
        try:
            if not given_up.is_set():
                function()
        except Exception as problem:  # noqa: BLE001  (it is raised again in the other thread)
            problems.append(problem)
        finally:
            done.set()

    call_in_host(run)
    while not done.wait(LOOK_SECONDS):
        if cancelled():
            given_up.set()
            raise HostProblem("render_cancelled")
    if problems:
        raise problems[0]
