"""Does a watcher that never reads slow the others, or cost the server memory?

    python -m benchmarks.slow_client

A job's mattes are read as bytes, again and again, in rounds with and without stalled watchers of
the same job: clients that greet, watch, send their heartbeats, and never read a byte. Prints and
stores the share of throughput that is left (medians of the rounds) and the growth of the server's
resident memory. Needs the [server,dev] extras.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import zmq

from smite_protocol import LearnSpec, SegmentSpec
from smite_protocol.events import MatteReady
from smite_protocol.messages import Heartbeat, Hello, Message, Watch
from smite_protocol.uploads import WireFrame
from smite_protocol.wire import encode
from tests.support import footage
from tests.support.servers import ServerUnderTest, running_server

RESULTS = Path(__file__).parent / "results" / "slow_client.json"
SIDE, FRAMES, STALLED, ROUNDS, READS = 768, 48, 4, 7, 8
MEBIBYTE = 1024 * 1024


def noisy_frames() -> Iterator[WireFrame]:
    """Yield frames whose mattes do not compress well: the parts' colours, pixel by pixel."""
    for number in range(FRAMES):
        luck = np.random.default_rng(number)
        colours = np.float32([(0.45, 0.45, 0.45), footage.BODY_COLOUR, footage.WHEEL_COLOUR])
        image = colours[luck.integers(0, 3, (SIDE, SIDE))]
        yield WireFrame(number, (SIDE, SIDE, 3), "float32", np.ascontiguousarray(image).data)


class Stalled:
    """A watcher that sends heartbeats and never reads."""

    def __init__(self, endpoint: str, job: str, index: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(endpoint, job, index))
        self._thread.start()

    def _run(self, endpoint: str, job: str, index: int) -> None:
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 1)
        socket.setsockopt(zmq.RCVBUF, 65536)
        socket.connect(endpoint)
        hello: Message = Hello(protocol_min=1, protocol_max=2, client=f"stalled{index}")
        for number, message in enumerate((hello, Watch(job=job)), 1):
            socket.send_multipart(encode(message, request=number))
        while not self._stop.wait(0.3):
            socket.send_multipart(encode(Heartbeat(), request=9))
        socket.close()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()
        self._context.term()


@contextmanager
def stalled(endpoint: str, job: str, count: int) -> Iterator[None]:
    """Hold so many stalled watchers."""
    with ExitStack() as stack:
        for index in range(count):
            stack.callback(Stalled(endpoint, job, index).close)
        yield


def read_all(server: ServerUnderTest, job: str) -> float:
    """Read a job's mattes a few times; return MiB per second."""
    with server.client() as client:
        begun, size = time.monotonic(), 0
        for _ in range(READS):
            for event in client.watch(job):
                if isinstance(event, MatteReady) and event.data is not None:
                    size += memoryview(event.data).nbytes
        return size / MEBIBYTE / (time.monotonic() - begun)


def measure(folder: Path) -> dict[str, Any]:
    """Return the figures."""
    footage.write_references(folder / "refs")
    with running_server(folder / "home", roots=(folder,)) as server:
        with server.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(folder / "refs"))))
            job = client.submit(SegmentSpec(model="cart"), plate=noisy_frames())
            client.wait(job)
        process = psutil.Process(server.process.pid)
        read_all(server, job)
        before = process.memory_info().rss
        alone, beside, peak = [], [], before
        for _ in range(ROUNDS):
            alone.append(read_all(server, job))
            with stalled(server.live.endpoint, job, STALLED):
                time.sleep(1.0)  # Until their pipes are full.
                beside.append(read_all(server, job))
                peak = max(peak, process.memory_info().rss)
    return {
        "stalled_watchers": STALLED,
        "rounds": ROUNDS,
        "mib_per_second_alone": round(median(alone), 1),
        "mib_per_second_beside": round(median(beside), 1),
        "share": round(median(b / a for a, b in zip(alone, beside, strict=True)), 3),
        "server_rss_mib": round(before / MEBIBYTE, 1),
        "server_rss_growth_mib": round((peak - before) / MEBIBYTE, 1),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smite-slow-") as name:
        found = measure(Path(name))
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
