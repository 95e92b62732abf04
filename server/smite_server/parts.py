"""The parts of a server that requests work on."""

from __future__ import annotations

from dataclasses import dataclass

from smite_protocol.messages import JobInfo

from .config import ServerConfig
from .jobs import Job
from .orphans import Orphans
from .queue import Places
from .runner import Runner
from .sessions import Sessions
from .spool import Spool
from .store import Store
from .watchers import Watchers


@dataclass(frozen=True)
class Parts:
    """What a server is made of."""

    config: ServerConfig
    store: Store
    spool: Spool
    runner: Runner
    sessions: Sessions
    watchers: Watchers
    orphans: Orphans
    places: Places

    def info(self, job: Job, *, with_result: bool = False) -> JobInfo:
        """Return what clients are told of a job."""
        found = self.orphans.described(job)
        return found.info(with_result=with_result, ahead=self.places.ahead(job.job))
