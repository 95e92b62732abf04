"""Mattes that come damaged are not acknowledged, and asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from smite_protocol import Client, MatteReady
from smite_protocol.errors import BadChecksum
from tests.support.proxy import DOWN, Faults, Proxy
from tests.support.raw_server import JOB, Out, RawServer, Request, finished, job_reply, matte

COUNT = 12


@pytest.fixture
def server() -> Iterator[RawServer]:
    def watch(request: Request) -> Iterable[Out]:
        yield job_reply()
        for seq in range(request.body["after"] + 1, COUNT + 1):
            yield matte(seq, bytes([seq]) * 5000)
        yield finished()

    with RawServer() as found:
        found.answers["watch"] = watch
        yield found


def received(client: Client) -> dict[int, bytes]:
    mattes = [event for event in client.watch(JOB) if isinstance(event, MatteReady)]
    assert [event.seq for event in mattes] == sorted({event.seq for event in mattes})
    return {event.seq: bytes(event.data or b"") for event in mattes}


def test_damaged_matte_comes_again_whole(server: RawServer) -> None:
    faults = Faults(corrupt=0.25, types=("matte_ready",), directions=(DOWN,))
    with Proxy(server.endpoint, seed=1, faults=faults) as proxy, Client(proxy.endpoint) as client:
        assert received(client) == {seq: bytes([seq]) * 5000 for seq in range(1, COUNT + 1)}
    assert proxy.counts["corrupted matte_ready"] > 0
    asked = [request.body["after"] for request in server.of_type("watch")]
    assert asked == sorted(asked)
    assert len(asked) > 1


def test_damaged_matte_is_not_acknowledged(server: RawServer) -> None:
    with Proxy(server.endpoint) as proxy, Client(proxy.endpoint) as client:
        proxy.corrupt_next("matte_ready")
        received(client)
        again = server.requests.index(server.of_type("watch")[1])
        before = [r for r in server.requests[:again] if r.type == "acknowledge"]
        assert before == []
        assert client.jobs() == ()
    seqs = [request.body["seq"] for request in server.of_type("acknowledge")]
    assert seqs == list(range(1, COUNT + 1))


def test_matte_that_is_always_damaged_is_one_sentence(server: RawServer) -> None:
    faults = Faults(corrupt=1.0, types=("matte_ready",))
    with (
        Proxy(server.endpoint, faults=faults) as proxy,
        Client(proxy.endpoint) as client,
        pytest.raises(BadChecksum, match=r"Matte 1 .* came damaged 4 times"),
    ):
        received(client)
    assert server.of_type("acknowledge") == []


def test_bytes_that_are_missing_count_as_damaged(server: RawServer) -> None:
    server.answers["watch"] = lambda request: [
        job_reply(),
        Out("matte_ready", {**matte(1, b"x").body}, None, event=True),
    ]
    with Client(server.endpoint) as client, pytest.raises(BadChecksum):
        received(client)


def test_header_that_cannot_be_read_is_a_loss_and_ridden_over(server: RawServer) -> None:
    """Four losses of headers at most: the same seed gives the same faults."""
    faults = Faults(corrupt_header=0.05, types=("matte_ready",), directions=(DOWN,))
    with Proxy(server.endpoint, seed=4, faults=faults) as proxy, Client(proxy.endpoint) as client:
        seqs = [event.seq for event in client.watch(JOB) if isinstance(event, MatteReady)]
    assert seqs == list(range(1, COUNT + 1))


def test_same_seed_gives_the_same_faults(server: RawServer) -> None:
    faults = Faults(corrupt=0.3, types=("matte_ready",))
    counts = []
    for _ in range(2):
        server.requests.clear()
        proxied = Proxy(server.endpoint, seed=9, faults=faults)
        with proxied as proxy, Client(proxy.endpoint) as client:
            received(client)
        counts.append(
            (proxy.counts["corrupted"], [r.body["after"] for r in server.of_type("watch")])
        )
    assert counts[0] == counts[1]
