"""How much one user may ask for: token buckets, and a while of silence for who talks nonsense.

A bucket holds tokens up to its size and gets ``per_second`` of them back; a request takes one. So
a burst is free and only what goes on is held back. Time is given by the caller's clock.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from smite_protocol.errors import LimitReached

MAX_REMEMBERED = 4096
"""Peers whose buckets are kept; the ones not heard for longest begin anew."""


@dataclass(frozen=True)
class Rate:
    """What a bucket holds at most, and how fast it fills; a size of 0: as much as one likes."""

    size: float
    per_second: float


class Buckets:
    """One bucket for each peer, all of one rate."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str) -> float:
        """Take a token; return 0, or the seconds to wait when there is none."""
        if self._rate.size <= 0:
            return 0.0
        now = self._clock()
        left, before = self._left.get(peer, (self._rate.size, now))
        # A clock that goes back gives nothing, and takes nothing away.
        left = min(self._rate.size, left + max(0.0, now - before) * self._rate.per_second)
        wait = 0.0 if left >= 1.0 else (1.0 - left) / self._rate.per_second
        self._left[peer] = (left - 1.0 if wait == 0.0 else left, now)
        self._left.move_to_end(peer)
        while len(self._left) > MAX_REMEMBERED:
            self._left.popitem(last=False)
        return wait


class RateLimits:
    """The limits of a server. ``peer`` is a user, or a connection where there are no users."""

    def __init__(
        self,
        *,
        requests: Rate,
        submits: Rate,
        uploads: Rate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = Buckets(requests, clock)
        self._submits = Buckets(submits, clock)
        self._uploads = Buckets(uploads, clock)

    def check(self, peer: str, message: str) -> None:
        """Count a request of type ``message``. Raises LimitReached, naming the seconds to wait.

        Files and frames have a bucket of their own, so that an upload does not eat what its user
        asks besides; so have submits, which cost most.
        """
        if message in ("put_file", "put_pixels"):
            _refuse_for(self._uploads.take(peer), "files and frames")
            return
        _refuse_for(self._requests.take(peer), "requests")
        if message == "submit":
            _refuse_for(self._submits.take(peer), "jobs")


class Manners:
    """Who is ignored: peers that sent more than ``limit`` bad messages within ``seconds``."""

    def __init__(
        self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._bad = Buckets(Rate(limit, limit / seconds), clock)
        self._ignored: OrderedDict[str, float] = OrderedDict()

    def note_bad(self, peer: str) -> bool:
        """Count a bad message; return whether the peer is ignored from now on."""
        if self._bad.take(peer) == 0.0:
            return False
        self._ignored[peer] = self._clock() + self._seconds
        self._ignored.move_to_end(peer)
        while len(self._ignored) > MAX_REMEMBERED:
            self._ignored.popitem(last=False)
        return True

    def ignores(self, peer: str) -> bool:
        """Return whether nothing that this peer sends is looked at now."""
        until = self._ignored.get(peer)
        if until is None:
            return False
        if self._clock() >= until:
            del self._ignored[peer]
            return False
        return True


def _refuse_for(wait: float, what: str) -> None:
    if wait > 0.0:
        raise LimitReached(
            f"You send {what} faster than this server takes them; wait {math.ceil(wait)} s and go"
            " on."
        )
