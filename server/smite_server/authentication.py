"""ZAP: libzmq asks here, for every CURVE handshake, whether a public key is let in.

See https://rfc.zeromq.org/spec/27. A thread of its own, so that a busy router delays no handshake
and no refused one costs the router a turn. What it answers becomes the ``User-Id`` of every
message of that connection: the public key itself, so that the router can look the user up at each
message and a key that was taken from the list ends its live sessions too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from .allow_list import AllowList

log = structlog.get_logger(__name__)

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
MONITOR_ENDPOINT = "inproc://smite.handshakes"
ZAP_VERSION = b"1.0"
REQUEST_FRAMES = 7
"""Version, request id, domain, address, identity, mechanism, and for CURVE one public key."""
POLL_MILLISECONDS = 200
FAILURES = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL

Refused = Callable[[str, str, str], None]
"""Called with key, address and reason of a handshake that is refused."""


class Authenticator:
    """Answers the handshakes of one zmq context until it is closed.

    ``guarded`` is the server's socket: libzmq asks nobody about peers that talk without CURVE, or
    to another server's key, but its monitor tells that they failed.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        guarded: zmq.Socket[bytes],
        allowed: AllowList,
        refused: Refused,
    ) -> None:
        self._allowed = allowed
        self._refused = refused
        self._ending = threading.Event()
        self._socket = context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(ZAP_ENDPOINT)
        guarded.monitor(MONITOR_ENDPOINT, FAILURES)
        self._monitor = context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.LINGER, 0)
        self._monitor.connect(MONITOR_ENDPOINT)
        self._thread = threading.Thread(target=self._run, name="smite-zap", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Handshakes that come later are refused by libzmq."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        try:
            while not self._ending.is_set():
                ready = dict(poller.poll(POLL_MILLISECONDS))
                if self._socket in ready:
                    self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
                if self._monitor in ready:
                    self._tell(self._monitor.recv_multipart())
        finally:
            self._socket.close()
            self._monitor.close()

    def _tell(self, frames: list[bytes]) -> None:
        """Tell of a peer whose handshake failed before there was a key to judge."""
        event = parse_monitor_message(frames)["event"]
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._refused("", "", "it has no key, or one for another server")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._refused("", "", "it went away, or was too slow")

    def _answer(self, frames: list[bytes]) -> list[bytes]:
        """Return the reply to a request; whatever goes wrong, nobody is let in."""
        number = frames[1] if len(frames) > 1 else b""
        try:
            key, address = _key_of(frames)
            allowed = bool(key) and self._allowed.user_of(key, fresh=True) is not None
            if not allowed:
                self._refused(key, address, "the key is not in the allow-list")
        except Exception as problem:
            log.exception("a handshake could not be judged", type=type(problem).__name__)
            key, allowed = "", False
        status, text = (b"200", b"OK") if allowed else (b"400", b"This key is not allowed.")
        return [ZAP_VERSION, number, status, text, key.encode() if allowed else b"", b""]


def _key_of(frames: list[bytes]) -> tuple[str, str]:
    """Return public key and address of a request; an empty key where there is none to judge."""
    address = frames[3].decode("utf-8", errors="replace")[:64] if len(frames) > 3 else ""
    whole = len(frames) == REQUEST_FRAMES and frames[0] == ZAP_VERSION
    if not whole or frames[5] != b"CURVE" or len(frames[6]) != 32:
        return "", address
    return z85.encode(frames[6]).decode("ascii"), address
