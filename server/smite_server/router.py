"""The server's loop: requests in, replies and events out, the workers in between.

One thread, one poll; nothing here waits for anything else, so heartbeats are always answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import structlog
import zmq

from smite_protocol.endpoints import is_ipv6
from smite_protocol.errors import (
    BadInput,
    InternalError,
    NotAuthorised,
    NotGreeted,
    SmiteError,
)
from smite_protocol.messages import (
    ErrorReply,
    Message,
)
from smite_protocol.wire import (
    MAX_HEADER_BYTES,
    ZERO_COPY_BYTES,
    Buffer,
    decode_header,
    decode_message,
    encode,
)

from .config import ServerConfig
from .guard import Guard, Peer
from .handlers import Handlers
from .logs import log_context, name_in_log
from .metrics import Metrics
from .orphans import Orphans
from .parts import Parts
from .queue import Places
from .refusals import check_version, tried
from .retention import RetentionThread
from .runner import Runner
from .sessions import Sessions
from .spool import Spool
from .store import Store
from .watchers import AHEAD_WITH_BYTES, Watchers
from .writing import Later, Request, Writing

log = structlog.get_logger(__name__)

POLL_MILLISECONDS = 100
REQUESTS_PER_TURN = 64
RECEIVE_AHEAD = 16
SEND_AHEAD = AHEAD_WITH_BYTES + 16
"""Messages that wait for a client that does not read, whatever it claims to have used."""
FOREIGN_SECONDS = 0.5
"""How often watched jobs of other servers are looked up in the store."""


class Router:
    """A bound server; `run` serves until ``stopping`` says so or a private server is done."""

    def __init__(self, config: ServerConfig, server: str) -> None:
        self._config = config
        self.metrics = Metrics()
        self._store = Store(
            config.store_file,
            server,
            private=config.private,
            max_running_per_user=config.limits.max_running_per_user,
        )
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        spool = Spool(config.spool_folder, config.limits)
        self._sessions = Sessions(config.limits.max_clients)
        places = Places(self._store.places)
        self._watchers = Watchers(
            self._store, self._send, places.ahead, config.limits.matte_credit_bytes
        )
        try:
            self._guard = Guard(config, self._context)
        except BaseException:
            self._context.destroy(linger=0)
            self._store.close()
            raise
        try:
            self._socket = self._bind(self._guard)
            self._runner = Runner(config, self._store, spool, self._context, self._changed)
        except BaseException:
            self._guard.close()
            self._context.destroy(linger=0)
            self._store.close()
            raise
        self._orphans = Orphans(config, self._store, spool)
        self._handlers = Handlers(
            Parts(
                config=config,
                store=self._store,
                spool=spool,
                runner=self._runner,
                sessions=self._sessions,
                watchers=self._watchers,
                orphans=self._orphans,
                places=places,
            )
        )
        self._writing = Writing(
            self._context, config.limits.write_ahead_bytes, self._handle, self._answer
        )
        self._retention = RetentionThread(config)
        self._looked = 0.0
        self._looked_for_orphans = 0.0
        self._begun = time.monotonic()

    @property
    def endpoint(self) -> str:
        """The endpoint it is bound to, with the real port."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    @property
    def served(self) -> dict[str, int]:
        """When each user's last job was begun; for any thread."""
        return dict(self._store.served)

    def _bind(self, guard: Guard) -> zmq.Socket[bytes]:
        config = self._config
        bound = self._context.socket(zmq.ROUTER)
        bound.setsockopt(zmq.LINGER, 500)
        bound.setsockopt(zmq.ROUTER_MANDATORY, 1)
        bound.setsockopt(zmq.RCVHWM, RECEIVE_AHEAD)
        bound.setsockopt(zmq.SNDHWM, SEND_AHEAD)
        bound.setsockopt(zmq.MAXMSGSIZE, max(config.limits.max_file_bytes, MAX_HEADER_BYTES) + 1)
        bound.setsockopt(zmq.IPV6, int(is_ipv6(config.endpoint)))
        guard.secure(bound)
        try:
            bound.bind(config.endpoint)
        except zmq.ZMQError as problem:
            bound.close(linger=0)
            raise BadInput(
                f"The endpoint {config.endpoint} cannot be used ({problem.strerror}); a server may"
                " run there already, or choose another --endpoint."
            ) from problem
        return bound

    def run(self, stopping: Callable[[], int]) -> None:
        """Serve until ``stopping``, how often the server was asked to end, lets it.

        A shared server's unfinished jobs then wait for the next one, a private one's fail. Raises
        DiskFull, InternalError when the store cannot be written: what is not stored is not done,
        so the server ends, and the next one goes on from what is.
        """
        poller = zmq.Poller()
        for source in (self._writing.socket, *self._runner.sockets):
            poller.register(source, zmq.POLLIN)
        self._orphans.look()
        self._retention.start()
        try:
            while not self._runner.drained(stopping()) and not self._done():
                poller.register(self._socket, 0 if self._writing.full else zmq.POLLIN)
                poller.poll(POLL_MILLISECONDS)
                self.metrics.begin_turn()
                self._writing.look()
                self._take_requests()
                self._runner.tick()
                self._look_after_clients()
                self._tell_metrics()
        finally:
            self._close()

    def _close(self) -> None:
        self._retention.stop()
        try:
            self._writing.close()
        except SmiteError as problem:
            log.error("what was sent last is not answered", problem=problem.message)
        self._guard.close()
        try:
            self._runner.close()
        except SmiteError as problem:
            log.error("jobs could not be put back, the next server does", problem=problem.message)
            self._context.destroy(linger=0)
        self._socket.close()
        self._context.term()
        self._store.close()

    def _tell_metrics(self) -> None:
        self.metrics.end_turn(
            clients=len(self._sessions),
            watchers=len(self._watchers),
            workers=self._runner.views(),
        )

    def _take_requests(self) -> None:
        for _ in range(REQUESTS_PER_TURN):
            if self._writing.full or not self._socket.poll(0):
                return
            identity, *frames = self._socket.recv_multipart(copy=False)
            peer = self._guard.peer(identity.bytes, frames[-1])
            if not self._guard.ignores(peer):
                with log_context():
                    self._take(peer, [frame.buffer for frame in frames])

    def _take(self, peer: Peer, frames: list[Buffer]) -> None:
        """Read a request and have it done; whatever goes wrong becomes an error reply."""
        request = Request(peer, sum(memoryview(frame).nbytes for frame in frames))
        self.metrics.received(request.size)
        problem = tried(lambda: self._read(request, frames))
        if problem is None:
            self._writing.take(request)
        else:
            self._reply(request, problem)

    def _read(self, request: Request, frames: list[Buffer]) -> None:
        header = decode_header(frames)
        request.number, request.name = header.request, header.type
        self._admit(request.peer, request.name)
        check_version(header)
        largest = self._config.limits.max_file_bytes
        request.message = decode_message(header, frames, max_payload=largest)

    def _handle(self, request: Request) -> None:
        """Do what a request asks, and answer it now or when it is written."""
        message, peer = request.message, request.peer
        assert message is not None
        with log_context():
            name_in_log(request=message.type, job=request.job)
            reply = tried(lambda: self._handlers.handle(peer.identity, message, peer.user or ""))
            if isinstance(reply, Later):
                self._writing.write(request, reply)
            else:
                self._reply(request, reply)

    def _answer(self, request: Request, reply: Callable[[], Message]) -> None:
        """Answer a request that was written."""
        with log_context():
            name_in_log(request=request.name, job=request.job)
            self._reply(request, tried(reply))

    def _reply(self, request: Request, reply: Message | None) -> None:
        """Note how a request went, send the reply, tell those who watch its job."""
        message, failed = request.message, isinstance(reply, ErrorReply)
        if isinstance(reply, ErrorReply):
            self.metrics.refused(reply.code)
        self._guard.note(request.peer, request.name, message, reply)
        if reply is not None:
            self._send(request.peer.identity, reply, request.number)
        if message is not None and message.role == "request" and request.job and not failed:
            self._watchers.changed(request.job)

    def _admit(self, peer: Peer, name: str) -> None:
        """Let a message in; the session of a key that was taken from the list ends here."""
        try:
            self._guard.admit(peer, name)
        except NotAuthorised:
            with suppress(NotGreeted):
                self._handlers.drop_client(self._sessions.touch(peer.identity))
            raise

    def _changed(self, job: str) -> None:
        """Note what the worker changed in a job, and tell those who watch it."""
        self._guard.note_ended(self._store.find(job))
        self._watchers.changed(job)

    def _send(self, identity: bytes, message: Message, request: int = 0) -> bool:
        """Send without waiting; return False when the client's pipe is full or it has gone."""
        version = self._sessions.version(identity)
        try:
            frames = encode(message, request=request, version=version)
        except SmiteError as problem:
            # What a file, an engine or an old job says may be more than a message can carry.
            log.error("a message cannot be sent", type=message.type, why=problem.message)
            if not request:
                return True
            told = f"The server's answer cannot be sent ({problem.message})"
            frames = encode(
                ErrorReply(code=InternalError.code, message=told[:4096]),
                request=request,
                version=version,
            )
        large = len(frames) > 1 and memoryview(frames[1]).nbytes >= ZERO_COPY_BYTES
        try:
            self._socket.send_multipart([identity, *frames], flags=zmq.NOBLOCK, copy=not large)
        except zmq.Again:
            return False
        except zmq.ZMQError as problem:
            if problem.errno != zmq.EHOSTUNREACH:
                raise
            return False
        self.metrics.sent(sum(memoryview(frame).nbytes for frame in frames))
        return True

    def _look_after_clients(self) -> None:
        for client in self._sessions.silent(self._config.timing.client_timeout):
            log.info("client is silent", client=client)
            self._handlers.drop_client(client)
        now = time.monotonic()
        if now - self._looked >= FOREIGN_SECONDS:
            self._looked = now
            self._handlers.look_after_uploads()
            for job in self._watchers.jobs():
                self._watchers.changed(job)
        if now - self._looked_for_orphans >= self._config.timing.orphan_look:
            self._looked_for_orphans = now
            self._orphans.look()

    def _done(self) -> bool:
        """Return whether a private server has nothing and nobody left to serve."""
        if not self._config.private or len(self._sessions) or self._runner.busy:
            return False
        timing = self._config.timing
        quiet = time.monotonic() - self._sessions.last_seen
        if not self._sessions.ever:
            return quiet > timing.first_client
        return quiet > timing.private_linger and not self._store.open_jobs()
