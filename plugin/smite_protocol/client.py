"""The client: one connection to a server, blocking calls, events as an iterator.

    with Client("tcp://127.0.0.1:5771") as client:
        job = client.submit(SegmentSpec(model="horse", plate="/shots/a.####.exr", out="/mattes"))
        for event in client.watch(job):
            ...

A client belongs to the thread that uses it; a thread of its own sends the heartbeats.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from types import TracebackType
from typing import Iterable, Iterator, Optional, Tuple, Type, TypeVar, Union

from .connection import Connection, Identity
from .endpoints import DEFAULT_ENDPOINT, check_endpoint
from .errors import BadInput, BadMessage, NotGreeted, SmiteError, TooLarge
from .events import Event, Finished, MatteReady
from .heartbeat import HeartbeatThread
from .records import JobInfo, Message, ModelInfo
from .replies import JobList, JobReply, ModelList, Received, Submitted, Welcome
from .requests import (
    Acknowledge,
    Cancel,
    EndUpload,
    GetJob,
    Goodbye,
    ListJobs,
    ListModels,
    Pause,
    PutFile,
    PutPixels,
    Reorder,
    Resume,
    Retry,
    Submit,
    Unwatch,
    Watch,
)
from .specs import Spec
from .uploads import WireFile, WireFrame

HELLO_TIMEOUT = 4.0
REQUEST_TIMEOUT = 60.0
Reply = TypeVar("Reply", bound=Message)


class Client:
    """A connection to a SMITE server.

    ``timeout`` bounds the wait for the first answer, in seconds; ``token`` is the secret of a
    private server; ``name`` appears in the server's log.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        timeout: float = HELLO_TIMEOUT,
        token: str = "",
        name: str = "smite client",
    ) -> None:
        self.endpoint = check_endpoint(endpoint)
        self._timeout = timeout
        self._identity = Identity(secrets.token_hex(8), name, token)
        self._connection: Optional[Connection] = None
        self._heartbeat: Optional[HeartbeatThread] = None
        self._server: Optional[Welcome] = None

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
        if self._server is not None:
            return self._server
        connection = Connection(self.endpoint, self._identity)
        try:
            self._server = connection.greet(self._timeout)
            self._heartbeat = HeartbeatThread(self.endpoint, self._identity, self._server)
            connection.pulse = self._heartbeat.pulse
            self._heartbeat.start()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return self._server

    def close(self) -> None:
        """Say goodbye and disconnect; jobs go on. May be called twice."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        if self._connection is not None:
            self._connection.send(Goodbye())
            self._connection.close()
            self._connection = None
        self._server = None

    @property
    def server(self) -> Welcome:
        """What the server said of itself."""
        return self.connect()

    def submit(
        self,
        spec: Spec,
        *,
        plate: Optional[Iterable[Union[WireFile, WireFrame]]] = None,
        references: Optional[Iterable[WireFile]] = None,
    ) -> str:
        """Ask for a job and return its id.

        Give ``plate`` or ``references`` when the spec names no path for them; they are sent, one
        by one, and the job is queued. Leave them out to call `send_frames`, `send_references` and
        `end_upload` yourself. A job that is in the queue already is not made again: its id comes
        back. Raises BadInput kinds when the server refuses it.
        """
        reply = self._ask(Submit(spec=spec), Submitted)
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
        except BaseException:
            with suppress(SmiteError):
                self.cancel(reply.job)
            raise

    def send_frames(self, job: str, frames: Iterable[Union[WireFile, WireFrame]]) -> int:
        """Send a plate, as files or as pixels; return how many.

        Each is acknowledged before the next is read, so memory does not grow.
        """
        return self._send_all(job, "plate", frames)

    def send_references(self, job: str, files: Iterable[WireFile]) -> int:
        """Send reference files; return how many."""
        return self._send_all(job, "refs", files)

    def end_upload(self, job: str) -> str:
        """Say that everything is sent; return the job to watch.

        It is another one when the same job was in the queue already.
        """
        return self._ask(EndUpload(job=job), Submitted).job

    def watch(self, job: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the events of a job until it has ended; the last one is `Finished`.

        Who comes late gets the mattes there are first (those with ``seq`` above ``after``).
        Raises UnknownJob, ServerLost.
        """
        connection = self._connected()
        connection.forgotten()
        self._ask(Watch(job=job, after=after), JobReply)
        seen = after
        try:
            while True:
                event = connection.next_event(job)
                if event is None:
                    if connection.forgotten():
                        self._ask(Watch(job=job, after=seen), JobReply)
                    continue
                if isinstance(event, MatteReady):
                    if event.seq <= seen:
                        continue
                    seen = event.seq
                yield event
                if isinstance(event, MatteReady):
                    connection.send(Acknowledge(job=job, seq=seen))
                if isinstance(event, Finished):
                    return
        finally:
            connection.drop_events(job)
            if self._connection is connection:
                connection.send(Unwatch(job=job))

    def wait(self, job: str) -> Finished:
        """Wait until a job has ended and return its last event; raises the job's error."""
        for event in self.watch(job):
            if isinstance(event, Finished):
                event.raise_for_state()
                return event
        raise BadMessage(f"The events of job {job} ended without a final state.")

    def cancel(self, job: str) -> JobInfo:
        """Stop a job; returns at once. Raises UnknownJob, WrongState when it has ended."""
        return self._ask(Cancel(job=job), JobReply).info

    def pause(self, job: str) -> JobInfo:
        """Stop a job for a while, a running one after its window. Raises UnknownJob, WrongState."""
        return self._ask(Pause(job=job), JobReply).info

    def resume(self, job: str) -> JobInfo:
        """Put a paused job back into the queue. Raises UnknownJob, WrongState."""
        return self._ask(Resume(job=job), JobReply).info

    def retry(self, job: str) -> JobInfo:
        """Queue a failed or cancelled job again; what it has finished is kept.

        Raises UnknownJob, WrongState.
        """
        return self._ask(Retry(job=job), JobReply).info

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

    def _connected(self) -> Connection:
        self.connect()
        assert self._connection is not None
        return self._connection

    def _ask(self, message: Message, expected: Type[Reply]) -> Reply:
        """Send a request and return its reply; greets again when the server forgot us."""
        connection = self._connected()
        try:
            reply = connection.ask(message, REQUEST_TIMEOUT)
        except NotGreeted:
            connection.greet(self._timeout)
            reply = connection.ask(message, REQUEST_TIMEOUT)
        if not isinstance(reply, expected):
            raise BadMessage(f"The server answered {message.type} with {reply.type}.")
        return reply

    def _send_all(self, job: str, role: str, frames: Iterable[Union[WireFile, WireFrame]]) -> int:
        count = 0
        for entry in frames:
            request = _put_request(job, role, entry)
            size = memoryview(request.data or b"").nbytes
            if size > self.server.max_file_bytes:
                name = request.path if isinstance(request, PutFile) else f"frame {request.frame}"
                raise TooLarge(
                    f"{name} has {size} bytes; this server takes {self.server.max_file_bytes} at"
                    " most, so let it read the file by path (--root)."
                )
            self._ask(request, Received)
            count += 1
        return count


def _put_request(
    job: str, role: str, entry: Union[WireFile, WireFrame]
) -> Union[PutFile, PutPixels]:
    if isinstance(entry, WireFile):
        return PutFile(job=job, part_of=role, path=entry.name, data=entry.read())
    return PutPixels(
        job=job,
        frame=entry.frame,
        shape=entry.shape,
        dtype=entry.dtype,
        geometry=entry.windows,
        colour_space=entry.colour_space,
        data=memoryview(entry.data).cast("B"),
    )
