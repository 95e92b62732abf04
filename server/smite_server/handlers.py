"""What the server does with each request: one method per message, each returns the reply."""

# ruff: noqa: ARG002  (all handlers are called alike)

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from smite_protocol.errors import BadMessage, NotAuthorised
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
    Pause,
    PutFile,
    PutPixels,
    Reorder,
    Resume,
    Retry,
    Submit,
    Unwatch,
    Watch,
    Welcome,
)

from . import __version__
from .logs import name_in_log
from .models import list_models
from .parts import Parts
from .path_mapping import roots_for_clients
from .sessions import NOBODY_KNOWN, User
from .steering import Steering
from .submitting import Submitting
from .watchers import cleared, sends_bytes
from .writing import Later

MAX_ROOTS = 256
"""As many as `welcome` may name."""


class Handlers:
    """Dispatches requests. All methods raise `SmiteError` kinds, which become error replies."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._submitting = Submitting(parts)
        steering = Steering(parts, self._submitting)
        self._known: dict[type[Message], Callable[[bytes, Any], Message | Later | None]] = {
            Submit: self._submitting.submit,
            PutFile: self._submitting.put,
            PutPixels: self._submitting.put,
            EndUpload: self._submitting.end_upload,
            Cancel: steering.cancel,
            Pause: steering.pause,
            Resume: steering.resume,
            Retry: steering.retry,
            Reorder: steering.reorder,
            Watch: self.watch,
            Unwatch: self.unwatch,
            Acknowledge: self.acknowledge,
            GetJob: self.get_job,
            ListJobs: self.list_jobs,
            ListModels: self.list_models,
            Heartbeat: self.heartbeat,
            Goodbye: self.goodbye,
        }

    def handle(self, identity: bytes, message: Message, user: str = "") -> Message | Later | None:
        """Do what ``message`` asks; return the reply, one for later, or None for notices.

        ``user`` is the one whose key the connection has; empty where connections have none.
        """
        if isinstance(message, Hello):
            return self.hello(identity, message, user)
        handler = self._known.get(type(message))
        if handler is None:
            raise BadMessage(f"A client does not send {message.type!r}.")
        client = self._parts.sessions.touch(identity, user)
        name_in_log(client=client, user=self._parts.sessions.user(identity).name)
        return handler(identity, message)

    def hello(self, identity: bytes, message: Hello, proven: str) -> Message:
        """Open a session. Raises NotAuthorised for a wrong token, or another user's client id."""
        config = self._parts.config
        if config.token and not secrets.compare_digest(message.token, config.token):
            raise NotAuthorised(
                "This server is private to the command that started it; start your own with"
                " `smite serve`."
            )
        version = min(PROTOCOL_MAX, message.protocol_max)
        user = User(proven, True) if proven else User(message.user.strip() or NOBODY_KNOWN)
        self._parts.sessions.open(identity, message.client, version, user)
        return Welcome(
            protocol=version,
            server_version=__version__,
            server=self._parts.store.server,
            backbone=config.backbone,
            device=config.device,
            roots=roots_for_clients(config.roots, config.path_rules)[:MAX_ROOTS],
            private=config.private,
            user=user.name,
            max_file_bytes=config.limits.max_file_bytes,
            max_frames=config.limits.max_frames,
            max_upload_bytes=config.limits.max_upload_bytes,
            heartbeat_seconds=config.timing.heartbeat,
            client_timeout_seconds=config.timing.client_timeout,
        )

    def watch(self, identity: bytes, message: Watch) -> Message:
        """Start telling of a job; the events follow the reply.

        Raises PathMissing when mattes that it would tell of have been cleared away.
        """
        parts = self._parts
        parts.orphans.look()
        job = parts.store.find(message.job)
        missing = sends_bytes(job) and not parts.spool.folder_of(job.job, "out").is_dir()
        if missing and parts.store.mattes_after(job.job, message.after, 1):
            raise cleared(job.job)
        parts.watchers.add(identity, message.job, message.after, message.credit)
        return JobReply(info=parts.info(job))

    def unwatch(self, identity: bytes, message: Unwatch) -> None:
        """Stop telling."""
        self._parts.watchers.remove(identity, message.job)

    def acknowledge(self, identity: bytes, message: Acknowledge) -> None:
        """Note how far a watcher is."""
        self._parts.watchers.acknowledge(identity, message.job, message.seq)

    def get_job(self, identity: bytes, message: GetJob) -> Message:
        """Return one job."""
        self._parts.orphans.look()
        return JobReply(
            info=self._parts.info(self._parts.store.find(message.job), with_result=True)
        )

    def list_jobs(self, identity: bytes, message: ListJobs) -> Message:
        """Return the jobs of all servers, newest first."""
        self._parts.orphans.look()
        found = self._parts.store.list_jobs(ended=message.all, limit=message.limit)
        return JobList(jobs=tuple(self._parts.info(job) for job in found))

    def list_models(self, identity: bytes, message: ListModels) -> Message:
        """Return the part models."""
        return ModelList(models=list_models(self._parts.config.models_folder))

    def heartbeat(self, identity: bytes, message: Heartbeat) -> Message:
        """Answer a heartbeat."""
        return Alive()

    def goodbye(self, identity: bytes, message: Goodbye) -> None:
        """End a client's session; it will not send the rest of its files."""
        client = self._parts.sessions.touch(identity)
        self.drop_client(client)
        self._submitting.left(client)

    def drop_client(self, client: str) -> None:
        """Forget a client; its jobs go on, and those that lack files wait for it for a while."""
        for identity in self._parts.sessions.close(client):
            self._parts.watchers.drop(identity)

    def look_after_uploads(self) -> None:
        """Fail the jobs whose clients have been away for too long; call it now and then."""
        self._submitting.look()
