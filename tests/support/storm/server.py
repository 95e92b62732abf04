"""A server like any other, whose wall clock may jump: ``python -m tests.support.storm.server``.

The configuration comes on standard input, as for `smite_server.private`.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable

from smite_server import private

CLOCK_VARIABLE = "STORM_CLOCK"
"""Seed of the jumps; without it the clock is the system's."""
JUMP_EVERY = 2.0
FARTHEST = 400 * 86400.0


def jumping(wall: Callable[[], float], seed: int) -> Callable[[], float]:
    """Return a wall clock that is somewhere else every few seconds, days or a year off."""
    steady = time.monotonic

    def clock() -> float:
        leap = random.Random(f"{seed} {int(steady() / JUMP_EVERY)}")
        return wall() + leap.choice((0.0, leap.uniform(-FARTHEST, FARTHEST), leap.uniform(-9, 9)))

    return clock


def main() -> int:
    """Serve as `smite_server.private` does."""
    seed = os.environ.get(CLOCK_VARIABLE)
    if seed:
        time.time = jumping(time.time, int(seed))
    return private.main()


if __name__ == "__main__":
    sys.exit(main())
