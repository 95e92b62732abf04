"""How a host's job stands, as a record and in words for an artist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from smite_protocol.states import waiting_in_words

IDLE, PREPARING, SENDING, WAITING, RUNNING = "idle", "preparing", "sending", "waiting", "running"
CANCELLING, DONE, FAILED, CANCELLED = "cancelling", "done", "failed", "cancelled"
ENDED = (IDLE, DONE, FAILED, CANCELLED)


@dataclass(frozen=True)
class NewMatte:
    """A matte that has arrived: its frame, the part's slug or the style, and this machine's path.

    ``path`` is empty where this machine does not see the file.
    """

    frame: int
    member: str
    path: str


@dataclass(frozen=True)
class JobStatus:
    """How a job stands.

    ``phase`` is one of this module's words, ``kind`` of job ``learn`` or ``segment``; ``key`` names
    the sentence (`sentences`) of a failure, ``message`` is that sentence. ``connection`` is a
    short line while the connection is anything but well. ``files`` has, for a job with mattes,
    style -> member -> pattern as this machine sees it.
    """

    phase: str = IDLE
    kind: str = ""
    job: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: Optional[float] = None
    ahead: Optional[int] = None
    mattes: int = 0
    connection: str = ""
    key: str = ""
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    frames: Tuple[int, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing goes on."""
        return self.phase in ENDED

    @property
    def fraction(self) -> Optional[float]:
        """How much is done, 0 to 1; None where it is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def words(self) -> str:
        """One short line for a person."""
        line = self._line()
        return f"{line} ({self.connection})" if self.connection and not self.ended else line

    def _line(self) -> str:
        if self.phase == WAITING:
            return waiting_in_words(self.ahead)
        if self.phase == SENDING:
            return f"sending files: {self.done} of {self.total}" if self.total else "sending files"
        if self.phase == RUNNING:
            return self._running()
        if self.phase == FAILED:
            return self.message
        if self.phase == DONE and self.kind == "segment":
            return f"done: {self.mattes} mattes" if self.mattes else "done"
        if self.phase == CANCELLED:
            kept = f"; {self.mattes} finished mattes are kept" if self.mattes else ""
            return f"cancelled{kept}"
        return self.phase

    def _running(self) -> str:
        words = self.stage or "running"
        if self.total:
            words += f": {self.done} of {self.total}"
        if self.seconds_left is not None:
            words += f", {in_words(self.seconds_left)} left"
        return words


def in_words(seconds: float) -> str:
    """Return a duration as people say it: 40 s, 3 min, 1 h 20 min."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
