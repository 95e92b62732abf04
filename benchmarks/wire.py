"""How fast do 4K frames cross the wire, as a share of a plain socket copy of the same bytes?

Half-float RGBA frames of 4096 x 2160 (70.8 MB each) go from a client to a server (`put_pixels`,
each on the server's disk before it is received) and from a server to a client (mattes as bytes,
laid into the store, each acknowledged), with checksums. In the same run, and in turns with it, a
plain TCP socket copies the same bytes between two processes: once to nowhere, and once into
files that are synced like the server's. Two bare zmq sockets do so too, one message a frame, which
is what the transport costs before anything of ours.

    python -m benchmarks.wire --json benchmarks/results/wire.json

Needs the [server,dev] extras, and about 1 GB of disk at --folder.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zmq

from smite_protocol import Client, Finished, MatteReady, SegmentSpec, WireFrame
from smite_server.jobs import Job, Matte, State, new_job_id
from smite_server.store import Store
from tests.support.servers import ServerUnderTest, running_server

from .timing import machine, report
from .wire_sinks import CHANNELS, FRAME_BYTES, HEIGHT, WIDTH

BLOCK = 1024 * 1024
MEGABYTE = 1e6


@dataclass(frozen=True)
class Direction:
    """Frames in one direction; the rate in MB/s, the median over the rounds.

    ``share`` is the median over the rounds of rate / plain rate of the same round;
    ``share_of_disk`` and ``share_of_zmq`` are the same of the plain copy into synced files, and of
    the bare zmq sockets.
    """

    rate: float
    share: float
    share_least: float
    share_most: float
    share_of_disk: float
    share_of_zmq: float


@dataclass(frozen=True)
class Result:
    """What was measured."""

    frame: str
    frame_bytes: int
    frames: int
    rounds: int
    plain_rate: float
    plain_rate_to_disk: float
    zmq_rate: float
    to_server: Direction
    to_client: Direction
    machine: str


def frame_bytes(number: int) -> bytes:
    """Bytes that do not repeat from frame to frame, and that no layer could shrink."""
    block = os.urandom(BLOCK)
    whole = block * (FRAME_BYTES // BLOCK + 1)
    return number.to_bytes(8, "little") + whole[8:FRAME_BYTES]


def plain_copy(frames: list[bytes], folder: Path | None) -> float:
    """Copy frames to another process over a TCP socket; return the seconds until it has all."""
    command = [sys.executable, "-m", "benchmarks.wire_sinks", "plain", str(len(frames))]
    if folder is not None:
        command.append(str(folder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as stream:
            begun = time.perf_counter()
            for frame in frames:
                stream.sendall(frame)
            assert stream.recv(1) == b"k"
            return time.perf_counter() - begun


def zmq_copy(frames: list[bytes]) -> float:
    """Copy frames to another process over bare zmq sockets; return the seconds."""
    command = [sys.executable, "-m", "benchmarks.wire_sinks", "zmq", str(len(frames))]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        dealer = context.socket(zmq.DEALER)
        dealer.connect(other.stdout.readline().strip())
        dealer.send(b"ready?")
        dealer.recv()
        begun = time.perf_counter()
        for frame in frames:
            dealer.send(frame, copy=False)
        dealer.recv()
        seconds = time.perf_counter() - begun
        dealer.close()
        context.term()
    return seconds


def to_server(client: Client, frames: list[bytes]) -> float:
    """Send frames as a job's plate; return the seconds until the server has them on its disk."""
    job = client.submit(SegmentSpec(model="any"))
    wired = [
        WireFrame(number, (HEIGHT, WIDTH, CHANNELS), "float16", frame)
        for number, frame in enumerate(frames)
    ]
    begun = time.perf_counter()
    assert client.send_frames(job, wired) == len(frames)
    seconds = time.perf_counter() - begun
    client.cancel(job)
    return seconds


def lay_mattes(server: ServerUnderTest, frames: list[bytes]) -> str:
    """Put a finished job with these files as its mattes into a server's store; return its id."""
    name = new_job_id()
    out = server.config.spool_folder / name / "out"
    out.mkdir(parents=True)
    store = Store(server.config.store_file, "benchmark")
    try:
        store.add(Job(job=name, kind="segment", name="wire", spec={}, resolved={"out": None}))
        store.move(name, State.RUNNING)
        mattes = []
        for number, frame in enumerate(frames):
            path = out / f"{number}.exr"
            path.write_bytes(frame)
            mattes.append(Matte(name, number + 1, number, "body", "body", str(path), path.name))
        store.add_mattes(mattes)
        store.move(name, State.DONE)
    finally:
        store.close()
    return name


def to_client(client: Client, job: str, frames: list[bytes]) -> float:
    """Watch the job; return the seconds until the client has all its mattes."""
    count = 0
    begun = time.perf_counter()
    for event in client.watch(job):
        if isinstance(event, MatteReady):
            assert memoryview(event.data or b"").nbytes == FRAME_BYTES
            count += 1
        if isinstance(event, Finished):
            event.raise_for_state()
    seconds = time.perf_counter() - begun
    assert count == len(frames)
    return seconds


def measure(frames: list[bytes], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of both directions and the copies, in turns; one round of each is not counted."""
    home = folder / "home"
    home.mkdir()
    with running_server(home) as server, server.client() as client:
        (home / "models" / "any.safetensors").write_bytes(b"never read")
        job = lay_mattes(server, frames)
        works: dict[str, Callable[[], float]] = {
            "plain": lambda: plain_copy(frames, None),
            "zmq": lambda: zmq_copy(frames),
            "disk": lambda: plain_copy(frames, folder),
            "up": lambda: to_server(client, frames),
            "down": lambda: to_client(client, job, frames),
        }
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(rounds + 1):
            for name, work in works.items():
                found = work()
                print(f"round {turn} {name}: {found:.2f} s", file=sys.stderr)
                if turn:
                    seconds[name].append(found)
    return seconds


def rate(seconds: list[float], frames: int) -> float:
    """MB/s of the middle round."""
    return frames * FRAME_BYTES / MEGABYTE / statistics.median(seconds)


def direction(seconds: dict[str, list[float]], name: str, frames: int) -> Direction:
    """One direction against the copies of the same rounds."""

    def shares(of: str) -> list[float]:
        pairs = zip(seconds[of], seconds[name], strict=True)
        return [copied / ours for copied, ours in pairs]

    return Direction(
        rate=rate(seconds[name], frames),
        share=statistics.median(shares("plain")),
        share_least=min(shares("plain")),
        share_most=max(shares("plain")),
        share_of_disk=statistics.median(shares("disk")),
        share_of_zmq=statistics.median(shares("zmq")),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the server's spool is made")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    frames = [frame_bytes(number) for number in range(options.frames)]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        seconds = measure(frames, options.rounds, Path(folder))
    result = Result(
        frame=f"{WIDTH} x {HEIGHT} x {CHANNELS} float16",
        frame_bytes=FRAME_BYTES,
        frames=options.frames,
        rounds=options.rounds,
        plain_rate=rate(seconds["plain"], options.frames),
        plain_rate_to_disk=rate(seconds["disk"], options.frames),
        zmq_rate=rate(seconds["zmq"], options.frames),
        to_server=direction(seconds, "up", options.frames),
        to_client=direction(seconds, "down", options.frames),
        machine=machine(),
    )
    report(result, options.json)


if __name__ == "__main__":
    main()
