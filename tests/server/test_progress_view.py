"""What a command tells of a job that waits and of a server that is lost, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from smite_protocol import Client, Finished
from smite_protocol.events import Progress, StateChanged
from smite_protocol.states import ConnectionState, ConnectionStatus
from smite_server.cli_follow import follow
from smite_server.cli_output import ProgressView
from tests.support.raw_server import JOB, Out, RawServer, Request, finished, job_reply

ENDPOINT = "tcp://127.0.0.1:5771"


def lost(seconds: int) -> ConnectionStatus:
    return ConnectionStatus(ConnectionState.LOST, ENDPOINT, seconds)


def waits(ahead: int) -> Progress:
    return Progress(job=JOB, stage="waiting", done=0, total=0, ahead=ahead)


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressView("segment s") as view:
        view.show(StateChanged(job=JOB, state="queued"))
        for ahead in (3, 3, 1, 0):
            view.show(waits(ahead))
        view.show(StateChanged(job=JOB, state="paused"))
        for seconds in (60, 59, 58):
            view.show_connection(lost(seconds))
        view.show_connection(ConnectionStatus(ConnectionState.BACK, ENDPOINT))
        view.show_connection(ConnectionStatus(ConnectionState.CONNECTED, ENDPOINT))
    assert capsys.readouterr().err.splitlines() == [
        "segment s: waiting: 3 jobs before yours",
        "segment s: waiting: 1 job before yours",
        "segment s: paused",
        "segment s: server lost, trying again for 60 s",
        "segment s: back",
    ]


def test_one_line_on_a_terminal() -> None:
    view = ProgressView("segment s")
    view._live, view._lines = True, False
    view.show(waits(3))
    (task,) = view._bars.tasks
    assert task.description == "segment s: waiting: 3 jobs before yours"
    view.show_connection(lost(52))
    assert view._bars.tasks[0].description == "segment s: server lost, trying again for 52 s"
    view.show_connection(ConnectionStatus(ConnectionState.CONNECTED, ENDPOINT))
    assert view._bars.tasks[0].description == "segment s: waiting: 3 jobs before yours"
    view.show(Progress(job=JOB, stage="mattes", done=1, total=8))
    assert [task.description for task in view._bars.tasks] == ["segment s: mattes"]


def test_following_over_a_crash_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def watch(request: Request) -> Iterable[Out]:
        yield job_reply("queued")
        ahead = {"job": JOB, "stage": "waiting", "done": 0, "total": 0, "ahead": 2}
        yield Out("progress", ahead, event=True)
        if server.lives == 2:
            yield finished()

    class Crashing(ProgressView):
        def show(self, event: object) -> None:
            super().show(event)  # type: ignore[arg-type]
            if server.lives == 1:
                server.kill()
                server.start()

    with RawServer() as server, Client(server.endpoint) as client:
        server.answers["watch"] = watch
        assert isinstance(follow(client, JOB, Crashing("segment s")), Finished)
    told = capsys.readouterr().err
    assert "segment s: waiting: 2 jobs before yours\n" in told
    assert "segment s: server lost, trying again for 60 s\nsegment s: back\n" in told
