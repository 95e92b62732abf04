"""Who watches which job, and what they have been told: a cursor in the store for each.

A watcher gets the mattes in the store in order, then progress and states; so late and slow
watchers are the same case as all others. Ahead of what a watcher has acknowledged, the server
sends at most so many mattes and, when they carry bytes, at most so many bytes (its credit), but
always one. The credit begins small and grows with what is acknowledged, so that a watcher that has
never read anything holds little. A matte is read from the disk when there is credit for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from smite_protocol.checksums import checksum_of
from smite_protocol.errors import PathMissing, UnknownJob
from smite_protocol.messages import Finished, MatteReady, Message, Progress, StateChanged

from .jobs import Job, Matte, State
from .path_mapping import seen_by_client
from .store import Store

AHEAD_WITH_PATHS = 256
AHEAD_WITH_BYTES = 64
FIRST_CREDIT = 4 * 1024 * 1024
"""Bytes in flight to a watcher that has acknowledged none."""
BATCH = 64


@dataclass
class Watcher:
    """One client's view of one job.

    ``in_flight`` are the mattes that it has not acknowledged: pairs of ``seq`` and bytes sent;
    ``used`` are the bytes that it has.
    """

    identity: bytes
    job: str
    credit: int
    sent: int
    in_flight: deque[tuple[int, int]] = field(default_factory=deque)
    bytes_in_flight: int = 0
    used: int = 0
    state: str = ""
    progress: Progress | None = None

    def note(self, seq: int, size: int) -> None:
        """Note that a matte was sent."""
        self.sent = seq
        self.in_flight.append((seq, size))
        self.bytes_in_flight += size

    def acknowledge(self, seq: int) -> None:
        """Note that the mattes up to ``seq`` are used."""
        while self.in_flight and self.in_flight[0][0] <= seq:
            _, size = self.in_flight.popleft()
            self.bytes_in_flight -= size
            self.used += size

    def has_room(self, size: int, most: int) -> bool:
        """Return whether a matte of ``size`` bytes may be sent, of at most ``most`` at a time."""
        if not self.in_flight:
            return True
        credit = min(self.credit, FIRST_CREDIT + self.used)
        return len(self.in_flight) < most and self.bytes_in_flight + size <= credit


class Watchers:
    """All watchers.

    ``send`` returns False when a client's pipe is full; ``ahead`` tells how many jobs run before
    one; ``credit`` is the most bytes of mattes in flight to one watcher.
    """

    def __init__(
        self,
        store: Store,
        send: Callable[[bytes, Message], bool],
        ahead: Callable[[str], int | None],
        credit: int,
    ) -> None:
        self._store = store
        self._send = send
        self._ahead = ahead
        self._credit = credit
        self._watchers: dict[tuple[bytes, str], Watcher] = {}

    def __len__(self) -> int:
        return len(self._watchers)

    def add(self, identity: bytes, job: str, after: int, credit: int = 0) -> None:
        """Start telling; forgets an earlier view of the same. Credit 0 is the server's own."""
        allowed = min(credit, self._credit) if credit else self._credit
        self._watchers[identity, job] = Watcher(identity, job, allowed, after)

    def remove(self, identity: bytes, job: str) -> None:
        """Stop telling."""
        self._watchers.pop((identity, job), None)

    def drop(self, identity: bytes) -> None:
        """Forget a client."""
        for key in [key for key in self._watchers if key[0] == identity]:
            del self._watchers[key]

    def acknowledge(self, identity: bytes, job: str, seq: int) -> None:
        """Note that mattes up to ``seq`` are used, and send more."""
        watcher = self._watchers.get((identity, job))
        if watcher is not None:
            watcher.acknowledge(seq)
            self._tell([watcher], job)

    def jobs(self) -> set[str]:
        """Return the watched jobs."""
        return {watcher.job for watcher in self._watchers.values()}

    def changed(self, job: str) -> None:
        """Tell everybody who watches ``job`` what is new."""
        watching = [entry for entry in self._watchers.values() if entry.job == job]
        if watching:
            self._tell(watching, job)

    def _tell(self, watching: list[Watcher], job: str) -> None:
        try:
            found = self._store.find(job)
        except UnknownJob as problem:  # retention has cleared it
            for watcher in watching:
                self._break_off(watcher, problem)
            return
        for watcher in watching:
            self._pump(watcher, found)

    def _pump(self, watcher: Watcher, job: Job) -> None:
        """Send what this watcher may get now; the rest waits for the next call."""
        if not job.state.final:
            self._tell_state(watcher, job)
        try:
            if not self._tell_mattes(watcher, job):
                return
        except PathMissing as problem:
            self._break_off(watcher, problem)
            return
        if not job.state.final:
            self._tell_progress(watcher, job)
        elif self._tell_state(watcher, job):
            last = Finished(
                job=job.job,
                state=job.state.value,
                result=seen_by_client(job.resolved, job.result),
                error=job.error,
                message=job.message,
            )
            self._finish(watcher, last)

    def _finish(self, watcher: Watcher, last: Finished) -> None:
        if self._send(watcher.identity, last):
            self.remove(watcher.identity, watcher.job)

    def _break_off(self, watcher: Watcher, problem: PathMissing | UnknownJob) -> None:
        """End what can be told no further, with the reason."""
        self._finish(
            watcher,
            Finished(
                job=watcher.job,
                state=State.FAILED.value,
                error=problem.code,
                message=problem.message,
            ),
        )

    def _tell_state(self, watcher: Watcher, job: Job) -> bool:
        if watcher.state == job.state.value:
            return True
        message = StateChanged(job=job.job, state=job.state.value, message=job.message)
        if not self._send(watcher.identity, message):
            return False
        watcher.state = job.state.value
        return True

    def _tell_progress(self, watcher: Watcher, job: Job) -> None:
        progress = Progress(
            job=job.job,
            stage=job.stage,
            done=job.done,
            total=job.total,
            seconds_left=job.seconds_left,
            ahead=self._ahead(job.job) if job.state is State.QUEUED else None,
        )
        if progress != watcher.progress and self._send(watcher.identity, progress):
            watcher.progress = progress

    def _tell_mattes(self, watcher: Watcher, job: Job) -> bool:
        """Send mattes as far as allowed; return whether there are none left.

        Raises PathMissing when one has been cleared away.
        """
        with_bytes = sends_bytes(job)
        most = AHEAD_WITH_BYTES if with_bytes else AHEAD_WITH_PATHS
        while True:
            room = most - len(watcher.in_flight)
            mattes = self._store.mattes_after(job.job, watcher.sent, min(BATCH, max(room, 1)))
            if not mattes:
                return True
            for matte in mattes:
                size = _size_of(matte) if with_bytes else 0
                if not watcher.has_room(size, most):
                    return False
                event = _with_bytes(matte) if with_bytes else _with_path(matte, job)
                if not self._send(watcher.identity, event):
                    return False
                watcher.note(matte.seq, size)


def sends_bytes(job: Job) -> bool:
    """Return whether a job's mattes go back as bytes."""
    return job.kind == "segment" and job.resolved.get("out") is None


def _with_path(matte: Matte, job: Job) -> MatteReady:
    return MatteReady(
        job=matte.job,
        seq=matte.seq,
        frame=matte.frame,
        part=matte.part,
        slug=matte.slug,
        path=seen_by_client(job.resolved, matte.path),
    )


def _with_bytes(matte: Matte) -> MatteReady:
    try:
        data = Path(matte.path).read_bytes()
    except OSError as problem:
        raise cleared(matte.job) from problem
    return MatteReady(
        job=matte.job,
        seq=matte.seq,
        frame=matte.frame,
        part=matte.part,
        slug=matte.slug,
        path=matte.relative,
        checksum=checksum_of(data),
        data=data,
    )


def _size_of(matte: Matte) -> int:
    try:
        return Path(matte.path).stat().st_size
    except OSError as problem:
        raise cleared(matte.job) from problem


def cleared(job: str) -> PathMissing:
    """Return the error of mattes that lay on the server and do so no more."""
    return PathMissing(
        f"The mattes of job {job} have been cleared from the server's disk; submit the job again"
        " to make them anew."
    )
