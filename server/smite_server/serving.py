"""Running a server: folders, signals, registration, loop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType

import structlog

from .config import ServerConfig
from .http_status import StatusServer
from .logs import Logging, purge_logs
from .registry import LiveServer, new_server_id, registered
from .router import Router
from .status_page import StatusPage

log = structlog.get_logger(__name__)


def serve(config: ServerConfig, on_ready: Callable[[LiveServer], None] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, or until a private server is done; return the exit status.

    A shared server lets running jobs come to their next checkpoint first; a second signal ends it
    at once. Either way the next server goes on with them.
    ``on_ready`` is called once the server answers. Raises the `BadInput` kinds when it cannot be
    started. Call it in the main thread.
    """
    with Logging(config.log) as logging:
        return _serve(config, logging, on_ready)


def _serve(
    config: ServerConfig, logging: Logging, on_ready: Callable[[LiveServer], None] | None
) -> int:
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    config.make_folders()
    purge_logs(config.log_folder, config.timing.keep_spool_days)
    server = new_server_id()
    router = Router(config, server)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if not config.private:
            port = router.endpoint.rpartition(":")[2]
            logging.to_file(config.log_folder / f"server-{port}.log")
        with ExitStack() as stack:
            live = LiveServer(
                server=server,
                endpoint=router.endpoint,
                token=config.token,
                pid=os.getpid(),
                private=config.private,
                started=time.time(),
                roots=tuple(str(root) for root in config.roots),
                encrypted=config.keys is not None,
            )
            live = replace(live, http=_serve_status(stack, config, router, live))
            stack.enter_context(registered(live))
            log.info("server is up", endpoint=live.endpoint, server=server, http=live.http)
            if on_ready is not None:
                on_ready(live)
            router.run(lambda: len(stopped))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    log.info("server ended", signal=stopped[0] if stopped else None)
    return 0


def _serve_status(stack: ExitStack, config: ServerConfig, router: Router, live: LiveServer) -> str:
    """Serve the status page, if asked for, until ``stack`` ends; return its address, or ''."""
    if not config.http:
        return ""
    page = StatusPage(config, live, router.metrics, lambda: router.served)
    found = StatusServer(config.http, page)
    stack.callback(found.close)
    return found.address
