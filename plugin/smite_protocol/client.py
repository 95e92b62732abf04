"""The client: one session with a server, blocking calls, events as an iterator.

    with Client("tcp://127.0.0.1:5771") as client:
        job = client.submit(SegmentSpec(model="horse", plate="/shots/a.####.exr", out="/mattes"))
        for event in client.watch(job):
            ...

A client belongs to the thread that uses it; a thread of its own sends the heartbeats.

No call waits for ever. `connect` answers within ``timeout``. A request ends within
``request_timeout``, also when the server is there and silent; where the server is lost it is
repeated for ``patience`` seconds more, which is safe: the server makes the same job, file or change
once. `watch` goes on over losses and ends by ServerLost once a loss outlasts the patience; a job
that runs long is no loss, the heartbeats tell the two apart.
"""

from __future__ import annotations

import getpass
import secrets
from contextlib import suppress
from types import TracebackType
from typing import Callable, Iterable, Iterator, Optional, Tuple, Type, TypeVar, Union

from .connection import Identity
from .endpoints import DEFAULT_ENDPOINT, check_endpoint
from .errors import (
    BadInput,
    BadMessage,
    ConnectionProblem,
    SmiteError,
    VersionMismatch,
    WrongState,
)
from .events import Event, Finished
from .keys import ClientKeys
from .link import Link
from .records import JobInfo, Message, ModelInfo
from .replies import JobList, JobReply, ModelList, Submitted, Welcome
from .requests import (
    Cancel,
    EndUpload,
    GetJob,
    ListJobs,
    ListModels,
    Pause,
    Reorder,
    Resume,
    Retry,
    Submit,
)
from .sending import Sending
from .specs import Spec
from .states import ConnectionStates, ConnectionStatus, OnState
from .uploads import WireFile, WireFrame
from .watching import Watching

HELLO_TIMEOUT = 4.0
REQUEST_TIMEOUT = 60.0
PATIENCE = 60.0
USER_LENGTH = 64
Reply = TypeVar("Reply", bound=Message)


class Client:
    """A session with a SMITE server, which outlives losses of the connection.

    ``timeout`` bounds the wait for the first answer, ``request_timeout`` that for any other, and
    ``patience`` how long a lost server is looked for, all in seconds; with a patience of 0, and
    with private servers, a loss is a ServerLost at once. ``token`` is the secret of a private
    server; ``name`` appears in the server's log; ``user`` is who asks (none: the login name);
    ``keys`` encrypt the connection. ``on_state`` hears of the connection's states, in the thread
    that uses the client; it must not use the client itself. Raises EndpointRefused.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        timeout: float = HELLO_TIMEOUT,
        request_timeout: float = REQUEST_TIMEOUT,
        patience: float = PATIENCE,
        token: str = "",
        name: str = "smite client",
        user: Optional[str] = None,
        keys: Optional[ClientKeys] = None,
        on_state: Optional[OnState] = None,
    ) -> None:
        self.endpoint = check_endpoint(endpoint, encrypted=keys is not None)
        self._timeout = timeout
        self._request_timeout = request_timeout
        self._patience = patience
        who = login_name() if user is None else user
        self._identity = Identity(secrets.token_hex(8), name, token, who)
        self._keys = keys
        self._states = ConnectionStates(self.endpoint, on_state)
        self._link: Optional[Link] = None

    def __enter__(self) -> Client:
        self.connect()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def connect(self) -> Welcome:
        """Greet the server and start the heartbeats; does nothing when connected.

        Raises ServerUnreachable when nothing answers in time, VersionMismatch, NotAuthorised.
        """
        return self._linked().server

    def close(self) -> None:
        """Say goodbye and disconnect, within a few seconds; jobs go on. May be called twice."""
        if self._link is not None:
            self._link.close()
            self._link = None

    @property
    def server(self) -> Welcome:
        """What the server said of itself."""
        return self.connect()

    @property
    def state(self) -> ConnectionStatus:
        """How the connection stands."""
        return self._states.status

    @property
    def on_state(self) -> Optional[OnState]:
        """Who hears of the connection's states."""
        return self._states.listener

    @on_state.setter
    def on_state(self, listener: Optional[OnState]) -> None:
        self._states.listener = listener

    def submit(
        self,
        spec: Spec,
        *,
        plate: Optional[Iterable[Union[WireFile, WireFrame]]] = None,
        references: Optional[Iterable[WireFile]] = None,
        priority: int = 0,
        batch: bool = False,
    ) -> str:
        """Ask for a job and return its id.

        Give ``plate`` or ``references`` when the spec names no path for them; they are sent, and
        the job is queued. Leave them out to call `send_frames`, `send_references` and
        `end_upload` yourself. Of jobs in one lane those of a higher ``priority`` (-100 to 100)
        run first; ``batch`` jobs run after all that somebody waits for. A job that is in the
        queue already is not made again: its id comes back. Raises BadInput kinds when the server
        refuses it, VersionMismatch when it knows neither priorities nor batches.
        """
        if (priority or batch) and self.server.protocol < 2:
            raise VersionMismatch(
                f"The server at {self.endpoint} speaks protocol {self.server.protocol}, which has"
                " no priorities and batches; install a newer smite-comp there."
            )
        reply = self._ask(Submit(spec=spec, priority=priority, batch=batch), Submitted)
        if plate is None and references is None:
            return reply.job
        given = {"plate": plate is not None, "refs": references is not None}
        try:
            for role, is_given in given.items():
                if is_given != (role in reply.wants):
                    problem = "names a path and is sent too" if is_given else "is missing"
                    raise BadInput(f"The {role} {problem}; give a path, or send it.")
            if references is not None:
                self.send_references(reply.job, references)
            if plate is not None:
                self.send_frames(reply.job, plate)
            return self.end_upload(reply.job)
        except ConnectionProblem:
            raise
        except BaseException:
            with suppress(SmiteError):
                self.cancel(reply.job)
            raise

    def send_frames(self, job: str, frames: Iterable[Union[WireFile, WireFrame]]) -> int:
        """Send a plate, as files or as pixels; return how many.

        Each is read when its turn comes. A few are on their way at once, bounded by number and
        bytes; pixels must not change until this returns.
        """
        return Sending(self._linked(), job, "plate").send_all(frames)

    def send_references(self, job: str, files: Iterable[WireFile]) -> int:
        """Send reference files; return how many."""
        return Sending(self._linked(), job, "refs").send_all(files)

    def end_upload(self, job: str) -> str:
        """Say that everything is sent; return the job to watch.

        It is another one when the same job was in the queue already.
        """
        begun = self._linked().generation
        try:
            return self._ask(EndUpload(job=job), Submitted).job
        except BadInput:
            if begun == self._linked().generation:
                raise
            # The reply may have been lost with the session: then the job waits for no files.
            info = self.job(job)
            if info.ahead is None and info.state in ("queued", "cancelled"):
                raise
            return job

    def watch(
        self,
        job: str,
        *,
        after: int = 0,
        credit: int = 0,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Yield the events of a job until it has ended; the last one is `Finished`.

        Who comes late gets the mattes there are first (those with ``seq`` above ``after``). A
        matte is acknowledged when the next event is asked for; the server sends at most
        ``credit`` bytes ahead of that (0: as it sees fit). After a loss of the server it goes on
        at the first matte that was not acknowledged. ``stop`` is asked a few times a second; once
        it is true the events end without `Finished`, and the job goes on. Raises UnknownJob,
        ServerLost, BadChecksum for a matte that comes damaged again and again.
        """
        watching = Watching(self._linked(), job, after=after, credit=credit, stop=stop)
        try:
            yield from watching.events()
        finally:
            if self._link is not None:
                watching.leave()

    def wait(self, job: str) -> Finished:
        """Wait until a job has ended and return its last event; raises the job's error."""
        for event in self.watch(job):
            if isinstance(event, Finished):
                event.raise_for_state()
                return event
        raise BadMessage(f"The events of job {job} ended without a final state.")

    def cancel(self, job: str) -> JobInfo:
        """Stop a job; returns at once. Raises UnknownJob, WrongState when it has ended."""
        return self._change(Cancel(job=job), job, ("cancelled",))

    def pause(self, job: str) -> JobInfo:
        """Stop a job for a while, a running one after its window. Raises UnknownJob, WrongState."""
        return self._change(Pause(job=job), job, ("paused",))

    def resume(self, job: str) -> JobInfo:
        """Put a paused job back into the queue. Raises UnknownJob, WrongState."""
        return self._change(Resume(job=job), job, ("queued", "running"))

    def retry(self, job: str) -> JobInfo:
        """Queue a failed or cancelled job again; what it has finished is kept.

        Raises UnknownJob, WrongState.
        """
        return self._change(Retry(job=job), job, ("queued", "running"))

    def reorder(
        self, job: str, *, priority: Optional[int] = None, before: Optional[str] = None
    ) -> JobInfo:
        """Give a job another ``priority``, or the place just ``before`` another (empty: first).

        Raises UnknownJob, WrongState.
        """
        return self._ask(Reorder(job=job, priority=priority, before=before), JobReply).info

    def job(self, job: str) -> JobInfo:
        """Return one job. Raises UnknownJob."""
        return self._ask(GetJob(job=job), JobReply).info

    def jobs(
        self,
        *,
        all: bool = True,  # noqa: A002  (the word of the protocol)
        limit: int = 200,
    ) -> Tuple[JobInfo, ...]:
        """Return the jobs, newest first; without ``all`` those that have not ended."""
        return self._ask(ListJobs(all=all, limit=limit), JobList).jobs

    def models(self) -> Tuple[ModelInfo, ...]:
        """Return the part models in the server's folder."""
        return self._ask(ListModels(), ModelList).models

    def _linked(self) -> Link:
        if self._link is None:
            self._link = Link(
                self.endpoint,
                self._identity,
                self._keys,
                self._states,
                timeout=self._timeout,
                request_timeout=self._request_timeout,
                patience=self._patience,
            )
        return self._link

    def _ask(self, message: Message, expected: Type[Reply]) -> Reply:
        """Send a request and return its reply."""
        reply = self._linked().ask(message)
        if not isinstance(reply, expected):
            raise BadMessage(f"The server answered {message.type} with {reply.type}.")
        return reply

    def _change(self, message: Message, job: str, wanted: Tuple[str, ...]) -> JobInfo:
        """Ask for another state; where that was asked twice, over a loss, having it is enough."""
        begun = self._linked().generation
        try:
            return self._ask(message, JobReply).info
        except WrongState:
            if begun == self._linked().generation:
                raise
            info = self.job(job)
            if info.state not in wanted:
                raise
            return info


def login_name() -> str:
    """Return this person's login name; empty where the system has none."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, or Windows without variables
        return ""
    return name.replace("\0", "")[:USER_LENGTH]
