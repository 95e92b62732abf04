"""What clients may do to a server: versions, strangers, noise, silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from smite_protocol import Client, SegmentSpec, WireFile
from smite_protocol import messages as m
from smite_protocol.errors import NotAuthorised, ServerLost, SmiteError
from smite_protocol.wire import decode, encode
from smite_server.config import Limits
from tests.support.raw_peer import RawPeer, raw_peer
from tests.support.servers import ServerUnderTest, running_server, wait_for


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server whose worker is never needed."""
    with running_server(tmp_path_factory.mktemp("light")) as found:
        yield found


@pytest.fixture
def raw(light: ServerUnderTest) -> Iterator[RawPeer]:
    with raw_peer(light.live.endpoint) as found:
        yield found


def answer(peer: RawPeer, *frames: Any) -> m.Message:
    """Send frames as they are and return what answers them."""
    peer.send(frames)
    found = peer.receive()
    assert found is not None, "no answer"
    return found


def hello(low: int = 1, high: int = 1, **more: Any) -> bytes:
    body = {"protocol_min": low, "protocol_max": high, "client": "raw", **more}
    packed: bytes = msgpack.packb({"v": high, "t": "hello", "i": 1, "b": body})
    return packed


def test_other_version_is_one_clear_sentence(raw: RawPeer) -> None:
    low, high = m.PROTOCOL_MAX + 1, m.PROTOCOL_MAX + 2
    reply = answer(raw, hello(low, high, field_of_the_future=True))
    assert isinstance(reply, m.ErrorReply)
    assert reply.code == "version_mismatch"
    assert reply.message == (
        f"The client speaks protocol {low} to {high} and this server (smite-comp 0.1.0)"
        f" {m.PROTOCOL_MIN} to {m.PROTOCOL_MAX}; install the same smite-comp on both."
    )


def test_newer_client_that_still_speaks_ours(raw: RawPeer) -> None:
    reply = answer(raw, hello(1, m.PROTOCOL_MAX + 4))
    assert isinstance(reply, m.Welcome)
    assert reply.protocol == m.PROTOCOL_MAX


def test_client_of_the_version_before_is_told_nothing_that_it_does_not_know(raw: RawPeer) -> None:
    raw.send([hello(1, 1)])
    header, reply = decode(raw.socket.recv_multipart(), max_payload=0)
    assert isinstance(reply, m.Welcome)
    assert header.version == reply.protocol == 1
    assert "user" not in header.body


@pytest.mark.parametrize(
    "message",
    [m.Heartbeat(), m.ListJobs(), m.Submit(spec=m.DoctorSpec()), m.GetJob(job="0123456789ab")],
    ids=lambda message: message.type,
)
def test_nothing_before_hello(raw: RawPeer, message: m.Message) -> None:
    reply = answer(raw, *encode(message, request=1))
    assert isinstance(reply, m.ErrorReply)
    assert reply.code == "not_greeted"


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="empty"),
        pytest.param([b"noise"], id="noise"),
        pytest.param([b"a", b"b", b"c"], id="three frames"),
        pytest.param([b"\x91" * 100_000], id="deep"),
        pytest.param([msgpack.packb({"v": 1, "t": "welcome", "i": 1, "b": {}})], id="a reply"),
        pytest.param(list(encode(m.Alive(), request=1)), id="another reply"),
    ],
)
def test_noise_is_answered_and_survived(raw: RawPeer, frames: list[bytes]) -> None:
    answer(raw, hello())
    reply = answer(raw, *frames)
    assert isinstance(reply, m.ErrorReply)
    assert reply.code == "bad_message"
    assert isinstance(answer(raw, *encode(m.Heartbeat(), request=2)), m.Alive)


def test_frame_over_the_limit_is_not_even_read(tmp_path: Path) -> None:
    limits = Limits(max_file_bytes=1000)
    with (
        running_server(tmp_path / "home", limits=limits) as server,
        raw_peer(server.live.endpoint) as greedy,
        server.client() as client,
    ):
        answer(greedy, hello())
        greedy.send([*encode(m.Heartbeat(), request=2)[:1], bytes(8 * 2**20)])
        assert client.jobs() == ()
        (server.home / "models" / "x.safetensors").write_bytes(b"x")
        with pytest.raises(SmiteError, match="1001 bytes; this server takes 1000 at"):
            client.submit(SegmentSpec(model="x"), plate=[WireFile("a", bytes(1001))])


def test_private_token_is_needed(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", token="secret") as server:
        with pytest.raises(NotAuthorised, match="private"):
            Client(server.live.endpoint).connect()
        with pytest.raises(NotAuthorised):
            Client(server.live.endpoint, token="Secret").connect()
        with server.client() as client:
            assert client.jobs() == ()


def test_client_that_waits_stays_known(light: ServerUnderTest) -> None:
    with light.client() as client:
        time.sleep(light.config.timing.client_timeout * 1.5)
        assert client._linked().connection.forgotten() is False
        assert client.jobs(all=False) == ()


def test_forgotten_client_greets_again(light: ServerUnderTest) -> None:
    with light.client() as client:
        client._linked()._heartbeat.stop()
        time.sleep(light.config.timing.client_timeout + 0.5)
        assert client.jobs(all=False) == ()


def test_heartbeat_says_that_the_server_has_gone(tmp_path: Path) -> None:
    with running_server(tmp_path / "home") as server, server.client(patience=0) as client:
        pulse = client._linked().connection.pulse
        pulse.lost_after = 1.0
        server.kill()
        begun = time.monotonic()
        with pytest.raises(ServerLost, match=r"broke|has not answered"):
            client.jobs()
        assert time.monotonic() - begun < 4.0


def test_watch_ends_when_the_server_has_gone(tmp_path: Path, stage: Path) -> None:
    with (
        running_server(tmp_path / "home", roots=(stage,)) as server,
        server.client(patience=0) as client,
    ):
        job = client.submit(m.LearnSpec(name="x", refs=str(stage / "refs")))
        client._linked().connection.pulse.lost_after = 1.0
        threading.Timer(0.3, server.kill).start()
        with pytest.raises(ServerLost):
            client.wait(job)


def test_upload_of_a_client_that_left_fails(light: ServerUnderTest) -> None:
    model = light.home / "models" / "any.safetensors"
    model.write_bytes(b"x")
    with light.client() as first:
        job = first.submit(SegmentSpec(model="any"))
        first.send_frames(job, [WireFile("a.1.png", b"x")])
    with light.client() as second:
        info = wait_for(lambda: (found := second.job(job)).final and found)
        assert (info.state, info.error) == ("failed", "job_failed")
        assert "left before all files were sent" in info.message
        assert not (light.config.spool_folder / job).exists()


def test_nobody_else_can_add_to_an_upload(light: ServerUnderTest) -> None:
    model = light.home / "models" / "any.safetensors"
    model.write_bytes(b"x")
    with light.client() as first, light.client() as second:
        job = first.submit(SegmentSpec(model="any"))
        with pytest.raises(SmiteError, match="waits for no files of yours"):
            second.send_frames(job, [WireFile("a.1.png", b"x")])
        with pytest.raises(SmiteError, match="waits for no files of yours"):
            second.end_upload(job)
        with pytest.raises(SmiteError, match="has no plate yet"):
            first.end_upload(job)
        first.cancel(job)
