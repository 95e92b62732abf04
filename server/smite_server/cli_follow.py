"""Following a job to its end: progress, mattes that come as bytes, and Ctrl-C."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from smite_protocol.client import Client
from smite_protocol.errors import (
    BadMessage,
    DiskFull,
    JobCancelled,
    MatteFailed,
    SmiteError,
    WrongState,
)
from smite_protocol.events import Finished, MatteReady
from smite_protocol.receiving import MatteReceiver as MatteReceiver

from .cli_output import ProgressView

CANCEL_SECONDS = 2.0
POLL_SECONDS = 0.05


def follow(
    client: Client, job: str, view: ProgressView, receiver: MatteReceiver | None = None
) -> Finished:
    """Show a job's events until it has ended; return the last one, that of a job that is done.

    A server that is lost on the way is waited for; the view says so.

    Raises the job's error when it failed or was cancelled.
    """
    client.on_state = view.show_connection
    with view:
        for event in client.watch(job):
            view.show(event)
            if isinstance(event, MatteReady) and receiver is not None:
                receiver.accept(event)
            if isinstance(event, Finished):
                event.raise_for_state()
                return event
    raise BadMessage(f"The events of job {job} ended without a final state.")


def follow_or_cancel(
    client: Client, job: str, view: ProgressView, receiver: MatteReceiver | None = None
) -> Finished:
    """`follow`; Ctrl-C, or a fault on this side, cancels the job.

    Raises JobCancelled after Ctrl-C, else the job's error.
    """
    try:
        return follow(client, job, view, receiver)
    except KeyboardInterrupt:
        cancel_and_leave(client, job, view)
    except (BadMessage, DiskFull, MatteFailed):
        if receiver is not None:
            with suppress(SmiteError):
                client.cancel(job)
        raise


def cancel_and_leave(client: Client, job: str, view: ProgressView) -> NoReturn:
    """Cancel a job, wait up to two seconds for it to stop, and raise JobCancelled."""
    deadline = time.monotonic() + CANCEL_SECONDS
    stopped = False
    try:
        with suppress(WrongState):
            client.cancel(job)
        while not stopped and time.monotonic() < deadline:
            stopped = client.job(job).final
            if not stopped:
                time.sleep(POLL_SECONDS)
    except SmiteError as problem:
        raise JobCancelled(f"Job {job} was to be cancelled: {problem.message}") from problem
    kept = f"; {view.mattes} finished mattes are kept" if view.mattes else ""
    state = "is cancelled" if stopped else "is being cancelled"
    raise JobCancelled(f"Job {job} {state}{kept}.")


def below(path: Path, roots: tuple[str, ...]) -> bool:
    """Return whether a server with these roots may touch ``path``, as far as we can see."""
    resolved = Path(os.path.realpath(path))
    return any(resolved.is_relative_to(root) for root in roots)
