"""Who watches which job, and what they have been told: a cursor in the store for each.

A watcher gets the mattes in the store in order, at most a few ahead of what it has acknowledged,
then progress and states; so late and slow watchers are the same case as all others, and nothing
is kept in memory for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smite_protocol.messages import Finished, MatteReady, Message, Progress, StateChanged

from .jobs import Job, Matte
from .store import Store

AHEAD_WITH_PATHS = 256
AHEAD_WITH_BYTES = 8
BATCH = 64


@dataclass
class Watcher:
    """One client's view of one job."""

    identity: bytes
    job: str
    sent: int
    acknowledged: int
    state: str = ""
    progress: Progress | None = None
    finished: bool = False


class Watchers:
    """All watchers. ``send`` returns False when a client's pipe is full."""

    def __init__(self, store: Store, send: Callable[[bytes, Message], bool]) -> None:
        self._store = store
        self._send = send
        self._watchers: dict[tuple[bytes, str], Watcher] = {}

    def __len__(self) -> int:
        return len(self._watchers)

    def add(self, identity: bytes, job: str, after: int) -> None:
        """Start telling; forgets an earlier view of the same."""
        self._watchers[identity, job] = Watcher(identity, job, after, after)

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
            watcher.acknowledged = max(watcher.acknowledged, min(seq, watcher.sent))
            self._pump(watcher, self._store.find(job))

    def jobs(self) -> set[str]:
        """Return the watched jobs."""
        return {watcher.job for watcher in self._watchers.values()}

    def changed(self, job: str) -> None:
        """Tell everybody who watches ``job`` what is new."""
        watching = [entry for entry in self._watchers.values() if entry.job == job]
        if watching:
            found = self._store.find(job)
            for watcher in watching:
                self._pump(watcher, found)

    def _pump(self, watcher: Watcher, job: Job) -> None:
        """Send what this watcher may get now; the rest waits for the next call."""
        if watcher.finished:
            return
        if not job.state.final:
            self._tell_state(watcher, job)
        if not self._tell_mattes(watcher, job):
            return
        if not job.state.final:
            self._tell_progress(watcher, job)
        elif self._tell_state(watcher, job):
            last = Finished(
                job=job.job,
                state=job.state.value,
                result=job.result,
                error=job.error,
                message=job.message,
            )
            watcher.finished = self._send(watcher.identity, last)
            if watcher.finished:
                self.remove(watcher.identity, watcher.job)

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
        )
        if progress != watcher.progress and self._send(watcher.identity, progress):
            watcher.progress = progress

    def _tell_mattes(self, watcher: Watcher, job: Job) -> bool:
        """Send mattes as far as allowed; return whether there are none left."""
        with_bytes = job.kind == "segment" and job.resolved.get("out") is None
        ahead = AHEAD_WITH_BYTES if with_bytes else AHEAD_WITH_PATHS
        while True:
            room = ahead - (watcher.sent - watcher.acknowledged)
            mattes = self._store.mattes_after(job.job, watcher.sent, min(BATCH, max(room, 1)))
            if not mattes:
                return True
            if room <= 0:
                return False
            for matte in mattes:
                if not self._send(watcher.identity, _matte_event(matte, with_bytes)):
                    return False
                watcher.sent = matte.seq


def _matte_event(matte: Matte, with_bytes: bool) -> MatteReady:
    data = _bytes_of(Path(matte.path)) if with_bytes else None
    return MatteReady(
        job=matte.job,
        seq=matte.seq,
        frame=matte.frame,
        part=matte.part,
        slug=matte.slug,
        path=matte.relative if with_bytes else matte.path,
        data=data,
    )


def _bytes_of(path: Path) -> bytes | None:
    """Return a file's bytes; None when it has been cleared away since."""
    try:
        return path.read_bytes()
    except OSError:
        return None
