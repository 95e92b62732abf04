"""The session that runs now: there is one Nuke in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

_sessions: list[Session] = []


def current() -> Session:
    """The running session."""
    if not _sessions:
        raise RuntimeError("Nuke has ended: no session of the fake is running.")
    return _sessions[-1]


def enter(session: Session) -> None:
    if _sessions:
        raise RuntimeError("A session of the fake Nuke is running already.")
    _sessions.append(session)


def leave() -> None:
    _sessions.pop()
