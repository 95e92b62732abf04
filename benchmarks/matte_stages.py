"""What does each stage of making mattes cost, from the plate on disk to files of every style?

    python -m benchmarks.matte_stages                                    # 4096x2160, 100 frames
    python -m benchmarks.matte_stages --size 8192x4320 --frames 2
    python -m benchmarks.matte_stages --table                            # markdown, from the JSON

The shot is real footage, a shared clip or else the demo shot, enlarged and written as half-float
EXR; a few frames are linked over and over. Its subject is cut into as many parts as are asked for,
learned from the first frame. Frames take the way of a job, through the same classes: the plate is
read, brought to display colours, segmented, given its edges, and written in every style.

``all`` is one job that makes ``fine`` edges and writes all three styles: the sum of its stages, the
engine among them. `hard` and `soft` are made beside it and are in no sum. Peak memory is that of
the process while the shot is made, above what it held with weights and part model loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.enlarged_plate import enlarged_plate
from benchmarks.peak_memory import peak_memory
from benchmarks.runs import engine_digest, rounded
from benchmarks.tables import NOTHING, markdown
from benchmarks.timing import machine
from smite_engine import (
    Backbone,
    Frame,
    FrameMaps,
    LearnSettings,
    PartModel,
    PartSet,
    SegmentSettings,
    learn,
    load_backbone,
    segment,
)
from smite_engine.edge_settings import EDGES, EdgeSettings
from smite_engine.edges import ShotEdges
from smite_server.colour import ToDisplay
from smite_server.exr_attributes import ShotMetadata
from smite_server.exr_encoding import use_threads
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_names import OutputNames
from smite_server.output_styles import STYLES, make_style
from smite_server.output_writer import OutputWriter
from smite_server.plates import Plate, PlateFrame, engine_view, open_plate

RESULTS = Path(__file__).parent / "results" / "matte_stages.json"
MEBIBYTE = 1024 * 1024
BEFORE_EDGES = ("read", "display", "engine")
JOB = (*BEFORE_EDGES, "fine", *STYLES)
"""The stages of the job that ``all`` is of."""

QUICK = {"embedding_steps": 8, "weight_steps": 4, "key_steps": 100, "key_views": 4}


@dataclass
class Stages:
    """Seconds of every frame, by stage."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def note(self, stage: str, seconds: float) -> None:
        """One frame's."""
        self.seconds.setdefault(stage, []).append(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Notes what a ``with`` block takes."""
        began = time.perf_counter()
        yield
        self.note(stage, time.perf_counter() - began)

    def total(self, stage: str) -> float:
        """Of all frames so far."""
        return sum(self.seconds.get(stage, ()))

    def per_frame(self) -> dict[str, float]:
        """Means, since the engine takes a window's time at its first frame, and ``all``."""
        means = {name: sum(each) / len(each) for name, each in self.seconds.items()}
        return {**means, "all": sum(means[stage] for stage in JOB)}

    def middle(self) -> dict[str, float]:
        """Medians, which a stall of the machine does not move."""
        return {name: median(each) for name, each in self.seconds.items()}


@dataclass(frozen=True)
class Row:
    """One run; seconds per frame, memory in MiB."""

    size: str
    parts: int
    frames: int
    plate: str
    device: str
    threads: int
    seconds: dict[str, float]
    median_seconds: dict[str, float]
    peak_mib: int
    load: float
    machine: str
    engine: str


class Job:
    """The stages of a job over one shot, timed.

    Frames wait for their maps in the plate's own colours, as the half floats that they were read
    from, so that a window of them takes little memory.
    """

    def __init__(
        self, backbone: Backbone, model: PartModel, out: Path, options: argparse.Namespace
    ) -> None:
        self.stages = Stages()
        self._backbone, self._model, self._device = backbone, model, options.device
        self._waiting: dict[int, PlateFrame] = {}
        chosen = ["fine"] if options.fine_only else EDGES
        self._edges = {name: ShotEdges(EdgeSettings(edges=name), options.device) for name in chosen}
        slugs = [part.slug for part in model.parts.parts]
        self._writers = {name: _writer(name, slugs, out, options.threads) for name in STYLES}

    def run(self, plate: Plate) -> None:
        """Every frame through every stage."""
        to_display = ToDisplay(plate.colour_space, plate.format_hint)
        settings = SegmentSettings(quality="draft")
        maps = segment(self._backbone, self._model, self._frames(plate, to_display), settings)
        while (found := self._next(maps)) is not None:
            kept = self._waiting.pop(found.number)
            # Timed once already, on the frame's way into the engine.
            image = to_display.apply(kept.pixels.astype(np.float32))
            mattes = self._edged(found, image)
            self._written(MatteFrame(found.number, mattes, kept.geometry))
            print(f"  frame {found.number}", file=sys.stderr, flush=True)

    def _frames(self, plate: Plate, to_display: ToDisplay) -> Iterator[Frame]:
        for number in plate.numbers:
            with self.stages.timed("read"):
                frame = plate.read(number)
            with self.stages.timed("display"):
                view = engine_view(frame, to_display.apply(frame.pixels))
            self._waiting[number] = replace(frame, pixels=frame.pixels.astype(np.float16))
            yield Frame(number, view)

    def _next(self, maps: Iterator[FrameMaps]) -> FrameMaps | None:
        """The next frame's maps; reading is not counted as the engine's."""
        reading = self.stages.total("read") + self.stages.total("display")
        began = time.perf_counter()
        found = next(maps, None)
        taken = time.perf_counter() - began
        reading = self.stages.total("read") + self.stages.total("display") - reading
        if found is not None:
            self.stages.note("engine", taken - reading)
        return found

    def _edged(self, maps: FrameMaps, image: np.ndarray) -> np.ndarray:
        """The ``fine`` mattes; the others are made for their time alone."""
        mattes = {}
        for name, edges in self._edges.items():
            with self.stages.timed(name):
                made = edges.mattes(maps, image)
            if name == "fine":
                mattes[name] = made
        return mattes["fine"]

    def _written(self, frame: MatteFrame) -> None:
        for name, writer in self._writers.items():
            with self.stages.timed(name):
                writer.write(frame)


def _writer(style: str, slugs: list[str], out: Path, threads: int) -> OutputWriter:
    made = make_style(style, slugs)
    encoder = MatteEncoder([made], ShotMetadata(shot="shot"), threads=threads)
    return OutputWriter(OutputNames(out, "shot", 1, {style: made.members}), encoder)


def measured(options: argparse.Namespace) -> Row:
    """One run over an enlarged shot in a temporary folder."""
    use_threads(options.threads)
    torch.set_num_threads(options.threads)
    load = psutil.getloadavg()[0]
    width, height = options.size
    with tempfile.TemporaryDirectory(prefix="smite-stages-") as name:
        work = Path(name)
        footage = enlarged_plate(work, options.clip, (width, height), options.frames, options.parts)
        backbone = load_backbone("embedded")
        parts = PartSet.from_names(f"piece {index}" for index in range(1, options.parts + 1))
        settings = LearnSettings(**(QUICK if options.quick else {}))
        model = learn(backbone, [footage.reference], parts, settings)
        job = Job(backbone, model, work / "out", options)
        with open_plate(footage.pattern) as plate:
            peak = peak_memory(lambda: job.run(plate), options.device)
    return Row(
        size=f"{width}x{height}",
        parts=options.parts,
        frames=options.frames,
        plate=footage.name,
        device=options.device,
        threads=options.threads,
        seconds=rounded(job.stages.per_frame()),
        median_seconds=rounded(job.stages.middle()),
        peak_mib=round(peak.growth / MEBIBYTE),
        load=round(load, 1),
        machine=machine(options.device),
        engine=engine_digest(),
    )


def stage_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one line for each run."""
    columns = (*BEFORE_EDGES, *EDGES, *STYLES, "all")
    head = ("plate", "frames", "parts", *columns, "peak MiB", "device", "load")
    lines = []
    for row in rows:
        figures = [row["seconds"].get(name) for name in columns]
        lines.append(
            [
                row["size"],
                str(row["frames"]),
                str(row["parts"]),
                *(NOTHING if each is None else f"{each:.2f}" for each in figures),
                str(row["peak_mib"]),
                f"{row['device']}, {row['threads']} threads",
                f"{row['load']:.1f}",
            ]
        )
    return markdown(head, lines) if lines else "Nothing is measured yet."


def keep(path: Path, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Adds a row to the file in place of one of the same size, parts and device; all rows."""

    def about(each: Mapping[str, Any]) -> tuple[Any, ...]:
        return each["size"], each["parts"], each["device"]

    rows = [each for each in read_rows(path) if about(each) != about(row)]
    rows = sorted([*rows, dict(row)], key=about)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    return rows


def read_rows(path: Path) -> list[dict[str, Any]]:
    """What is measured so far."""
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def size_of(text: str) -> tuple[int, int]:
    """(width, height) of a text such as 4096x2160."""
    try:
        width, height = (int(number) for number in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 4096x2160") from None
    if min(width, height) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has a side without pixels")
    return width, height


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--size", type=size_of, default=(4096, 2160), help="width x height (default 4096x2160)")
    add("--frames", type=int, default=100)
    add("--parts", type=int, default=7)
    add("--clip", default="davis/libby", help="a shared clip; the demo shot where there is none")
    add("--device", default="cpu", help="where edges are made")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add("--fine-only", action="store_true", help="leave hard and soft out")
    add("--quick", action="store_true", help="learn in few steps: mattes are rough")
    add("--json", type=Path, default=RESULTS)
    add("--table", action="store_true", help="only print the table of the results")
    options = parser.parse_args()
    rows = read_rows(options.json)
    if not options.table:
        rows = keep(options.json, asdict(measured(options)))
    print(stage_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
