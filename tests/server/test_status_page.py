"""The status page in a real Chromium, while a job runs: its numbers are those of `smite jobs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smite_protocol import Client, LearnSpec, SegmentSpec
from smite_protocol.errors import InternalError
from smite_server.jobs import Job, State
from smite_server.store import Store
from tests.support.browser import Page, page_of
from tests.support.servers import REPOSITORY, ServerUnderTest, running_server, wait_for
from tests.support.specs import segment_by_path

HELD = 3
"""Frames that the running job makes before it waits, so that nothing changes during a look."""


@pytest.fixture(scope="module")
def served(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server with a status page; a job has failed, one runs slowly, one waits."""
    home = tmp_path_factory.mktemp("home")
    with running_server(home, roots=(stage,), http="127.0.0.1:0") as found:
        with found.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
            with pytest.raises(InternalError):
                client.wait(client.submit(segment(stage, "failed", fail_at=1003)))
        yield found


def segment(stage: Path, shot: str, **settings: object) -> SegmentSpec:
    return segment_by_path(stage, "page", shot=shot, **settings)


def jobs_of_the_command(server: ServerUnderTest) -> dict[str, dict[str, Any]]:
    """Return what `smite jobs --json` says, by id."""
    found = subprocess.run(
        [
            *(sys.executable, "-m", "smite_server.cli", "jobs", "--json"),
            *("--server", server.live.endpoint),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={
            **os.environ,
            "SMITE_HOME": str(server.home),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        },
    )
    return {job["job"]: job for job in json.loads(found.stdout)["jobs"]}


def progressed(client: Client, job: str) -> bool:
    info = client.job(job)
    return info.stage == "mattes" and info.done == HELD


@pytest.mark.slow
def test_its_numbers_are_those_of_the_command(
    served: ServerUnderTest, stage: Path, tmp_path: Path
) -> None:
    with served.client() as client:
        running = client.submit(segment(stage, "running", delay=0.3, hold_at=1001 + HELD))
        waiting = client.submit(segment(stage, "waiting", delay=0.01))
        wait_for(lambda: progressed(client, running), 60.0)
        page = Page(page_of(f"http://{served.live.http}/", tmp_path))
        jobs = jobs_of_the_command(served)
        client.cancel(waiting)
        client.cancel(running)

    shown = {entry.attributes["data-job"]: entry for entry in page.with_attribute("data-job")}
    assert shown.keys() == jobs.keys()
    assert len(shown) == 4
    for job, entry in shown.items():
        told = jobs[job]
        assert entry.attributes["data-state"] == told["state"]
        numbers = {
            "data-done": told["done"],
            "data-total": told["total"],
            "data-seconds-left": told["seconds_left"],
            "data-ahead": told["ahead"],
        }
        for name, number in numbers.items():
            text = entry.attributes[name]
            assert (float(text) if text else None) == number, (job, name)
        assert told["name"] in entry.text
        assert told["message"] in entry.text
    assert jobs[running]["done"] == HELD
    assert f"{jobs[running]['done']} / {jobs[running]['total']}" in shown[running].text
    tiles = {tile.attributes["data-name"]: tile.text for tile in page.with_attribute("data-name")}
    assert tiles["running"] == "1 running"
    assert tiles["queued"] == "1 queued"
    assert page.the("health").text == "ok"
    assert page.the("endpoint").text == served.live.endpoint
    pictures = [e.attributes["src"] for e in page.elements if e.name == "img"]
    assert [source.partition("?")[0] for source in pictures] == [f"/jobs/{running}/thumb.png"]


@pytest.mark.slow
def test_names_are_text_and_never_markup(served: ServerUnderTest, tmp_path: Path) -> None:
    evil = '<img src=x onerror=alert(1)> & "more"'
    store = Store(served.config.store_file, "elsewhere.1.1")
    job = Job("0123456789ab", "learn", evil, {}, {}, user=evil, message=evil, state=State.DONE)
    store.add(job)
    store.close()
    page = Page(page_of(f"http://{served.live.http}/", tmp_path))
    (entry,) = [e for e in page.elements if e.attributes.get("data-job") == job.job]
    assert entry.text.count(evil) == 3
    assert not [e for e in page.elements if "onerror" in e.attributes]


@pytest.mark.slow
def test_the_log_of_a_failed_job(served: ServerUnderTest, tmp_path: Path) -> None:
    failed = [j for j in jobs_of_the_command(served).values() if j["state"] == "failed"]
    page = Page(page_of(f"http://{served.live.http}/jobs/{failed[0]['job']}/log", tmp_path))
    log = page.the("log").text
    assert log.startswith("Traceback (most recent call last)")
    assert log.endswith("RuntimeError: something nobody thought of")
