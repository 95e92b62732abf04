"""How fast are mattes written? From arrays to whole EXR files on disk, each style and compression.

    python -m benchmarks.writing --json benchmarks/results/writing.json

Two pictures, made here: `edges` has parts with soft, frayed edges (most pixels hold one part or
none), `haze` a little of every part in every pixel, with noise: the worst that a soft map can be,
measured with half values alone.
Wall seconds are the median and the least of the runs; processor seconds count all threads, so half
of them is what two idle cores need at the least. `load` is how many programs wanted a core when it
began: above none, wall seconds say less. The exit status says whether `parts` and `layers` in the
default encoding reach the target on `edges`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.peak_memory import peak_memory
from benchmarks.timing import machine, report
from smite_server.exr_attributes import ShotMetadata
from smite_server.exr_encoding import Compression, use_threads
from smite_server.geometry import Floats, Geometry
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_names import OutputNames
from smite_server.output_styles import (
    CryptomatteStyle,
    LayersStyle,
    OutputStyle,
    PartsStyle,
)
from smite_server.output_writer import OutputWriter

TARGET_SECONDS = 1.0
"""A frame of 4096x2160 and 7 parts on two cores."""
MEGA = 1e6
PICTURES = ("edges", "haze")


@dataclass(frozen=True)
class Row:
    """One way of writing; seconds and megabytes per frame, peak memory above the mattes."""

    style: str
    compression: str
    precision: str
    picture: str
    seconds: float
    least_seconds: float
    processor_seconds: float
    megabytes: float
    peak_megabytes: float


@dataclass(frozen=True)
class Result:
    """What was measured."""

    width: int
    height: int
    parts: int
    threads: int
    runs: int
    target_seconds: float
    rows: list[Row]
    load: float
    machine: str


def edges(parts: int, height: int, width: int) -> Floats:
    """Stars side by side that touch: float32 [K, H, W], together at most 1."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    mattes = np.empty((parts, height, width), np.float32)
    for index, matte in enumerate(mattes):
        away_y = (y - random.uniform(0.25, 0.75) * height) / 1.5
        away_x = x - (index + 0.8) / (parts + 0.6) * width
        angle = np.arctan2(away_y, away_x)
        frayed = 1 + 0.1 * np.sin(angle * 23) + 0.03 * np.sin(angle * 190)
        matte[:] = 0.55 * width / parts * frayed - np.hypot(away_y, away_x)
    np.clip(mattes / 12 + 0.5, 0, 1, out=mattes)
    mattes /= np.maximum(mattes.sum(axis=0), 1)
    return mattes


def haze(parts: int, height: int, width: int) -> Floats:
    """Noise that sums to 1 with the background: float32 [K, H, W]."""
    random = np.random.default_rng(0)
    mattes = random.random((parts, height, width), dtype=np.float32)
    mattes /= mattes.sum(axis=0) + random.random((height, width), dtype=np.float32)
    return mattes


def ways(parts: list[str]) -> list[tuple[OutputStyle, str]]:
    """Every style, compression and precision that is measured."""
    found: list[tuple[OutputStyle, str]] = []
    for precision in ("half", "float"):
        for compression in Compression:
            found.append((PartsStyle(parts, compression), precision))
            found.append((LayersStyle(parts, compression), precision))
            if compression.lossless:
                found.append((CryptomatteStyle(parts, compression), precision))
    found.append((LayersStyle(parts, rgba=True), "half"))
    return found


def measure(
    style: OutputStyle, precision: str, picture: str, mattes: Floats, options: argparse.Namespace
) -> Row:
    """Writes one frame again and again."""
    height, width = mattes.shape[1:]
    frame = MatteFrame(1001, mattes, Geometry.of_size(width, height))
    encoder = MatteEncoder([style], ShotMetadata(), precision=precision, threads=options.threads)
    wall: list[float] = []
    busy: list[float] = []
    with tempfile.TemporaryDirectory(prefix="smite-writing-") as folder:
        names = OutputNames(Path(folder), "shot", 1, {style.name: style.members})
        writer = OutputWriter(names, encoder)
        peak = peak_memory(lambda: writer.write(frame), "cpu")  # The warm-up, too.
        for _ in range(options.runs):
            began, began_busy = time.perf_counter(), time.process_time()
            files = writer.write(frame)
            wall.append(time.perf_counter() - began)
            busy.append(time.process_time() - began_busy)
        size = sum(file.path.stat().st_size for file in files)
    kind = "layers, rgba" if getattr(style, "suffixes", ("A",)) != ("A",) else style.name
    return Row(
        style=kind,
        compression=style.compression.value,
        precision=precision,
        picture=picture,
        seconds=round(statistics.median(wall), 3),
        least_seconds=round(min(wall), 3),
        processor_seconds=round(statistics.median(busy), 3),
        megabytes=round(size / MEGA, 2),
        peak_megabytes=round(peak.growth / MEGA, 1),
    )


def show(rows: list[Row]) -> None:
    """Prints the rows as a table."""
    print("| style | compression | values | picture | s/frame | least | cpu s | MB | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.style} | {row.compression} | {row.precision} | {row.picture}"
            f" | {row.seconds:.2f} | {row.least_seconds:.2f} | {row.processor_seconds:.2f}"
            f" | {row.megabytes:.1f} | {row.peak_megabytes:.0f} |",
        )


def read_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="4096x2160", help="width and height")
    parser.add_argument("--parts", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", nargs="+", choices=PICTURES, default=PICTURES)
    parser.add_argument("--only", help="a style, such as `layers`")
    parser.add_argument("--json", type=Path, help="also write the result here")
    return parser.parse_args()


def main() -> int:
    """Runs the benchmark."""
    options = read_options()
    width, height = (int(number) for number in options.size.split("x"))
    use_threads(options.threads)
    names = [f"part_{index}" for index in range(options.parts)]
    load = psutil.getloadavg()[0]
    rows: list[Row] = []
    for picture in options.pictures:
        make = edges if picture == "edges" else haze
        mattes = make(options.parts, height, width)
        for style, precision in ways(names):
            wanted = picture == "edges" or precision == "half"
            if wanted and options.only in (None, style.name):
                rows.append(measure(style, precision, picture, mattes, options))
                print(rows[-1], file=sys.stderr, flush=True)
    show(rows)
    result = Result(
        width=width,
        height=height,
        parts=options.parts,
        threads=options.threads,
        runs=options.runs,
        target_seconds=TARGET_SECONDS,
        rows=rows,
        load=round(load, 1),
        machine=machine(),
    )
    report(result, options.json)
    slow = [
        row
        for row in rows
        if (row.compression, row.precision, row.picture) == ("zip", "half", "edges")
        and row.style in ("parts", "layers")
        and row.least_seconds > TARGET_SECONDS
    ]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
