"""How jobs come in: checked, sent what they lack, queued, or joined with the same work.

The same work (spec, inputs, backbone, version) that waits, runs or is paused is joined, whoever
asked for it. The same user's newest job of that work, if something from outside broke it off
(`BROKEN_OFF`), is queued again under its old id and goes on from its last finished window. After
every other end the work is made anew: a result may have been changed or removed since, and who
cancelled a job does not want the old one back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, cast

from smite_protocol.errors import (
    DiskFull,
    InternalError,
    JobFailed,
    LimitReached,
    MatteFailed,
    OutOfMemory,
    ServerStopped,
    TooLarge,
    WorkerDied,
    WrongState,
)
from smite_protocol.fields import from_map, to_map
from smite_protocol.messages import (
    EndUpload,
    Message,
    PutFile,
    PutPixels,
    Received,
    Spec,
    Submit,
    Submitted,
)

from .checks import Checked, check_spec, with_spooled, work_key
from .jobs import Job, State, new_job_id
from .orphans import can_run, surroundings
from .parts import Parts
from .path_mapping import RULES, kept_rules, map_spec
from .queue import lane_of
from .writing import Later

BROKEN_OFF = frozenset(
    kind.code for kind in (ServerStopped, WorkerDied, DiskFull, OutOfMemory, MatteFailed)
)
"""Errors that say nothing against the job itself: the same work may go on where it was."""


class Submitting:
    """Takes jobs and their files."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._absent: dict[str, float] = {}

    def submit(self, identity: bytes, message: Submit) -> Message:
        """Check a spec and queue it, or join the same work.

        Raises LimitReached, TooLarge, and the kinds of `check_spec`.
        """
        parts = self._parts
        user = parts.sessions.user(identity).name
        spec, rules = map_spec(message.spec, parts.config.path_rules)
        checked = check_spec(spec, parts.config)
        lane = lane_of(spec, batch=message.batch)
        job = Job(
            job=new_job_id(),
            kind=spec.kind,
            name=checked.name,
            spec=to_map(spec),
            resolved={**self._resolved(checked), RULES: kept_rules(rules)},
            ready=False,
            stage="waiting for files",
            client=parts.sessions.touch(identity),
            user=user,
            priority=message.priority,
            lane=lane,
        )
        if checked.wants:
            self.check_limits(user)
            return self._open_upload(job, checked)
        key = work_key(spec, checked, parts.config)
        same = self._same_work(key, job)
        if same is not None:
            return Submitted(job=same.job, state=same.state.value, attached=True)
        self.check_limits(user)
        stored = parts.store.add(replace(job, key=key, ready=True, stage="waiting"))
        parts.places.changed()
        return Submitted(job=stored.job, state=stored.state.value)

    def _resolved(self, checked: Checked) -> dict[str, Any]:
        config = self._parts.config
        return {
            **checked.resolved,
            "roots": [str(root) for root in config.roots],
            "inputs": checked.inputs,
            "made_for": surroundings(config),
        }

    def _open_upload(self, job: Job, checked: Checked) -> Submitted:
        parts = self._parts
        folders = {role: str(parts.spool.folder_of(job.job, role)) for role in checked.wants}
        resolved = {**job.resolved, **self._resolved(with_spooled(checked, **folders))}
        parts.spool.open(job.job, checked.wants)
        stored = parts.store.add(replace(job, resolved=resolved))
        return Submitted(job=stored.job, state=stored.state.value, wants=checked.wants)

    def check_limits(self, user: str) -> None:
        """Raise TooLarge or LimitReached when a user may have no more open jobs."""
        store, limits = self._parts.store, self._parts.config.limits
        if store.count_open() >= limits.max_open_jobs:
            raise TooLarge(f"The queue has {limits.max_open_jobs} jobs; wait until some end.")
        if store.count_open(user) >= limits.max_jobs_per_user:
            raise LimitReached(
                f"{user} has {limits.max_jobs_per_user} jobs in the queue already, as many as this"
                " server takes from one user; wait until some end."
            )

    def _same_work(self, key: str, job: Job) -> Job | None:
        """Return the job to join instead of ``job``; one that was broken off is queued again."""
        parts = self._parts
        same = parts.store.same_work(key)
        if same is not None:
            return same
        failed = parts.store.failed_work(key, job.user, BROKEN_OFF)
        if failed is None or not self.can_go_on(failed):
            return None
        self.check_limits(job.user)
        return parts.store.revive(
            failed,
            # The paths are the same, as the key is; who confines them now is this server.
            resolved={**failed.resolved, "roots": job.resolved["roots"]},
            client=job.client,
            priority=job.priority,
            lane=job.lane,
            checkpoint=self.checkpoint_of(failed),
        )

    def can_go_on(self, job: Job) -> bool:
        """Return whether what a job was sent is there, and made for a server like this one."""
        parts = self._parts
        made_for = job.resolved.get("made_for") == surroundings(parts.config)
        return made_for and bool(job.key) and parts.spool.has_uploads(job)

    def checkpoint_of(self, job: Job) -> str:
        """Return a job's checkpoint if it is there still; else empty: it begins anew."""
        folder = self._parts.spool.folder_of(job.job, "state")
        there = job.checkpoint and (folder / job.checkpoint).is_file()
        return job.checkpoint if there else ""

    def put(self, identity: bytes, message: PutFile | PutPixels) -> Later:
        """Have a file or a frame stored; a full disk fails the job, a wrong checksum does not."""
        self._own_upload(identity, message.job)
        spool = self._parts.spool
        if isinstance(message, PutFile):
            return Later(message.job, partial(spool.put_file, message), self._received(message.job))
        return Later(message.job, partial(spool.put_pixels, message), self._received(message.job))

    def _received(self, name: str) -> Callable[[Future[int]], Message]:
        def reply(written: Future[int]) -> Message:
            parts = self._parts
            if not parts.spool.is_open(name):  # the job has ended meanwhile
                job = parts.store.find(name)
                parts.spool.close(job)
                raise _waits_for_nothing(job)
            try:
                return Received(job=name, count=written.result())
            except (JobFailed, InternalError) as problem:
                parts.runner.fail(name, problem)
                raise

        return reply

    def end_upload(self, identity: bytes, message: EndUpload) -> Message:
        """Queue a job whose files are there, or join the same work."""
        parts = self._parts
        job = self._own_upload(identity, message.job)
        uploads = parts.spool.finish(job.job)
        spec = from_map(_spec_class(job.kind), {k: v for k, v in job.spec.items() if k != "kind"})
        roles = dict.fromkeys(parts.spool.roles_of(job), "sent")
        resolved = {**job.resolved, **roles, "roots": None, "made_for": None, RULES: None}
        checked = Checked(job.name, resolved, job.resolved.get("inputs", {}))
        key = work_key(spec, checked, parts.config, uploads)
        same = self._same_work(key, job)
        if same is not None:
            parts.store.move(
                job.job, State.CANCELLED, message=f"The same work is job {same.job} already."
            )
            parts.spool.discard(job.job)
            return Submitted(job=same.job, state=same.state.value, attached=True)
        queued = parts.store.change(job.job, key=key, ready=True, stage="waiting")
        parts.places.changed()
        return Submitted(job=queued.job, state=queued.state.value)

    def _own_upload(self, identity: bytes, name: str) -> Job:
        """Return a job that waits for this client's files. Raises WrongState."""
        parts = self._parts
        job = parts.store.find(name)
        mine = job.client == parts.sessions.touch(identity)
        user = parts.sessions.user(identity)
        mine = mine and (not user.proven or user.name == job.user)
        if job.ready or not mine or not parts.spool.is_open(name):
            raise _waits_for_nothing(job)
        return job

    def left(self, client: str) -> None:
        """Fail the jobs that wait for the files of a client that said goodbye."""
        for job in self._waiting():
            if job.client == client:
                self._give_up(job)

    def look(self) -> None:
        """Fail the jobs whose clients have been away for too long to send the rest."""
        config, now = self._parts.config, self._clock()
        patience = 0.0 if config.private else config.timing.upload_patience
        away = [job for job in self._waiting() if job.client not in self._parts.sessions]
        self._absent = {job.job: self._absent.get(job.job, now) for job in away}
        for job in away:
            if now - self._absent[job.job] >= patience:
                self._give_up(job)

    def _waiting(self) -> list[Job]:
        return [job for job in self._parts.store.open_jobs() if not job.ready]

    def _give_up(self, job: Job) -> None:
        self._parts.runner.fail(
            job.job,
            JobFailed("The client left before all files were sent; submit the job again."),
        )


def _waits_for_nothing(job: Job) -> WrongState:
    return WrongState(f"Job {job.job} is {job.state.value} and waits for no files of yours.")


def check_can_run(job: Job, parts: Parts) -> None:
    """Raise WrongState unless this server could run a job that another one accepted."""
    if not can_run(job, parts.config):
        raise WrongState(
            f"Job {job.job} was made for a server with another backbone, spool or roots; submit it"
            " again instead."
        )


def _spec_class(kind: str) -> type[Spec]:
    return cast("type[Spec]", Spec.variants[kind])
