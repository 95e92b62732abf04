"""What the server does with each request: one method per message, each returns the reply."""

# ruff: noqa: ARG002  (all handlers are called alike)

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from smite_protocol.errors import (
    BadMessage,
    InternalError,
    JobFailed,
    NotAuthorised,
    ServerStopped,
    TooLarge,
    WrongState,
)
from smite_protocol.fields import from_map, to_map
from smite_protocol.messages import (
    PROTOCOL_MAX,
    Acknowledge,
    Alive,
    Cancel,
    EndUpload,
    GetJob,
    Goodbye,
    Heartbeat,
    Hello,
    JobList,
    JobReply,
    ListJobs,
    ListModels,
    Message,
    ModelList,
    PutFile,
    PutPixels,
    Received,
    Spec,
    Submit,
    Submitted,
    Unwatch,
    Watch,
    Welcome,
)

from . import __version__
from .checks import Checked, check_spec, with_spooled, work_key
from .config import ServerConfig
from .jobs import Job, State, new_job_id
from .logs import name_in_log
from .models import list_models
from .registry import is_alive
from .runner import Runner
from .sessions import Sessions
from .spool import Spool
from .store import Store
from .watchers import Watchers

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Parts:
    """The parts of a server that requests work on."""

    config: ServerConfig
    store: Store
    spool: Spool
    runner: Runner
    sessions: Sessions
    watchers: Watchers


class Handlers:
    """Dispatches requests. All methods raise `SmiteError` kinds, which become error replies."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: dict[type[Message], Callable[[bytes, Any], Message | None]] = {
            Hello: self.hello,
            Submit: self.submit,
            PutFile: self.put,
            PutPixels: self.put,
            EndUpload: self.end_upload,
            Watch: self.watch,
            Unwatch: self.unwatch,
            Acknowledge: self.acknowledge,
            Cancel: self.cancel,
            GetJob: self.get_job,
            ListJobs: self.list_jobs,
            ListModels: self.list_models,
            Heartbeat: self.heartbeat,
            Goodbye: self.goodbye,
        }

    def handle(self, identity: bytes, message: Message) -> Message | None:
        """Do what ``message`` asks; return the reply, None for notices."""
        handler = self._known.get(type(message))
        if handler is None:
            raise BadMessage(f"A client does not send {message.type!r}.")
        if not isinstance(message, Hello):
            name_in_log(client=self._parts.sessions.touch(identity))
        return handler(identity, message)

    def hello(self, identity: bytes, message: Hello) -> Message:
        """Open a session. Raises NotAuthorised for a wrong token."""
        config = self._parts.config
        if config.token and not secrets.compare_digest(message.token, config.token):
            raise NotAuthorised(
                "This server is private to the command that started it; start your own with"
                " `smite serve`."
            )
        version = min(PROTOCOL_MAX, message.protocol_max)
        self._parts.sessions.open(identity, message.client, version)
        return Welcome(
            protocol=version,
            server_version=__version__,
            server=self._parts.store.server,
            backbone=config.backbone,
            device=config.device,
            roots=tuple(str(root) for root in config.roots),
            private=config.private,
            max_file_bytes=config.limits.max_file_bytes,
            max_frames=config.limits.max_frames,
            max_upload_bytes=config.limits.max_upload_bytes,
            heartbeat_seconds=config.timing.heartbeat,
            client_timeout_seconds=config.timing.client_timeout,
        )

    def submit(self, identity: bytes, message: Submit) -> Message:
        """Check a spec and queue it; the same work, if unfinished, is joined."""
        parts = self._parts
        if len(parts.store.open_jobs()) >= parts.config.limits.max_open_jobs:
            raise TooLarge(
                f"The queue has {parts.config.limits.max_open_jobs} jobs; wait until some end."
            )
        checked = check_spec(message.spec, parts.config)
        key = "" if checked.wants else work_key(message.spec, checked, parts.config)
        same = parts.store.same_work(key) if key else None
        if same is not None:
            return Submitted(job=same.job, state=same.state.value, attached=True)
        job = self._new_job(message.spec, checked, key, parts.sessions.touch(identity))
        return Submitted(job=job.job, state=job.state.value, wants=checked.wants)

    def _new_job(self, spec: Spec, checked: Checked, key: str, client: str) -> Job:
        parts = self._parts
        name = new_job_id()
        if checked.wants:
            parts.spool.open(name, checked.wants)
            folders = {role: str(parts.spool.folder_of(name, role)) for role in checked.wants}
            checked = with_spooled(checked, **folders)
        roots = [str(root) for root in parts.config.roots]
        return parts.store.add(
            Job(
                job=name,
                kind=spec.kind,
                name=checked.name,
                spec=to_map(spec),
                resolved={**checked.resolved, "roots": roots, "inputs": checked.inputs},
                key=key,
                ready=bool(key),
                stage="waiting" if key else "waiting for files",
                client=client,
            )
        )

    def put(self, identity: bytes, message: PutFile | PutPixels) -> Message:
        """Store a file or a frame; a full disk fails the job."""
        self._own_upload(identity, message.job)
        try:
            if isinstance(message, PutFile):
                count = self._parts.spool.put_file(message)
            else:
                count = self._parts.spool.put_pixels(message)
        except (JobFailed, InternalError) as problem:
            self._parts.runner.fail(message.job, problem)
            raise
        return Received(job=message.job, count=count)

    def end_upload(self, identity: bytes, message: EndUpload) -> Message:
        """Queue a job whose files are there; the same work, if unfinished, is joined."""
        parts = self._parts
        job = self._own_upload(identity, message.job)
        uploads = parts.spool.finish(job.job)
        spec = from_map(_spec_class(job.kind), {k: v for k, v in job.spec.items() if k != "kind"})
        inputs = job.resolved.get("inputs", {})
        roles: dict[str, Any] = {role: "sent" for role in ("plate", "refs") if role in job.resolved}
        checked = Checked(job.name, {**job.resolved, **roles}, inputs)
        key = work_key(spec, checked, parts.config, uploads)
        same = parts.store.same_work(key)
        if same is not None:
            parts.store.move(
                job.job, State.CANCELLED, message=f"The same work is job {same.job} already."
            )
            parts.spool.remove(job.job, outputs=True)
            return Submitted(job=same.job, state=same.state.value, attached=True)
        queued = parts.store.change(job.job, key=key, ready=True, stage="waiting")
        return Submitted(job=queued.job, state=queued.state.value)

    def _own_upload(self, identity: bytes, name: str) -> Job:
        """Return a job that waits for this client's files. Raises WrongState."""
        job = self._parts.store.find(name)
        mine = job.client == self._parts.sessions.touch(identity)
        if job.ready or not mine or not self._parts.spool.is_open(name):
            raise WrongState(f"Job {name} is {job.state.value} and waits for no files of yours.")
        return job

    def watch(self, identity: bytes, message: Watch) -> Message:
        """Start telling of a job; the events follow the reply."""
        self.fail_orphans()
        job = self._parts.store.find(message.job)
        self._parts.watchers.add(identity, message.job, message.after)
        return JobReply(info=job.info(with_result=False))

    def unwatch(self, identity: bytes, message: Unwatch) -> None:
        """Stop telling."""
        self._parts.watchers.remove(identity, message.job)

    def acknowledge(self, identity: bytes, message: Acknowledge) -> None:
        """Note how far a watcher is."""
        self._parts.watchers.acknowledge(identity, message.job, message.seq)

    def cancel(self, identity: bytes, message: Cancel) -> Message:
        """Stop a job. Raises UnknownJob, WrongState."""
        self.fail_orphans()
        job = self._parts.store.find(message.job)
        if job.server != self._parts.store.server and not job.state.final:
            raise WrongState(
                f"Job {job.job} belongs to another server ({job.server}); cancel it there."
            )
        return JobReply(info=self._parts.runner.cancel(job).info(with_result=False))

    def get_job(self, identity: bytes, message: GetJob) -> Message:
        """Return one job."""
        self.fail_orphans()
        return JobReply(info=self._parts.store.find(message.job).info())

    def list_jobs(self, identity: bytes, message: ListJobs) -> Message:
        """Return the jobs of all servers, newest first."""
        self.fail_orphans()
        found = self._parts.store.list_jobs(ended=message.all, limit=message.limit)
        return JobList(jobs=tuple(job.info(with_result=False) for job in found))

    def list_models(self, identity: bytes, message: ListModels) -> Message:
        """Return the part models."""
        return ModelList(models=list_models(self._parts.config.models_folder))

    def heartbeat(self, identity: bytes, message: Heartbeat) -> Message:
        """Answer a heartbeat."""
        return Alive()

    def goodbye(self, identity: bytes, message: Goodbye) -> None:
        """End a client's session."""
        self.drop_client(self._parts.sessions.touch(identity))

    def drop_client(self, client: str) -> None:
        """Forget a client; jobs that still wait for its files fail, all others go on."""
        for identity in self._parts.sessions.close(client):
            self._parts.watchers.drop(identity)
        for job in self._parts.store.open_jobs():
            if job.client == client and not job.ready:
                self._parts.runner.fail(
                    job.job,
                    JobFailed("The client left before all files were sent; submit the job again."),
                )

    def fail_orphans(self) -> None:
        """Fail the unfinished jobs of servers that have gone."""
        alive: dict[str, bool] = {}
        for job in self._parts.store.open_jobs(own=False):
            if not alive.setdefault(job.server, is_alive(job.server)):
                reason = "The server of this job ended before the job did; submit it again."
                with suppress(InternalError):  # another server was quicker
                    self._parts.store.move(
                        job.job, State.FAILED, error=ServerStopped.code, message=reason
                    )


def _spec_class(kind: str) -> type[Spec]:
    return cast("type[Spec]", Spec.variants[kind])
