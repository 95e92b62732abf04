"""Does memory grow with the length of a shot?

Loops a clip to a long shot (links in a temporary folder), segments it through a private server,
and compares the worker's peak resident memory up to frame 100 with its peak up to the last frame.

    python benchmarks/memory.py --frames 1000 --json benchmarks/results/memory.json

Needs the [server,dev] extras. Frames are counted when all their mattes are on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from smite_protocol import Client, LearnSpec, MatteReady, SegmentSpec
from smite_server.private import connect_or_start
from smite_server.registry import live_servers

REPO = Path(__file__).resolve().parents[1]
EXAMPLE = REPO / "examples" / "rocket"
MARK = 100
SAMPLE_SECONDS = 0.1
ALLOWED_RATIO = 1.05
SHORT_LEARNING = {"embedding_steps": 8, "weight_steps": 4, "key_steps": 100, "key_views": 4}
"""How good the mattes are does not matter here."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Result:
    """What was measured; memory in MiB, the worker's processes together."""

    frames: int
    quality: str
    peak_mib_at_mark: float
    peak_mib_at_end: float
    ratio: float
    mark: int
    seconds: float
    seconds_per_frame: float
    machine: str


class MemoryWatch:
    """Samples the resident memory of the largest process below a server, in a thread."""

    def __init__(self, server: int) -> None:
        self._server = psutil.Process(server)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak = 0

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            try:
                sizes = [
                    process.memory_info().rss for process in self._server.children(recursive=True)
                ]
            except psutil.NoSuchProcess:
                continue
            self.peak = max(self.peak, max(sizes, default=0))


def loop_clip(clip: Path, folder: Path, frames: int) -> Path:
    """Fill ``folder`` with links to the clip's pictures over and over; return the pattern."""
    pictures = sorted(file for file in clip.iterdir() if file.is_file())
    if not pictures:
        raise SystemExit(f"{clip} holds no pictures")
    suffix = pictures[0].suffix
    for number in range(frames):
        there_and_back = pictures + pictures[-2:0:-1]
        source = there_and_back[number % len(there_and_back)]
        (folder / f"loop.{1001 + number:04d}{suffix}").symlink_to(source)
    return folder / f"loop.####{suffix}"


def server_of(client: Client) -> int:
    """Return the process id of the client's server."""
    (found,) = [live.pid for live in live_servers() if live.server == client.server.server]
    return found


def segment(client: Client, spec: SegmentSpec, frames: int) -> Result:
    """Segment the shot and measure. Raises the job's error."""
    started = time.monotonic()
    finished_frames: Counter[int] = Counter()
    at_mark = 0
    with MemoryWatch(server_of(client)) as watch:
        for event in client.watch(client.submit(spec)):
            if isinstance(event, MatteReady):
                finished_frames[event.frame] += 1
                if len(finished_frames) > MARK and not at_mark:
                    at_mark = watch.peak
                if len(finished_frames) % 50 == 0 and finished_frames[event.frame] == 1:
                    show(len(finished_frames), frames, watch.peak)
            elif hasattr(event, "raise_for_state"):
                event.raise_for_state()
        peak = watch.peak
    seconds = time.monotonic() - started
    if len(finished_frames) != frames or not at_mark:
        raise SystemExit(f"{len(finished_frames)} frames came, {frames} were expected")
    return Result(
        frames=frames,
        quality=spec.quality,
        peak_mib_at_mark=round(at_mark / MEBIBYTE, 1),
        peak_mib_at_end=round(peak / MEBIBYTE, 1),
        ratio=round(peak / at_mark, 4),
        mark=MARK,
        seconds=round(seconds, 1),
        seconds_per_frame=round(seconds / frames, 3),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )


def show(done: int, frames: int, peak: int) -> None:
    """Print where the run is."""
    print(f"  {done}/{frames} frames, peak {peak / MEBIBYTE:.0f} MiB", file=sys.stderr, flush=True)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=EXAMPLE / "plate", help="folder of pictures")
    parser.add_argument("--refs", type=Path, default=EXAMPLE / "references")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--quality", default="draft")
    parser.add_argument("--area", type=int, help="pixels of the engine's canvas, for a quick look")
    parser.add_argument("--json", type=Path, help="also write the result here")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; the exit status says whether memory stayed flat."""
    options = read_options()
    if options.frames <= MARK:
        raise SystemExit(f"--frames must be above {MARK}")
    with tempfile.TemporaryDirectory(prefix="smite-memory-") as name:
        work = Path(name)
        os.environ["SMITE_HOME"] = str(work / "home")
        (work / "plate").mkdir()
        plate = loop_clip(options.clip.resolve(), work / "plate", options.frames)
        roots = [work, options.clip.resolve(), options.refs.resolve()]
        with connect_or_start(None, roots=roots) as client:
            learning = LearnSpec(
                name="memory", refs=str(options.refs.resolve()), settings=SHORT_LEARNING
            )
            client.wait(client.submit(learning))
            spec = SegmentSpec(
                model="memory",
                plate=str(plate),
                shot="loop",
                out=str(work / "out"),
                quality=options.quality,
                settings={} if options.area is None else {"area": options.area},
            )
            result = segment(client, spec, options.frames)
    report(result, options.json)
    return 0 if result.ratio <= ALLOWED_RATIO else 1


def report(result: Result, target: Path | None) -> None:
    """Print the result as a table and JSON; write the JSON where asked."""
    print("| frames | peak RSS at frame 100 | peak RSS at the end | ratio | s/frame |")
    print("|---|---|---|---|---|")
    print(
        f"| {result.frames} | {result.peak_mib_at_mark} MiB | {result.peak_mib_at_end} MiB"
        f" | {result.ratio} | {result.seconds_per_frame} |"
    )
    text = json.dumps(asdict(result), indent=2)
    print(text)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
