"""The worker's loop: take a job, run it, tell how it went."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from smite_protocol.errors import JobCancelled
from smite_server.job_log import begin_mark, end_mark
from smite_server.logs import log_to_stderr
from smite_server.worker.link import Link, ProgressTeller, beat, end_with_parent
from smite_server.worker.places import check_inputs
from smite_server.worker.problems import as_wire_error
from smite_server.worker.session import Options, Session, Task
from smite_server.worker_messages import ADDRESS_VARIABLE, TOKEN_VARIABLE, WorkerRun

KINDS = {
    "learn": "smite_server.worker.learn",
    "segment": "smite_server.worker.segment",
    "evaluate": "smite_server.worker.evaluate",
    "doctor": "smite_server.worker.doctor",
}
"""Modules of the kinds of jobs; each has ``run(task) -> result``. Imported when first needed."""


def main() -> int:
    """Serve jobs until the server wants no more or has gone; return the exit status."""
    options = _options()
    address = os.environ.pop(ADDRESS_VARIABLE, "")
    token = os.environ.pop(TOKEN_VARIABLE, "")
    if not address or not token:
        sys.stderr.write("The worker is started by the server: run `smite serve`.\n")
        return 2
    end_with_parent()
    log_to_stderr()
    link = Link(address, token)
    beat(address, token)
    session = Session(options)
    while (run := link.next_job()) is not None:
        _note(begin_mark(run.job))
        run_job(Task(run, session, link, ProgressTeller(link, run.job, options.device)))
        _note(end_mark(run.job))
    link.close()
    return 0


def run_job(task: Task) -> None:
    """Run one job; whatever it raises becomes its error."""
    run: WorkerRun = task.run
    try:
        task.progress.tell("starting")
        check_inputs(task)
        result = _function_of(run.kind)(task)
    except Exception as problem:  # noqa: BLE001  (a job's fault must not end the worker)
        error = as_wire_error(problem, task.session.errors)
        if error.code != JobCancelled.code:
            _note(traceback.format_exc())
        elif not task.link.is_cancelled(run.job) and task.link.is_paused(run.job):
            task.link.paused(run.job)
            return
        task.link.failed(run.job, error.code, error.message)
    else:
        task.link.done(run.job, result)


def _note(text: str) -> None:
    """Write to the worker's log; one that cannot be written, on a full disk, costs no job."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _function_of(kind: str) -> Callable[[Task], dict[str, Any]]:
    function: Callable[[Task], dict[str, Any]] = importlib.import_module(KINDS[kind]).run
    return function


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="smite_server.worker")
    parser.add_argument("--backbone", default="embedded")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--engine", default="smite_engine")
    parser.add_argument("--spool", type=Path, required=True)
    parser.add_argument("--cache-megabytes", type=int, default=0)
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    status = main()
    _note("")
    os._exit(status)  # large libraries take seconds to unload, and a thread waits on our input
