"""One job's events, each once and whole, over as many sessions as it takes."""

from __future__ import annotations

import time
from typing import Callable, Iterator, Optional

from .checksums import is_whole
from .errors import BadChecksum, NotGreeted, ServerLost, SmiteError
from .events import Event, Finished, MatteReady, StateChanged
from .link import Link
from .requests import Acknowledge, Unwatch, Watch

MATTE_ATTEMPTS = 4
"""How often a matte that comes damaged is asked for."""
MOST_LOSSES = 10
"""Losses in a row without one good event in between, after which watching is given up."""
QUIET_SECONDS = 30.0
"""A job that is silent for so long is asked for anew, should an event have gone astray."""


class Watching:
    """The events of ``job`` whose mattes have a ``seq`` above ``after``.

    Mattes come in order, without gaps; after a loss watching goes on at the first that was not
    acknowledged. A matte whose bytes do not have its checksum is asked for again.
    """

    def __init__(
        self,
        link: Link,
        job: str,
        *,
        after: int = 0,
        credit: int = 0,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._link = link
        self._stop = stop
        self._job = job
        self._seen = after
        self._credit = credit
        self._generation: Optional[int] = None
        self._heard = 0.0
        self._state = ""
        self._losses = 0
        self._damaged = 0
        self._gap_at: Optional[int] = None

    def events(self) -> Iterator[Event]:
        """Yield the events; the last one is `Finished`. Acknowledges a matte after its turn.

        Once ``stop()`` is true they end without it.
        """
        try:
            self._ask()
            while not self._stop():
                event = self._next()
                if event is None:
                    continue
                yield event
                if isinstance(event, MatteReady):
                    self._link.connection.send(Acknowledge(job=self._job, seq=event.seq))
                if isinstance(event, Finished):
                    return
        finally:
            self._link.connection.drop_events(self._job)

    def leave(self) -> None:
        """Tell the server that nobody listens any more."""
        self._link.connection.send(Unwatch(job=self._job))

    def _ask(self) -> None:
        """Ask for the events from here on; those of an earlier asking are dropped."""
        self._link.ask(Watch(job=self._job, after=self._seen, credit=self._credit))
        self._link.connection.drop_events(self._job)
        self._generation = self._link.generation
        self._heard = time.monotonic()

    def _next(self) -> Optional[Event]:
        """Return the next event that is new and whole, None after a moment without one."""
        link = self._link
        if self._generation != link.generation or time.monotonic() - self._heard > QUIET_SECONDS:
            self._ask()
        try:
            event = link.connection.next_event(self._job)
            if event is None and link.connection.forgotten():
                raise NotGreeted(f"The server at {link.endpoint} has forgotten this client.")
        except (ServerLost, NotGreeted) as problem:
            self._recover(problem)
            return None
        if event is None:
            return None
        self._heard = time.monotonic()
        if isinstance(event, MatteReady) and not self._is_next(event):
            return None
        if isinstance(event, StateChanged):
            if event.state == self._state:
                return None
            self._state = event.state
        self._losses = 0
        link.states.answered()
        return event

    def _recover(self, problem: SmiteError) -> None:
        self._losses += 1
        if self._losses > MOST_LOSSES:
            raise problem
        self._link.recover(problem)

    def _is_next(self, matte: MatteReady) -> bool:
        """Return whether a matte is the one to come, and whole; else ask for it where needed."""
        if matte.seq <= self._seen:
            return False
        if matte.seq > self._seen + 1 and self._gap_at != self._seen:
            self._gap_at = self._seen
            self._ask()
            return False
        if not is_whole(matte.data, matte.checksum):
            self._damaged += 1
            if self._damaged >= MATTE_ATTEMPTS:
                raise BadChecksum(
                    f"Matte {matte.seq} ({matte.path}) of job {self._job} came damaged"
                    f" {self._damaged} times from {self._link.endpoint}; look after the network,"
                    " then watch the job again."
                )
            self._ask()
            return False
        self._damaged = 0
        self._seen = matte.seq
        return True
