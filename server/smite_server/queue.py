"""Whose turn it is: lanes, priorities, and users served in turn.

An earlier lane goes before a later one, and in a lane the higher priority. Among jobs that are
equal in both, the user with the fewest running jobs comes first, then the one whose last job was
begun longest ago; each user's own jobs keep their rank.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from smite_protocol.messages import LANES, DoctorSpec, SegmentSpec, Spec

INTERACTIVE, NORMAL, BATCH = LANES
PLACES_SECONDS = 0.25


@dataclass(frozen=True)
class Waiting:
    """What decides about a job that waits."""

    job: str
    user: str
    lane: str
    priority: int
    rank: float


def lane_of(spec: Spec, *, batch: bool) -> str:
    """Return the lane of a job: drafts and reports ahead, what nobody waits for behind."""
    if batch:
        return BATCH
    quick = isinstance(spec, DoctorSpec)
    draft = isinstance(spec, SegmentSpec) and spec.quality == "draft"
    return INTERACTIVE if quick or draft else NORMAL


def in_order(
    waiting: Sequence[Waiting], running: Mapping[str, int], served: Mapping[str, int]
) -> list[Waiting]:
    """Return the jobs in the order in which they are begun, if none ends or comes meanwhile.

    ``running`` is how many jobs of each user run; ``served`` a number that is higher the later
    the user's last job was begun, at least 1; users without one come first.
    """
    counts, last = Counter(running), dict(served)
    moment = max(last.values(), default=0)
    found: list[Waiting] = []
    for _, equals in groupby(sorted(waiting, key=_standing), key=_standing):
        by_user: dict[str, list[Waiting]] = {}
        for job in sorted(equals, key=_rank):
            by_user.setdefault(job.user, []).append(job)
        turns = {user: iter(jobs) for user, jobs in by_user.items()}
        heads = {user: next(turn) for user, turn in turns.items()}
        while heads:
            user = min(heads, key=lambda u: (counts[u], last.get(u, 0), _rank(heads[u])))
            found.append(heads.pop(user))
            counts[user] += 1
            moment += 1
            last[user] = moment
            following = next(turns[user], None)
            if following is not None:
                heads[user] = following
    return found


def next_of(
    waiting: Sequence[Waiting],
    running: Mapping[str, int],
    served: Mapping[str, int],
    max_running_per_user: int = 0,
) -> Waiting | None:
    """Return the job to begin now; 0 is no limit of running jobs per user."""
    allowed = [
        job
        for job in waiting
        if not max_running_per_user or running.get(job.user, 0) < max_running_per_user
    ]
    return min(
        allowed,
        key=lambda job: (
            _standing(job),
            running.get(job.user, 0),
            served.get(job.user, 0),
            _rank(job),
        ),
        default=None,
    )


def ranks_with(moved: Waiting, equals: Sequence[Waiting], before: str) -> dict[str, float]:
    """Return the new ranks that put ``moved`` just before the job ``before``; empty: first.

    ``equals`` are the jobs that it stands among. Only ranks that change are returned. Raises
    KeyError when ``before`` is not among them.
    """
    others = sorted((job for job in equals if job.job != moved.job), key=_rank)
    names = [job.job for job in others]
    if before and before not in names:
        raise KeyError(before)
    place = names.index(before) if before else 0
    if not others:
        return {}
    after = others[place].rank
    if place == 0:
        return {moved.job: after - 1.0}
    middle = (others[place - 1].rank + after) / 2
    if others[place - 1].rank < middle < after:
        return {moved.job: middle}
    # No number is left between the two: space them all evenly, with the same first and last.
    low, high = others[0].rank, max(others[-1].rank, others[0].rank + len(others))
    order = [*names[:place], moved.job, *names[place:]]
    return {name: low + n * (high - low) / len(others) for n, name in enumerate(order)}


class Places:
    """How many jobs run before each that waits; read from the store at most every so often."""

    def __init__(
        self,
        read: Callable[[], tuple[list[Waiting], int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._until = float("-inf")
        self._ahead: dict[str, int] = {}

    def ahead(self, job: str) -> int | None:
        """Return how many jobs run or wait before this one; None when it does not wait."""
        now = self._clock()
        if now >= self._until:
            order, running = self._read()
            self._ahead = {entry.job: running + n for n, entry in enumerate(order)}
            self._until = now + PLACES_SECONDS
        return self._ahead.get(job)

    def changed(self) -> None:
        """Look again at the next question."""
        self._until = float("-inf")


def _standing(job: Waiting) -> tuple[int, int]:
    return LANES.index(job.lane), -job.priority


def _rank(job: Waiting) -> tuple[float, str]:
    return job.rank, job.job
