"""`smite jobs`, `smite watch`, `smite cancel`: the queue of this user's servers."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from smite_protocol.client import Client
from smite_protocol.errors import UnknownJob
from smite_protocol.fields import to_map
from smite_protocol.records import JobInfo

from .cli_connect import server_for_job, server_for_reading
from .cli_follow import CANCEL_SECONDS, POLL_SECONDS, MatteReceiver, follow
from .cli_inputs import check_out
from .cli_options import Json, Server
from .cli_output import ProgressView, as_duration, print_facts, print_json, print_table

SHOWN = 20
MOST = 1000
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or its first letters.")]


def jobs(
    everything: Annotated[
        bool, typer.Option("--all", help=f"All jobs, not only the newest {SHOWN}.")
    ] = False,
    server: Server = None,
    json_wanted: Json = False,
) -> None:
    """List the jobs, newest first."""
    with server_for_reading(server) as client:
        found = client.jobs(all=True, limit=MOST if everything else SHOWN)
    if json_wanted:
        print_json({"jobs": [to_map(job) for job in found]})
        return
    if not found:
        print_facts([("no jobs", "")])
        return
    columns = ["job", "kind", "name", "state", "progress", "left", "submitted", "message"]
    print_table(columns, [_row(job) for job in found])


def _row(job: JobInfo) -> list[str]:
    progress = f"{job.stage} {job.done}/{job.total}" if job.total and not job.final else ""
    submitted = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
    left = as_duration(job.seconds_left) if job.seconds_left is not None else ""
    return [job.job, job.kind, job.name, job.state, progress, left, submitted, job.message]


def full_id(client: Client, text: str) -> str:
    """Return the id that ``text`` starts. Raises UnknownJob when none or several do."""
    found = [job.job for job in client.jobs(all=True, limit=MOST)]
    if text in found:
        return text
    matching = [job for job in found if text and job.startswith(text)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UnknownJob(f"{text!r} starts {len(matching)} jobs; give more of the id.")
    raise UnknownJob(f"There is no job {text!r}; `smite jobs` lists them.")


def watch(
    job: JobId,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="DIR", help="Folder for mattes that come back as bytes."),
    ] = None,
    server: Server = None,
    json_wanted: Json = False,
) -> None:
    """Follow a job until it ends; Ctrl-C stops the following, not the job."""
    receiver = None if out is None else MatteReceiver(check_out(out))
    with server_for_reading(server) as client:
        job = full_id(client, job)
    with server_for_job(server, job) as client:
        info = client.job(job)
        view = ProgressView(f"{info.kind} {info.name}", quiet=json_wanted)
        finished = follow(client, job, view, receiver)
    if json_wanted:
        print_json({"job": job, "state": finished.state, "result": finished.result})
    else:
        print_facts([("job", job), ("state", finished.state), *_short(finished.result)])


def _short(result: dict[str, Any]) -> list[tuple[str, object]]:
    """Return the entries of a result that fit on a line each."""
    return [(key, value) for key, value in result.items() if isinstance(value, (str, int, float))]


def cancel(job: JobId, server: Server = None, json_wanted: Json = False) -> None:
    """Stop a job; its finished mattes stay."""
    with server_for_reading(server) as client:
        job = full_id(client, job)
    with server_for_job(server, job) as client:
        client.cancel(job)
        deadline = time.monotonic() + CANCEL_SECONDS
        info = client.job(job)
        while not info.final and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            info = client.job(job)
    if json_wanted:
        print_json({"job": job, "state": info.state})
    else:
        print_facts([("job", job), ("state", info.state)])
