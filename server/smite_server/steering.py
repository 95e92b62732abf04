"""What may be done to a job there is: cancel, pause, resume, retry, reorder.

Where connections prove their users, only a job's own user and the server's admins may.
"""

from __future__ import annotations

from dataclasses import replace

from smite_protocol.errors import NotAuthorised, WrongState
from smite_protocol.messages import (
    Cancel,
    JobReply,
    Message,
    Pause,
    Reorder,
    Resume,
    Retry,
)

from .jobs import Job, State
from .parts import Parts
from .queue import Waiting, ranks_with
from .submitting import Submitting, check_can_run


class Steering:
    """Changes jobs at the wish of their users. All methods raise UnknownJob, NotAuthorised."""

    def __init__(self, parts: Parts, submitting: Submitting) -> None:
        self._parts = parts
        self._submitting = submitting

    def cancel(self, identity: bytes, message: Cancel) -> Message:
        """Stop a job. Raises WrongState when it has ended, or another server has it."""
        job = self._allowed(identity, message.job, "cancel")
        self._parts.orphans.claim(job)
        job = self._own(identity, message.job, "cancel")
        return self._reply(self._parts.runner.cancel(job))

    def pause(self, identity: bytes, message: Pause) -> Message:
        """Stop a job for a while. Raises WrongState when it has ended or is paused."""
        job = self._own(identity, message.job, "pause")
        if job.state is State.RUNNING:
            return self._reply(self._parts.runner.pause(job))
        if job.state is not State.QUEUED:
            raise WrongState(f"Job {job.job} is {job.state.value} and cannot be paused.")
        return self._reply(self._parts.store.move(job.job, State.PAUSED))

    def resume(self, identity: bytes, message: Resume) -> Message:
        """Queue a paused job again, where it was. Raises WrongState when it is not paused."""
        job = self._own(identity, message.job, "resume")
        if job.state is not State.PAUSED:
            raise WrongState(f"Job {job.job} is {job.state.value}; only a paused one is resumed.")
        stage = "waiting" if job.ready else "waiting for files"
        return self._reply(
            self._parts.store.move(job.job, State.QUEUED, stage=stage, seconds_left=None)
        )

    def retry(self, identity: bytes, message: Retry) -> Message:
        """Queue a failed or cancelled job again; a failed one goes on where it was.

        Raises WrongState when it cannot be, LimitReached.
        """
        parts, job = self._parts, self._allowed(identity, message.job, "retry")
        if job.state not in (State.FAILED, State.CANCELLED):
            raise WrongState(
                f"Job {job.job} is {job.state.value}; only a failed or cancelled one is tried"
                " again."
            )
        check_can_run(job, parts)
        if not self._submitting.can_go_on(job):
            raise WrongState(
                f"The files of job {job.job} are not on the server any more; submit it again."
            )
        same = parts.store.same_work(job.key)
        if same is not None:
            raise WrongState(f"The same work is job {same.job} already, which is {same.state}.")
        self._submitting.check_limits(job.user)
        again = parts.store.revive(job, checkpoint=self._submitting.checkpoint_of(job))
        if again is None:
            raise WrongState(f"Job {job.job} was taken up elsewhere at this moment; look again.")
        return self._reply(again)

    def reorder(self, identity: bytes, message: Reorder) -> Message:
        """Give a job another priority, or another place among its user's equal ones.

        Raises WrongState when it has ended, or the other job does not wait among its equals.
        """
        store, job = self._parts.store, self._own(identity, message.job, "reorder")
        if job.state.final:
            raise WrongState(f"Job {job.job} is {job.state.value}; it has no place in the queue.")
        target = job if message.priority is None else replace(job, priority=message.priority)
        ranks = {} if message.before is None else self._ranks(target, message.before)
        if target != job:
            store.change(job.job, priority=target.priority)
        store.rank(ranks)
        return self._reply(store.find(job.job))

    def _ranks(self, job: Job, before: str) -> dict[str, float]:
        equals = self._parts.store.equals(job)
        names = {found.job for found in equals} - {job.job}
        if job.state is not State.QUEUED or before not in {"", *names}:
            raise WrongState(
                f"Job {job.job} cannot be put before {before or 'all others'}: both must wait in"
                " the queue, of one user, in one lane and of one priority."
            )
        moved = Waiting(job.job, job.user, job.lane, job.priority, job.rank)
        return ranks_with(moved, equals, before)

    def _own(self, identity: bytes, name: str, verb: str) -> Job:
        """Return a job that is this server's, or ended. Raises WrongState."""
        job = self._allowed(identity, name, verb)
        if job.server != self._parts.store.server and not job.state.final:
            raise WrongState(
                f"Job {job.job} belongs to another server ({job.server}); {verb} it there."
            )
        return job

    def _allowed(self, identity: bytes, name: str, verb: str) -> Job:
        """Return a job that this user may change. Raises NotAuthorised."""
        self._parts.orphans.look()
        job = self._parts.store.find(name)
        user = self._parts.sessions.user(identity)
        if user.proven and user.name not in {job.user, *self._parts.config.admins}:
            raise NotAuthorised(
                f"Job {job.job} is {job.user or 'somebody else'}'s; only they and the server's"
                f" admins may {verb} it."
            )
        return job

    def _reply(self, job: Job) -> JobReply:
        self._parts.places.changed()
        return JobReply(info=self._parts.info(job))
