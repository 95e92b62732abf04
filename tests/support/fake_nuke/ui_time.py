"""Time: how long the plugin kept the UI thread, and how long Nuke would have rendered.

Rendering costs virtual time, which nobody waits for. Everything else is measured: from the moment
Nuke calls into the plugin (a button, a callback, a slice of executeInMainThread) until it returns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

RENDER_SECONDS = 0.2  # Charged for each frame that is rendered upstream.


def _waited_for_a_core() -> float:
    """Seconds that this thread was ready but had no core, from its start (Linux; else 0).

    Second field of /proc/thread-self/schedstat: on a machine that others use too, this is not
    the plugin's doing.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@dataclass
class Entry:
    """One call from Nuke into the plugin on the UI thread."""

    name: str
    blocked: float = 0.0  # Seconds in the plugin: without rendering, without waiting for a core.
    frames: int = 0  # Frames rendered upstream meanwhile.
    nodes: set[int] = field(default_factory=set)  # Which nodes Python was given (NC and Indie).


class Clock:
    """Virtual seconds of rendering."""

    def __init__(self) -> None:
        self.frames = 0

    @property
    def rendering(self) -> float:
        return self.frames * RENDER_SECONDS


class UiThread:
    """The entries, and the one that is open."""

    def __init__(self, clock: Clock) -> None:
        self.entries: list[Entry] = []
        self.open: Entry | None = None
        self._clock = clock
        self._outside = 0.0  # Real seconds of the open entry that are not the plugin's.

    @contextmanager
    def entry(self, name: str) -> Iterator[Entry]:
        """Measure a call into the plugin; one inside another counts as part of the outer one."""
        if self.open is not None:
            yield self.open
            return
        self.open = Entry(name)
        self.entries.append(self.open)
        self._outside = 0.0
        start, waited = time.perf_counter(), _waited_for_a_core()
        try:
            yield self.open
        finally:
            waited = _waited_for_a_core() - waited
            self.open.blocked = time.perf_counter() - start - self._outside - waited
            self.open = None

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        """What is done here would be Nuke's own work (or the user's), not the plugin's."""
        start = time.perf_counter()
        waited = _waited_for_a_core()
        try:
            yield
        finally:
            waited = _waited_for_a_core() - waited
            self._outside += time.perf_counter() - start - waited

    def rendered(self) -> None:
        """One more frame has been rendered upstream."""
        self._clock.frames += 1
        if self.open is not None:
            self.open.frames += 1

    def worst(self) -> Entry:
        return max(self.entries, key=lambda entry: entry.blocked, default=Entry("nothing"))

    def assert_never_blocked(self, seconds: float = 0.05) -> None:
        slow = [entry for entry in self.entries if entry.blocked > seconds]
        told = "; ".join(f"{entry.name}: {entry.blocked * 1000:.0f} ms" for entry in slow)
        assert not slow, f"The UI thread was blocked for more than {seconds * 1000:.0f} ms: {told}."

    def assert_one_frame_a_slice(self) -> None:
        many = [f"{entry.name}: {entry.frames}" for entry in self.entries if entry.frames > 1]
        assert not many, f"More than one frame was rendered at a time: {'; '.join(many)}."
