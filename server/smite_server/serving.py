"""Running a server: folders, signals, registration, loop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import structlog

from .config import ServerConfig
from .logs import log_to_stderr, purge_logs
from .registry import LiveServer, new_server_id, registered
from .router import Router

log = structlog.get_logger(__name__)


def serve(config: ServerConfig, on_ready: Callable[[LiveServer], None] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, or until a private server is done; return the exit status.

    A shared server lets running jobs come to their next checkpoint first; a second signal ends it
    at once. Either way the next server goes on with them.
    ``on_ready`` is called once the server answers. Raises the `BadInput` kinds when it cannot be
    started. Call it in the main thread.
    """
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    log_to_stderr()
    config.make_folders()
    purge_logs(config.log_folder, config.timing.keep_spool_days)
    server = new_server_id()
    router = Router(config, server)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        live = LiveServer(
            server=server,
            endpoint=router.endpoint,
            token=config.token,
            pid=os.getpid(),
            private=config.private,
            started=time.time(),
            roots=tuple(str(root) for root in config.roots),
        )
        with registered(live):
            log.info("server is up", endpoint=live.endpoint, server=server)
            if on_ready is not None:
                on_ready(live)
            router.run(lambda: len(stopped))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    log.info("server ended", signal=stopped[0] if stopped else None)
    return 0
