"""Uploads: several files on their way, bounded; damaged ones again, errors at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from smite_protocol import Client, WireFile, WireFrame
from smite_protocol.errors import BadChecksum, BadInput, DiskFull, PathMissing, TooLarge
from smite_protocol.sending import MOST_IN_FLIGHT
from tests.support.proxy import UP, Faults, Proxy
from tests.support.raw_server import JOB, Out, RawServer, Request, error


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as found:
        yield found


def files(count: int, size: int = 1000) -> list[WireFile]:
    return [WireFile(f"a.{number}.exr", bytes([number % 251]) * size) for number in range(count)]


def checking(server: RawServer, kept: dict[str, bytes]) -> None:
    """Answer put_file as a server does: damaged bytes are refused."""

    def put(request: Request) -> Iterable[Out]:
        if zlib.crc32(request.payload or b"") != request.body["checksum"]:
            return [error("bad_checksum")]
        kept[request.body["path"]] = request.payload or b""
        return [Out("received", {"job": JOB, "count": len(kept)})]

    server.answers["put_file"] = put


def test_checksum_is_that_of_the_bytes(server: RawServer) -> None:
    with Client(server.endpoint) as client:
        client.send_frames(JOB, [WireFile("a", b"abc"), WireFrame(7, (1, 1, 3), "uint8", b"abc")])
    for kind in ("put_file", "put_pixels"):
        (sent,) = server.of_type(kind)
        assert sent.body["checksum"] == 0x352441C2, "of abc, as in every table of CRC-32s"


def test_more_than_one_is_on_its_way_but_not_all(server: RawServer) -> None:
    taken = 0
    most = 0

    def plate() -> Iterator[WireFile]:
        nonlocal taken, most
        for file in files(100):
            taken += 1
            most = max(most, taken - len(server.of_type("put_file")))
            yield file

    held: list[Request] = []

    def together(request: Request) -> Iterable[Out]:
        """Answer only once there are four: who waits for each reply would wait for ever."""
        held.append(request)
        return [] if len(held) < 4 else [Out("received", {"job": JOB, "count": 4})]

    server.answers["put_file"] = together
    with Client(server.endpoint, request_timeout=2.0, patience=0) as client:
        events = client._linked().connection
        numbers = [events.post(_put(file), 1.0) for file in files(4)]
        assert events.reply_to(numbers[-1], 2.0).type == "received"
        server.answers.clear()
        assert client.send_frames(JOB, plate()) == 100
    assert most <= MOST_IN_FLIGHT + 1


def _put(file: WireFile):  # type: ignore[no-untyped-def]
    from smite_protocol.requests import PutFile

    return PutFile(job=JOB, part_of="plate", path=file.name, data=file.read())


def test_bytes_on_their_way_are_bounded(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files over the bound go two at a time, and each is read when its turn comes."""
    monkeypatch.setattr("smite_protocol.sending.MOST_BYTES_IN_FLIGHT", 1000)
    read: list[str] = []
    most = 0

    class Watched(WireFile):
        def read(self) -> bytes:
            nonlocal most
            read.append(self.name)
            most = max(most, len(read) - answered)
            return super().read()

    answered = 0

    def put(request: Request) -> Iterable[Out]:
        nonlocal answered
        answered += 1
        return [Out("received", {"job": JOB, "count": answered})]

    server.answers["put_file"] = put
    with Client(server.endpoint) as client:
        plate = [Watched(file.name, file.source) for file in files(20, 800)]
        assert client.send_frames(JOB, plate) == 20
    assert most <= 3, "two on their way and the one that was just read"
    assert [request.body["path"] for request in server.of_type("put_file")] == read


def test_damaged_files_are_sent_again(server: RawServer) -> None:
    kept: dict[str, bytes] = {}
    checking(server, kept)
    faults = Faults(corrupt=0.2, types=("put_file",), directions=(UP,))
    with Proxy(server.endpoint, seed=5, faults=faults) as proxy, Client(proxy.endpoint) as client:
        assert client.send_frames(JOB, files(40)) == 40
    assert kept == {file.name: file.read() for file in files(40)}
    assert proxy.counts["corrupted put_file"] > 3
    sent = len(server.of_type("put_file"))
    assert sent == 40 + proxy.counts["corrupted put_file"]


def test_wire_that_damages_everything_is_told(server: RawServer) -> None:
    checking(server, {})
    faults = Faults(corrupt=1.0, types=("put_file",))
    with (
        Proxy(server.endpoint, faults=faults) as proxy,
        Client(proxy.endpoint) as client,
        pytest.raises(BadChecksum),
    ):
        client.send_frames(JOB, files(1))
    assert proxy.counts["corrupted put_file"] == 4


def test_upload_slows_down_where_the_server_asks_for_it(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smite_protocol.sending.SLOWER_SECONDS", 0.01)
    refused: set[str] = set()

    def busy(request: Request) -> Iterable[Out]:
        name = request.body["path"]
        if name not in refused:
            refused.add(name)
            return [error("limit_reached")]
        return [Out("received", {"job": JOB, "count": 1})]

    server.answers["put_file"] = busy
    with Client(server.endpoint) as client:
        assert client.send_frames(JOB, files(5)) == 5
    assert len(server.of_type("put_file")) == 10


def test_error_stops_the_upload_with_the_servers_sentence(server: RawServer) -> None:
    def full(request: Request) -> Iterable[Out]:
        if request.body["path"] == "a.3.exr":
            return [error("disk_full", "The server's disk is full.")]
        return [Out("received", {"job": JOB, "count": 1})]

    server.answers["put_file"] = full
    with Client(server.endpoint) as client:
        with pytest.raises(DiskFull, match=r"The server's disk is full\."):
            client.send_frames(JOB, files(1000))
        assert len(server.of_type("put_file")) < 3 + 2 * MOST_IN_FLIGHT
        assert client.jobs() == (), "late replies of the upload are not taken for others"


def test_file_over_the_limit_is_not_even_read(server: RawServer, tmp_path: Path) -> None:
    huge = tmp_path / "huge.exr"
    with huge.open("wb") as file:
        file.truncate(2**30 + 1)
    with Client(server.endpoint) as client, pytest.raises(TooLarge, match="1073741825 bytes"):
        client.send_frames(JOB, [WireFile("huge.exr", huge)])


def test_file_that_vanished_stops_the_upload(server: RawServer, tmp_path: Path) -> None:
    with Client(server.endpoint) as client, pytest.raises(PathMissing, match="cannot be read"):
        client.send_frames(JOB, [*files(2), WireFile("gone.exr", tmp_path / "gone.exr")])


def test_plate_that_cannot_be_listed_cancels_the_job(server: RawServer) -> None:
    from smite_protocol import SegmentSpec

    server.answers["submit"] = lambda request: [
        Out("submitted", {"job": JOB, "state": "queued", "wants": ["plate"]})
    ]

    def broken() -> Iterator[WireFile]:
        yield from files(1)
        raise BadInput("The reader gave up.")

    with Client(server.endpoint) as client, pytest.raises(BadInput, match="gave up"):
        client.submit(SegmentSpec(model="m"), plate=broken())
    assert "cancel" in server.types()
