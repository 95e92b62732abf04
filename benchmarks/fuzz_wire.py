"""Wrong messages for as long as you like: the decoder under atheris, and a server on a real socket.

    python -m benchmarks.fuzz_wire --seconds 600 --messages 200000

The long form of `tests/protocol/test_fuzz.py`. atheris (`pip install atheris`, Linux) is led by the
decoder's coverage and starts from good messages of every type; where it is not installed the
mutations of the tests take its place. The server runs with the fake engine and is asked for a real
job afterwards. Exit status 1 when anything crashed, grew by 50 MB, or was not answered.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from smite_protocol import LearnSpec
from smite_protocol.errors import SmiteError
from smite_protocol.wire import decode
from tests.support import footage
from tests.support.fuzzing import MOST_GROWTH, NO_LIMITS, SEEDS, send_all
from tests.support.mutations import BOMBS, mutated
from tests.support.raw_peer import raw_peer
from tests.support.servers import running_server

RESULT = Path(__file__).parent / "results" / "fuzz_wire.json"
MAX_PAYLOAD = 1024
MAX_INPUT = 1 << 13
MEMORY_MEBIBYTES = 1024
BATCH = 1000


def main() -> int:
    """Fuzz, write the figures, return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz_wire", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for the decoder")
    parser.add_argument("--messages", type=int, default=50_000, help="for the server")
    parser.add_argument("--start", type=int, default=10_000, help="first mutation")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    found = {
        "decoder": fuzz_decoder(given.seconds, given.start),
        "server": fuzz_server(given.start, given.messages),
    }
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    return 0 if all(part["ok"] for part in found.values()) else 1


def fuzz_decoder(seconds: int, start: int) -> dict[str, Any]:
    """Return how many inputs the decoder took, and whether all of them well."""
    if importlib.util.find_spec("atheris") is None:
        return _mutate_decoder(seconds, start)
    with tempfile.TemporaryDirectory() as folder:
        for number, header in enumerate([*(seed[0] for seed in SEEDS), *BOMBS]):
            (Path(folder) / str(number)).write_bytes(header[:MAX_INPUT])
        done = subprocess.run(
            [
                sys.executable, "-m", "benchmarks.fuzz_decoder",
                folder, f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", "-timeout=10",
                f"-rss_limit_mb={MEMORY_MEBIBYTES}", "-print_final_stats=1",
                f"-artifact_prefix={folder}/",
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    counts = re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    peaks = re.findall(r"stat::peak_rss_mb:\s+(\d+)", done.stderr)
    return {
        "by": "atheris",
        "seconds": seconds,
        "inputs": int(counts[-1]) if counts else 0,
        "peak_rss_mebibytes": int(peaks[-1]) if peaks else None,
        "ok": done.returncode == 0 and bool(counts),
        "told": "" if done.returncode == 0 else done.stderr[-4000:],
    }


def _mutate_decoder(seconds: int, start: int) -> dict[str, Any]:
    process = psutil.Process()
    before, count = process.memory_info().rss, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for frames in mutated(SEEDS, BATCH, start + count):
            try:
                decode(frames, max_payload=MAX_PAYLOAD)
            except SmiteError:
                continue
        count += BATCH
    growth = process.memory_info().rss - before
    return {
        "by": "mutations",
        "seconds": seconds,
        "inputs": count,
        "growth_bytes": growth,
        "ok": growth < MOST_GROWTH,
    }


def fuzz_server(start: int, count: int) -> dict[str, Any]:
    """Return how a running server took ``count`` wrong messages."""
    with tempfile.TemporaryDirectory() as folder:
        refs = Path(folder) / "refs"
        footage.write_references(refs)
        with running_server(Path(folder) / "home", roots=(refs,), limits=NO_LIMITS) as server:
            process = psutil.Process(server.process.pid)
            begun = time.monotonic()
            with raw_peer(server.live.endpoint) as peer:
                peer.hello()
                send_all(peer, start, start + BATCH)
                before = process.memory_info().rss
                unanswered = send_all(peer, start + BATCH, start + count)
                growth = process.memory_info().rss - before
            seconds = time.monotonic() - begun
            with server.client() as client:
                for job in client.jobs(all=False):
                    client.cancel(job.job)
                last = client.wait(client.submit(LearnSpec(name="after", refs=str(refs))))
    return {
        "messages": count,
        "seconds": round(seconds, 1),
        "unanswered": unanswered[:20],
        "growth_bytes": growth,
        "serves_after": last.state == "done",
        "ok": not unanswered and growth < MOST_GROWTH and last.state == "done",
    }


if __name__ == "__main__":
    sys.exit(main())
