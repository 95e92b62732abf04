"""`smite jobs`, `pause`, `resume`, `retry`, `reorder` as people run them, on the fake engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smite_protocol import Client, SegmentSpec
from smite_server.cli_app import run
from tests.support.servers import ServerUnderTest, wait_for


class Commands:
    """The command line in this process, on the module's server."""

    def __init__(
        self, server: ServerUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: Any
    ) -> None:
        monkeypatch.setenv("SMITE_HOME", str(server.home))
        monkeypatch.setenv("SMITE_SERVER", server.live.endpoint)
        monkeypatch.setenv("COLUMNS", "240")
        monkeypatch.setenv("NO_COLOR", "1")
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert run(arguments) == status
        captured = self._capsys.readouterr()
        return captured.out if status == 0 else captured.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def smite(
    server: ServerUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    return Commands(server, capsys, monkeypatch)


@pytest.fixture
def queued(client: Client, stage: Path, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Three jobs that wait behind one that runs."""
    name = request.node.name

    def spec(n: int, delay: float) -> SegmentSpec:
        return SegmentSpec(
            model="cart",
            plate=str(stage / "plate"),
            out=str(stage / f"{name}_{n}"),
            settings={"window": 1, "delay": delay},
        )

    blocker = client.submit(spec(0, 30.0))
    wait_for(lambda: client.job(blocker).state == "running")
    jobs = [client.submit(spec(n, 0.0)) for n in (1, 2, 3)]

    yield jobs
    for job in (blocker, *jobs):
        if not client.job(job).final:
            client.cancel(job)
    wait_for(lambda: client.job(blocker).final)


def test_jobs_tell_user_priority_and_who_is_ahead(smite: Commands, queued: list[str]) -> None:
    assert smite.json("reorder", queued[2], "--priority", "7")["ahead"] == 1
    found = {job["job"]: job for job in smite.json("jobs", "--all")["jobs"]}
    assert [found[job]["ahead"] for job in queued] == [2, 3, 1]
    assert found[queued[2]]["priority"] == 7
    table = smite("jobs")
    line = next(line for line in table.splitlines() if queued[2] in line)
    assert "normal +7" in line
    assert found[queued[2]]["user"] in line
    assert "ahead" in table.splitlines()[0].lower() + table.splitlines()[1].lower()


def test_pause_and_resume(smite: Commands, queued: list[str]) -> None:
    assert smite.json("pause", queued[0])["state"] == "paused"
    told = smite("pause", queued[0], status=2)
    assert told.strip().endswith("is paused and cannot be paused.")
    assert "queued" in smite("resume", queued[0][:8])


def test_reorder_by_place(smite: Commands, queued: list[str]) -> None:
    assert smite.json("reorder", queued[2], "--first")["ahead"] == 1
    assert smite.json("reorder", queued[1], "--before", queued[0])["ahead"] == 2
    assert smite.json("jobs")["jobs"][2]["ahead"] == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Nothing is to be changed"),
        (["--first", "--before", "abc"], "name two places"),
        (["--before", "zzz"], "There is no job 'zzz'"),
    ],
    ids=["nothing", "two places", "unknown"],
)
def test_reorder_that_says_nothing(
    smite: Commands, queued: list[str], options: list[str], says: str
) -> None:
    assert says in smite("reorder", queued[0], *options, status=2)


def test_retry(smite: Commands, client: Client, queued: list[str]) -> None:
    client.cancel(queued[1])
    info = smite.json("retry", queued[1])
    assert (info["state"], info["ahead"]) == ("queued", 3)
    assert "only a failed or cancelled one" in smite("retry", queued[1], status=2)
