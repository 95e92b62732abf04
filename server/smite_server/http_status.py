"""The HTTP port of the status page: read-only, loopback only, in threads beside the router.

It answers GET and HEAD of a few fixed addresses, to whoever is on this machine. A page of another
site cannot read it: the Host header must name this machine (DNS rebinding), there is no CORS, and
the pages' own policy allows nothing but their own files.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import structlog

from smite_protocol.errors import BadInput, SmiteError

from . import __version__
from .http_address import split_address
from .metrics import CONTENT_TYPE_LATEST
from .status_page import WEB, Answer, StatusPage

log = structlog.get_logger(__name__)

MOST_THREADS = 16
TIMEOUT_SECONDS = 5.0
MAX_TARGET = 256
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
FILES = {
    "/": ("status.html", HTML),
    "/status.css": ("status.css", "text/css; charset=utf-8"),
    "/status.js": ("status.js", "text/javascript; charset=utf-8"),
}
_JOB_TARGET = re.compile(r"/jobs/([0-9a-f]{12})/(thumb\.png|log)")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class StatusServer:
    """Serves a `StatusPage` from the moment it is made until `close`. Raises BadInput."""

    def __init__(self, address: str, page: StatusPage) -> None:
        host, port = split_address(address)
        try:
            self._server = _Server((host, port), page)
        except OSError as problem:
            raise BadInput(
                f"The status page cannot be served at {address} ({problem.strerror}); another"
                " program may be there already, choose another --http."
            ) from problem
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="status-page", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it is served, HOST:PORT with the real port."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def close(self) -> None:
        """Stop serving; answers on their way are not waited for."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_THREADS

    def __init__(self, address: tuple[str, int], page: StatusPage) -> None:
        self.page = page
        self._room = threading.BoundedSemaphore(MOST_THREADS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, as the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; with too many at work the connection is closed."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A connection that broke is no fault of ours."""
        log.debug("status page connection ended", client=str(client_address))


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = TIMEOUT_SECONDS
    server_version = f"smite/{__version__}"
    sys_version = ""
    error_message_format = "%(message)s\n"
    error_content_type = TEXT

    routes: ClassVar[dict[str, str]] = {
        "/health": "_health",
        "/metrics": "_metrics",
        "/status.json": "_status",
    }

    def do_GET(self) -> None:
        self._reply(self._answer())

    def do_HEAD(self) -> None:
        self._reply(self._answer())

    def _refuse(self) -> None:
        self._reply(_plain(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered."))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse  # noqa: N815

    def _answer(self) -> Answer:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not is_this_machine(hosts[0]):
            return _plain(
                HTTPStatus.MISDIRECTED_REQUEST,
                "Only requests for localhost or a loopback address are answered.",
            )
        target = self.path.partition("?")[0]
        try:
            return self._find(target) or _plain(HTTPStatus.NOT_FOUND, "There is no such page.")
        except Exception as problem:  # the page must not end with a traceback of ours
            log.exception("status page failed", target=target[:MAX_TARGET])
            text = problem.message if isinstance(problem, SmiteError) else type(problem).__name__
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, f"The page failed: {text}")

    def _find(self, target: str) -> Answer | None:
        if len(target) > MAX_TARGET:
            return None
        if target in FILES:
            name, kind = FILES[target]
            return Answer(HTTPStatus.OK, kind, (WEB / name).read_bytes())
        if target in self.routes:
            found: Answer = getattr(self, self.routes[target])()
            return found
        of_job = _JOB_TARGET.fullmatch(target)
        return None if of_job is None else self._of_job(of_job[1], of_job[2])

    def _of_job(self, job: str, what: str) -> Answer | None:
        page = self.server.page
        if what == "log":
            text = page.log_page(job)
            return None if text is None else Answer(HTTPStatus.OK, HTML, text.encode())
        picture = page.thumbnail(job)
        return None if picture is None else Answer(HTTPStatus.OK, "image/png", picture)

    def _health(self) -> Answer:
        health = self.server.page.health()
        status = HTTPStatus.SERVICE_UNAVAILABLE if health.reasons else HTTPStatus.OK
        return _json(status, {"status": health.status, "reasons": list(health.reasons)})

    def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, self.server.page.metrics())

    def _status(self) -> Answer:
        return _json(HTTPStatus.OK, self.server.page.status())

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are no news; those for debugging are kept."""
        log.debug("status page request", what=(format % args)[:MAX_TARGET])


def is_this_machine(host: str) -> bool:
    """Return whether a Host header names this machine; the port may be that of a tunnel."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,255}))(?::\d{1,5})?", host)
    if found is None:
        return False
    name = found[1] or found[2]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _plain(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, TEXT, f"{text}\n".encode())


def _json(status: HTTPStatus, data: dict[str, Any]) -> Answer:
    return Answer(status, JSON, json.dumps(data, ensure_ascii=False).encode())
