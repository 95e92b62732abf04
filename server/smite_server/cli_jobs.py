"""`smite jobs`, `watch`, `cancel`, `pause`, `resume`, `retry`, `reorder`: this user's queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from smite_protocol.client import Client
from smite_protocol.errors import BadInput, UnknownJob
from smite_protocol.fields import to_map
from smite_protocol.records import MAX_PRIORITY, JobInfo

from .cli_connect import server_for_job, server_for_reading
from .cli_follow import CANCEL_SECONDS, POLL_SECONDS, MatteReceiver, follow
from .cli_inputs import check_out
from .cli_options import Json, Server
from .cli_output import ProgressView, as_duration, print_facts, print_json, print_table
from .private import find_job_server

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
    columns = ["job", "kind", "name", "user", "state", "priority", "ahead"]
    columns += ["progress", "left", "submitted", "message"]
    print_table(columns, [_row(job) for job in found])


def _row(job: JobInfo) -> list[str]:
    """Return a line of the table; ``ahead`` is how many jobs run before one that waits."""
    steps = f"{job.done}/{job.total}" if job.total else ""
    progress = "" if job.final else f"{job.stage} {steps}".strip()
    submitted = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
    left = as_duration(job.seconds_left) if job.seconds_left is not None else ""
    priority = f"{job.lane} {job.priority:+d}" if job.priority else job.lane
    ahead = "" if job.ahead is None else str(job.ahead)
    standing = [job.user, job.state, priority, ahead]
    return [job.job, job.kind, job.name, *standing, progress, left, submitted, job.message]


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


def pause(job: JobId, server: Server = None, json_wanted: Json = False) -> None:
    """Stop a job for a while: at once in the queue, after its window when it runs."""
    _change(server, job, json_wanted, lambda client, name: client.pause(name))


def resume(job: JobId, server: Server = None, json_wanted: Json = False) -> None:
    """Put a paused job back into the queue; it goes on where it was."""
    _change(server, job, json_wanted, lambda client, name: client.resume(name))


def retry(job: JobId, server: Server = None, json_wanted: Json = False) -> None:
    """Queue a failed or cancelled job again; a failed one goes on where it was."""
    _change(server, job, json_wanted, lambda client, name: client.retry(name))


def reorder(
    job: JobId,
    priority: Annotated[
        int | None,
        typer.Option(
            "--priority",
            min=-MAX_PRIORITY,
            max=MAX_PRIORITY,
            help="Jobs of a higher priority run first.",
        ),
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Before all your jobs of its lane and priority.")
    ] = False,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="JOB", help="Just before this job of yours."),
    ] = None,
    server: Server = None,
    json_wanted: Json = False,
) -> None:
    """Give a job that has not ended another priority, or another place among its equals."""
    if first and before is not None:
        raise BadInput("--first and --before name two places; give one of them.")
    if not first and before is None and priority is None:
        raise BadInput("Nothing is to be changed; give --priority, --first or --before.")

    def change(client: Client, name: str) -> JobInfo:
        place = "" if first else None if before is None else full_id(client, before)
        return client.reorder(name, priority=priority, before=place)

    _change(server, job, json_wanted, change)


def _change(
    server: str | None, job: str, json_wanted: bool, change: Callable[[Client, str], JobInfo]
) -> None:
    """Have the server that has a job change it, and show what it is then."""
    with server_for_reading(server) as client:
        job = full_id(client, job)
        owner = None if server else find_job_server(job)
        # A job whose server has gone is anybody's who can run it.
        info = change(client, job) if owner is None else None
    if info is None:
        with server_for_job(server, job) as client:
            info = change(client, job)
    if json_wanted:
        print_json(to_map(info))
        return
    facts: list[tuple[str, object]] = [("job", job), ("state", info.state)]
    facts += [("priority", info.priority), ("lane", info.lane)]
    print_facts(facts if info.ahead is None else [*facts, ("ahead", info.ahead)])
