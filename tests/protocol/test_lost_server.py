"""A client whose server is lost, and comes back or does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from smite_protocol import Client, Finished, MatteReady, SegmentSpec, StateChanged, WireFile
from smite_protocol.errors import ServerLost, UnknownJob, WrongState
from smite_protocol.states import ConnectionState, ConnectionStatus
from tests.support.proxy import Proxy
from tests.support.raw_server import JOB, Out, RawServer, Request, error, finished, job_reply, matte
from tests.support.servers import wait_for


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as found:
        yield found


@contextmanager
def beating(server: RawServer) -> Iterator[Client]:
    """Give a client whose heartbeats have begun, so that they notice when it is forgotten."""
    with Client(server.endpoint) as client:
        client.connect()
        wait_for(lambda: server.of_type("heartbeat"))
        yield client


def restart(server: RawServer) -> None:
    server.kill()
    server.start()


class TestRequests:
    """A request is repeated until the server answers, or the patience ends."""

    def test_server_that_died_in_the_middle(self, server: RawServer) -> None:
        server.silent = {"list_jobs"}
        with Client(server.endpoint) as client:

            def die_and_return() -> None:
                while not server.of_type("list_jobs"):
                    time.sleep(0.01)
                server.kill()
                server.silent = set()
                server.start()

            crash = threading.Thread(target=die_and_return)
            crash.start()
            assert client.jobs() == ()
            crash.join()
        assert len(server.of_type("list_jobs")) == 2

    def test_server_that_returns_before_anybody_asks(self, server: RawServer) -> None:
        with Client(server.endpoint) as client:
            restart(server)
            assert client.jobs() == ()
            restart(server)
            assert client.models() == ()

    def test_forgotten_client_greets_again(self, server: RawServer) -> None:
        with Client(server.endpoint, patience=0) as client:
            server.forget_everybody()
            assert client.jobs() == ()

    def test_patience_ends_in_time_with_one_sentence(self, server: RawServer) -> None:
        with Client(server.endpoint, patience=1.5, timeout=0.5) as client:
            server.kill()
            begun = time.monotonic()
            with pytest.raises(ServerLost, match=r"did not come back within 1\.5 s"):
                client.jobs()
            assert 1.4 < time.monotonic() - begun < 4.0

    def test_without_patience_a_loss_is_told_at_once(self, server: RawServer) -> None:
        with Client(server.endpoint, patience=0) as client:
            server.kill()
            begun = time.monotonic()
            with pytest.raises(ServerLost, match="broke"):
                client.jobs()
            assert time.monotonic() - begun < 2.0

    def test_nobody_waits_for_a_private_server(self) -> None:
        with RawServer(private=True) as server, Client(server.endpoint) as client:
            server.kill()
            begun = time.monotonic()
            with pytest.raises(ServerLost):
                client.jobs()
            assert time.monotonic() - begun < 2.0

    def test_server_that_is_there_and_silent(self, server: RawServer) -> None:
        server.silent = {"list_jobs"}
        with Client(server.endpoint, request_timeout=0.5, patience=0.5) as client:
            begun = time.monotonic()
            with pytest.raises(ServerLost, match=r"did not answer within 0\.5 s"):
                client.jobs()
            assert time.monotonic() - begun < 4.0

    def test_client_can_be_used_again_after_its_patience(self, server: RawServer) -> None:
        with Client(server.endpoint, patience=0.3, timeout=0.2) as client:
            server.kill()
            with pytest.raises(ServerLost):
                client.jobs()
            server.start()
            assert client.jobs() == ()

    def test_closing_does_not_wait_for_a_lost_server(self, server: RawServer) -> None:
        client = Client(server.endpoint)
        client.connect()
        server.kill()
        begun = time.monotonic()
        client.close()
        assert time.monotonic() - begun < 3.0


class TestChangesThatMayHaveHappened:
    """A change that is asked for twice, because its first reply was lost, has happened once."""

    @staticmethod
    def losing_the_first_reply(server: RawServer, then: Out) -> None:
        def answer(request: Request) -> Iterable[Out]:
            if len(server.of_type(request.type)) == 1:
                server.forget_everybody()
                return []
            return [then]

        for kind in ("cancel", "pause", "end_upload"):
            server.answers[kind] = answer

    def test_cancelled_already(self, server: RawServer) -> None:
        self.losing_the_first_reply(server, error("wrong_state"))
        server.answers["get_job"] = lambda request: [job_reply("cancelled")]
        with beating(server) as client:
            assert client.cancel(JOB).state == "cancelled"
        assert len(server.of_type("cancel")) == 2

    def test_ended_otherwise(self, server: RawServer) -> None:
        self.losing_the_first_reply(server, error("wrong_state"))
        server.answers["get_job"] = lambda request: [job_reply("done")]
        with beating(server) as client, pytest.raises(WrongState):
            client.pause(JOB)

    def test_wrong_state_without_a_loss_is_told(self, server: RawServer) -> None:
        server.answers["cancel"] = lambda request: [error("wrong_state")]
        with beating(server) as client, pytest.raises(WrongState):
            client.cancel(JOB)
        assert server.of_type("get_job") == []

    def test_upload_ended_already(self, server: RawServer) -> None:
        self.losing_the_first_reply(server, error("wrong_state"))
        server.answers["get_job"] = lambda request: [job_reply("queued", ahead=0)]
        with beating(server) as client:
            assert client.end_upload(JOB) == JOB

    def test_upload_that_never_ended(self, server: RawServer) -> None:
        self.losing_the_first_reply(server, error("wrong_state"))
        server.answers["get_job"] = lambda request: [job_reply("queued")]
        with beating(server) as client, pytest.raises(WrongState):
            client.end_upload(JOB)


def test_upload_goes_on_over_a_crash(server: RawServer) -> None:
    server.answers["submit"] = lambda request: [
        Out("submitted", {"job": JOB, "state": "queued", "wants": ["plate"]})
    ]

    def plate() -> Iterator[WireFile]:
        for number in range(20):
            if number == 10:
                restart(server)
            yield WireFile(f"a.{number}.exr", bytes([number]) * 1000)

    with Client(server.endpoint) as client:
        assert client.submit(SegmentSpec(model="m"), plate=plate()) == JOB
    names = [request.body["path"] for request in server.of_type("put_file")]
    assert set(names) == {f"a.{number}.exr" for number in range(20)}
    types = server.types()
    assert "put_file" not in types[types.index("end_upload") :]
    assert all(set(sent.payload or b"") == {_number(sent)} for sent in server.of_type("put_file"))


def _number(request: Request) -> int:
    return int(request.body["path"].split(".")[1])


class TestWatching:
    """`watch` goes on where it was."""

    @staticmethod
    def mattes(server: RawServer, upto: int, *, die_after: int = 0) -> None:
        """Send mattes from where the watcher is; in the first life only ``die_after`` of them."""

        def answer(request: Request) -> Iterable[Out]:
            last = die_after if server.lives == 1 and die_after else upto
            yield job_reply()
            yield Out("state_changed", {"job": JOB, "state": "running"}, event=True)
            for seq in range(request.body["after"] + 1, last + 1):
                yield matte(seq, bytes([seq]))
            if last == upto:
                yield finished()

        server.answers["watch"] = answer

    def test_continues_at_the_first_matte_not_acknowledged(self, server: RawServer) -> None:
        self.mattes(server, 6, die_after=4)
        seen, states = [], []
        with Client(server.endpoint) as client:
            for event in client.watch(JOB):
                if isinstance(event, MatteReady):
                    seen.append(event.seq)
                    if event.seq == 4 and server.lives == 1:
                        restart(server)
                if isinstance(event, StateChanged):
                    states.append(event.state)
        assert seen == [1, 2, 3, 4, 5, 6]
        assert states == ["running"], "the same state is not told again"
        assert [request.body["after"] for request in server.of_type("watch")] == [0, 4]

    def test_server_that_forgot_without_a_broken_connection(self, server: RawServer) -> None:
        self.mattes(server, 3)
        usual = server.answers["watch"]

        def sleepy(request: Request) -> Iterable[Out]:
            if len(server.of_type("watch")) > 1:
                return usual(request)
            server.forget_everybody()  # as after a laptop's sleep: connected, and unknown
            return [job_reply(), matte(1, b"\1")]

        server.answers["watch"] = sleepy
        with beating(server) as client:
            seen = [event.seq for event in client.watch(JOB) if isinstance(event, MatteReady)]
        assert seen == [1, 2, 3]

    def test_two_watches_of_one_client_both_go_on(self, server: RawServer) -> None:
        self.mattes(server, 6, die_after=2)
        with Client(server.endpoint) as client:
            first = client.watch(JOB)
            assert isinstance(next(first), StateChanged)
            assert isinstance(next(first), MatteReady)
            restart(server)
            assert client.jobs() == ()
            rest = [event.seq for event in first if isinstance(event, MatteReady)]
        assert rest == [2, 3, 4, 5, 6]

    def test_gives_up_when_the_patience_ends(self, server: RawServer) -> None:
        self.mattes(server, 6, die_after=2)
        with Client(server.endpoint, patience=0.5, timeout=0.3) as client:
            events = client.watch(JOB)
            next(events)
            server.kill()
            begun = time.monotonic()
            with pytest.raises(ServerLost, match="did not come back"):
                list(events)
            assert time.monotonic() - begun < 4.0

    def test_event_that_got_lost_is_asked_for(self, server: RawServer) -> None:
        self.mattes(server, 5)
        with Proxy(server.endpoint) as proxy, Client(proxy.endpoint) as client:
            seen = []
            events = client.watch(JOB)
            proxy.drop_next("matte_ready")
            seen = [event.seq for event in events if isinstance(event, MatteReady)]
        assert seen == [1, 2, 3, 4, 5]
        assert proxy.counts["dropped matte_ready"] == 1

    def test_silence_of_the_job_is_asked_about(
        self, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("smite_protocol.watching.QUIET_SECONDS", 0.5)
        self.mattes(server, 2)
        with Proxy(server.endpoint) as proxy, Client(proxy.endpoint) as client:
            proxy.drop_next("finished")
            assert isinstance(list(client.watch(JOB))[-1], Finished)

    def test_seqs_with_a_gap_of_the_servers_own_are_taken(self, server: RawServer) -> None:
        server.answers["watch"] = lambda request: [
            job_reply(),
            *(matte(seq) for seq in (2, 5) if seq > request.body["after"]),
            finished(),
        ]
        with Client(server.endpoint) as client:
            seen = [event.seq for event in client.watch(JOB) if isinstance(event, MatteReady)]
        assert seen == [2, 5]

    def test_unknown_job_after_a_restart_is_told(self, server: RawServer) -> None:
        self.mattes(server, 6, die_after=2)
        with Client(server.endpoint) as client:
            events = client.watch(JOB)
            next(events)
            server.answers["watch"] = lambda request: [error("unknown_job")]
            restart(server)
            with pytest.raises(UnknownJob):
                list(events)


class TestNetwork:
    """The same over a network that stalls and breaks."""

    def test_stall_is_a_loss_and_ends(self, server: RawServer) -> None:
        with Proxy(server.endpoint) as proxy, Client(proxy.endpoint) as client:
            client._linked().connection.pulse.lost_after = 1.0
            proxy.stall()
            threading.Timer(2.5, proxy.resume).start()
            told: list[ConnectionStatus] = []
            client.on_state = told.append
            assert client.jobs() == ()
        assert told[0].state is ConnectionState.LOST
        assert [status.state.value for status in told][-2:] == ["back", "connected"]
        counted = [status.seconds_left for status in told if status.seconds_left is not None]
        assert counted == sorted(counted, reverse=True)
        assert len(counted) >= 2

    def test_stall_longer_than_the_patience_raises_in_bounded_time(self, server: RawServer) -> None:
        with (
            Proxy(server.endpoint) as proxy,
            Client(proxy.endpoint, patience=1.0, timeout=0.5) as client,
        ):
            client._linked().connection.pulse.lost_after = 1.0
            proxy.stall()
            begun = time.monotonic()
            with pytest.raises(ServerLost):
                client.jobs()
            assert time.monotonic() - begun < 5.0

    def test_broken_connection_to_a_living_server(self, server: RawServer) -> None:
        TestWatching.mattes(server, 5)
        with Proxy(server.endpoint) as proxy, Client(proxy.endpoint) as client:
            seen = []
            for event in client.watch(JOB):
                if isinstance(event, MatteReady):
                    seen.append(event.seq)
                    if event.seq == 2:
                        proxy.cut()
        assert seen == [1, 2, 3, 4, 5]
