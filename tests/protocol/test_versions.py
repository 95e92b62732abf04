"""A client of today with a server of protocol 1, which refuses what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from smite_protocol import Client, DoctorSpec, MatteReady, WireFile
from smite_protocol.errors import VersionMismatch
from smite_protocol.messages import PROTOCOL_MAX
from tests.support.raw_server import JOB, RawServer, finished, job_reply, matte


@pytest.fixture
def old() -> Iterator[RawServer]:
    with RawServer(version=1) as found:
        yield found


def test_greets_again_as_version_1_did(old: RawServer) -> None:
    with Client(old.endpoint, user="anna") as client:
        assert client.server.protocol == 1
        assert client.jobs() == ()
    first, second = old.of_type("hello")[:2]
    assert first.body["user"] == "anna"
    assert "user" not in second.body
    assert second.body["protocol_max"] == PROTOCOL_MAX


def test_user_is_told_to_a_server_that_knows_users() -> None:
    with RawServer() as server:
        with Client(server.endpoint, user="anna"):
            pass
        assert server.requests[0].body["user"] == "anna"


def test_everything_of_version_1_works(old: RawServer) -> None:
    old.answers["watch"] = lambda request: [job_reply(), matte(1, b"x"), finished()]
    with Client(old.endpoint) as client:
        assert client.submit(DoctorSpec()) == JOB
        assert client.send_frames(JOB, [WireFile("a.exr", b"x")]) == 1
        client.cancel(JOB)
        assert [e.seq for e in client.watch(JOB, credit=9) if isinstance(e, MatteReady)] == [1]
    assert "bad_message" not in old.types()
    assert "checksum" not in old.of_type("put_file")[0].body
    assert "credit" not in old.of_type("watch")[0].body


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("pause", lambda client: client.pause(JOB)),
        ("resume", lambda client: client.resume(JOB)),
        ("retry", lambda client: client.retry(JOB)),
        ("reorder", lambda client: client.reorder(JOB, priority=3)),
    ],
)
def test_what_it_cannot_is_one_sentence(
    old: RawServer, verb: str, call: Callable[[Client], object]
) -> None:
    sentence = f"speaks protocol 1, which cannot {verb};"
    with Client(old.endpoint) as client, pytest.raises(VersionMismatch, match=sentence):
        call(client)
    assert verb not in old.types()


@pytest.mark.parametrize("wanted", [{"priority": 1}, {"batch": True}], ids=str)
def test_priorities_are_not_dropped_in_silence(old: RawServer, wanted: dict[str, int]) -> None:
    with Client(old.endpoint) as client, pytest.raises(VersionMismatch, match="no priorities"):
        client.submit(DoctorSpec(), **wanted)  # type: ignore[arg-type]
    assert "submit" not in old.types()


def test_server_that_is_made_older_while_it_is_away() -> None:
    with RawServer() as server, Client(server.endpoint) as client:
        assert client.server.protocol == 2
        server.kill()
        server.version = 1
        server.start()
        assert client.jobs() == ()
        assert client.server.protocol == 1
        with pytest.raises(VersionMismatch):
            client.pause(JOB)
