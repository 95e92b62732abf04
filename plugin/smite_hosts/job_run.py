"""One job from request to end, in a thread of its own, with a client of its own."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Sequence, Set, Tuple

from smite_protocol.client import Client
from smite_protocol.errors import (
    BadInput,
    BadMessage,
    DiskFull,
    JobCancelled,
    MatteFailed,
    OutOfMemory,
    PathMissing,
    PathRefused,
    ServerStopped,
    SmiteError,
    WorkerDied,
    WrongState,
)
from smite_protocol.events import ABOUT_SHOT, Event, Finished, MatteReady, Progress, StateChanged
from smite_protocol.path_maps import Rule
from smite_protocol.receiving import MatteReceiver
from smite_protocol.records import JobInfo
from smite_protocol.specs import SegmentSpec, Spec
from smite_protocol.uploads import WireFile

from .delivery import Delivery, fingerprint, path_here, plan_delivery
from .job_memory import JobPlace
from .job_status import CANCELLING, PREPARING, RUNNING, SENDING, WAITING, JobStatus, NewMatte
from .mattes_on_disk import next_version, pattern_of, style_of

GOES_ON = frozenset(
    kind.code
    for kind in (JobCancelled, ServerStopped, WorkerDied, DiskFull, OutOfMemory, MatteFailed)
)
"""Ends after which the same request goes on where the job was."""


@dataclass(frozen=True)
class Told:
    """Whom a run tells: of its status, of new mattes, and of the job's place."""

    status: Callable[[JobStatus], None]
    matte: Callable[[NewMatte], None]
    place: Callable[[JobPlace], None]
    log: logging.Logger


class JobRun:
    """Runs or follows one job; every method is called in the run's own thread.

    ``cancelled`` is asked again and again: once it is true the job is cancelled on the server.
    """

    def __init__(
        self, client: Client, rules: Sequence[Rule], told: Told, cancelled: Callable[[], bool]
    ) -> None:
        self._client = client
        self._rules = tuple(rules)
        self._told = told
        self._cancelled = cancelled
        self._receiver: Optional[MatteReceiver] = None
        self._files: Dict[str, Dict[str, str]] = {}
        self._frames: Set[int] = set()
        self._seen = 0
        self.status = JobStatus(phase=PREPARING)

    def generate(self, spec: Spec, before: Optional[JobPlace]) -> Finished:
        """Have a spec done, whose paths are this machine's; return the job's last event.

        ``before`` is the place of the node's last job: where it was the same request, and waits,
        runs or was broken off, it is gone on with. Raises the job's error.
        """
        self._tell(phase=PREPARING, kind=spec.kind)
        print_ = fingerprint(spec)
        place = self._same_request(before, print_)
        if place is None:
            place = self._submit(spec, print_)
        return self.follow(place)

    def follow(self, place: JobPlace) -> Finished:
        """Follow a job that is on the server to its end; return its last event."""
        self._told.place(place)
        self._told.log.info("following %s job %s at %s", place.kind, place.job, place.server)
        if place.received:
            self._receiver = MatteReceiver(Path(place.out))
        self._tell(job=place.job, kind=place.kind)
        asked = False
        while True:
            stop = (lambda: False) if asked else self._cancelled
            for event in self._client.watch(place.job, after=self._seen, stop=stop):
                self._take(event)
                if isinstance(event, Finished):
                    event.raise_for_state()
                    version = int(event.result.get("version", place.version))
                    self._told.place(replace(place, version=version))
                    return event
            if asked:
                raise BadMessage(f"The events of job {place.job} ended without a final state.")
            asked = True
            self._tell(phase=CANCELLING)
            with suppress(WrongState):
                self._client.cancel(place.job)

    def _same_request(self, before: Optional[JobPlace], print_: str) -> Optional[JobPlace]:
        """Return the place of the last job, if it is of this request and can go on."""
        if before is None or before.print != print_ or before.server != self._client.endpoint:
            return None
        try:
            info = self._client.job(before.job)
            if info.state == "done" or not self._may_go_on(info):
                return None
            if info.final:
                self._client.retry(before.job)
        except BadInput as problem:  # the server knows better: it is made anew
            self._told.log.info("job %s does not go on: %s", before.job, problem.message)
            return None
        return before

    @staticmethod
    def _may_go_on(info: JobInfo) -> bool:
        return not info.final or info.state == "cancelled" or info.error in GOES_ON

    def _submit(self, spec: Spec, print_: str) -> JobPlace:
        """Submit a job, by path where the server sees the paths; return its place."""
        server = self._client.server
        delivery = self._with_version(plan_delivery(spec, server.roots, self._rules))
        try:
            job = self._hand_over(delivery)
        except (PathRefused, PathMissing) as problem:
            if delivery.role:
                raise
            # The server runs where these paths mean something else, in a container for example.
            self._told.log.info("sending the files after all: %s", problem.message)
            delivery = plan_delivery(spec, server.roots, self._rules, send=True)
            delivery = self._with_version(delivery)
            job = self._hand_over(delivery)
        return JobPlace(
            server=self._client.endpoint,
            job=job,
            kind=spec.kind,
            out=(spec.out or "") if isinstance(spec, SegmentSpec) else "",
            received=delivery.receive_into is not None,
            version=delivery.spec.version if isinstance(delivery.spec, SegmentSpec) else 0,
            print=print_,
        )

    @staticmethod
    def _with_version(delivery: Delivery) -> Delivery:
        """Choose the next version where mattes come as bytes: only this machine sees the folder.

        Else the server chooses: it holds a number so that no other job takes it.
        """
        spec, out = delivery.spec, delivery.receive_into
        if isinstance(spec, SegmentSpec) and spec.version == 0 and out is not None:
            return replace(delivery, spec=replace(spec, version=next_version(out, spec.shot)))
        return delivery

    def _hand_over(self, delivery: Delivery) -> str:
        """Submit, send what is to be sent, and return the job's id."""
        self._check_cancelled()
        job = self._client.submit(delivery.spec)
        if not delivery.role:
            return job
        self._tell(phase=SENDING, job=job, done=0, total=len(delivery.files))
        try:
            files = self._while_wanted(delivery.files)
            if delivery.role == "plate":
                self._client.send_frames(job, files)
            else:
                self._client.send_references(job, files)
            return self._client.end_upload(job)
        except BaseException:
            with suppress(SmiteError):
                self._client.cancel(job)
            raise

    def _while_wanted(self, files: Tuple[WireFile, ...]) -> Iterator[WireFile]:
        for index, file in enumerate(files, start=1):
            self._check_cancelled()
            self._tell(done=index)
            yield file

    def _check_cancelled(self) -> None:
        if self._cancelled():
            raise JobCancelled("Cancelled before the job was in the server's queue.")

    def _take(self, event: Event) -> None:
        if isinstance(event, Progress):
            phase = WAITING if event.ahead is not None else RUNNING
            self._tell(
                phase=CANCELLING if self.status.phase == CANCELLING else phase,
                stage=event.stage,
                done=event.done,
                total=event.total,
                seconds_left=event.seconds_left,
                ahead=event.ahead,
            )
        elif isinstance(event, StateChanged) and self.status.phase != CANCELLING:
            phases = {"queued": WAITING, "paused": WAITING, "running": RUNNING}
            if event.state in phases:
                self._tell(phase=phases[event.state])
        elif isinstance(event, MatteReady):
            self._take_matte(event)

    def _take_matte(self, event: MatteReady) -> None:
        self._seen = event.seq
        if self._receiver is not None:
            self._receiver.accept(event)
        if event.frame == ABOUT_SHOT:
            return
        if self._receiver is not None:
            path = (self._receiver.out / event.path).as_posix()
        else:
            path = path_here(event.path, self._rules)
        style = style_of(event.slug)
        if event.slug not in self._files.get(style, {}):
            members = {**self._files.get(style, {}), event.slug: pattern_of(path, event.frame)}
            self._files = {**self._files, style: members}
        frames = self.status.frames
        if event.frame not in self._frames:
            self._frames.add(event.frame)
            frames = tuple(sorted(self._frames))
        self._tell(mattes=self.status.mattes + 1, files=self._files, frames=frames)
        self._told.matte(NewMatte(event.frame, event.slug, path))

    def _tell(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self._told.status(self.status)
