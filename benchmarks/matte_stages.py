"""What does each stage of making mattes cost, from the plate on disk to files of every style?

    python -m benchmarks.matte_stages                                    # 4096x2160, 100 frames
    python -m benchmarks.matte_stages --size 8192x4320 --frames 2
    python -m benchmarks.matte_stages --table                            # markdown, from the JSON

The shot is real footage, a shared clip or else the demo shot, enlarged and written as half-float
EXR; a few frames are linked over and over. Its subject is cut into as many parts as are asked for,
learned from the first frame. Frames take the way of a job, through the same classes: the plate is
read, brought to display colours, segmented; when its maps have come it is read and brought to
display colours once more, given its edges, written in every style, and measured for the review.

``all`` is one job that makes ``fine`` edges and writes all three styles: the sum of its stages, the
engine among them. `hard` and `soft` are made beside it and are in no sum. Peak memory is that of
the process while the shot is made, above what it held with weights and part model loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import torch

from benchmarks.enlarged_plate import enlarged_plate
from benchmarks.peak_memory import peak_memory
from benchmarks.runs import engine_digest, rounded
from benchmarks.stage_table import keep, read_rows, stage_table
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
from smite_server.report_frames import FrameReport
from smite_server.worker.pictures import fit, small_copy
from smite_server.worker.shot_quality import ShotQuality

RESULTS = Path(__file__).parent / "results" / "matte_stages.json"
MEBIBYTE = 1024 * 1024
BEFORE_EDGES = ("read", "display", "engine")
JOB = (*BEFORE_EDGES, "fine", *STYLES, "review")
"""The stages of the job that ``all`` is of."""

QUICK = {"embedding_steps": 8, "weight_steps": 4, "key_steps": 100, "key_views": 4}


@dataclass
class Stages:
    """Seconds by stage, as often as the stage ran."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    frames: int = 0

    def note(self, stage: str, seconds: float) -> None:
        """Of one time."""
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
        """Of a frame in the mean, since a window's time falls on its first; and ``all``."""
        means = {name: self.total(name) / self.frames for name in self.seconds}
        return {**means, "all": sum(means[stage] for stage in JOB)}

    def middle(self) -> dict[str, float]:
        """Medians of the times that a stage ran, which a stall of the machine does not move."""
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
    """The stages of a job over one shot, timed."""

    def __init__(
        self, backbone: Backbone, model: PartModel, out: Path, options: argparse.Namespace
    ) -> None:
        self.stages = Stages()
        self._backbone, self._model = backbone, model
        chosen = ["fine"] if options.fine_only else EDGES
        self._edges = {name: ShotEdges(EdgeSettings(edges=name), options.device) for name in chosen}
        names = {part.slug: part.name for part in model.parts.parts}
        self._writers = {name: _writer(name, list(names), out, options.threads) for name in STYLES}
        self._quality = ShotQuality(names)

    def run(self, plate: Plate) -> None:
        """Every frame through every stage."""
        to_display = ToDisplay(plate.colour_space, plate.format_hint)
        settings = SegmentSettings(quality="draft")
        reader = plate.second_reader()
        maps = segment(self._backbone, self._model, self._frames(plate, to_display), settings)
        while (found := self._next(maps)) is not None:
            frame, image = self._read(reader, found.number, to_display)
            mattes = self._edged(found, image)
            self._written(MatteFrame(found.number, mattes, frame.geometry))
            self._reviewed(found, mattes, engine_view(frame, image))
            self.stages.frames += 1
            print(f"  frame {found.number}", file=sys.stderr, flush=True)
        reader.close()

    def _frames(self, plate: Plate, to_display: ToDisplay) -> Iterator[Frame]:
        for number in plate.numbers:
            frame, image = self._read(plate, number, to_display)
            yield Frame(number, engine_view(frame, image))

    def _read(
        self, plate: Plate, number: int, to_display: ToDisplay
    ) -> tuple[PlateFrame, np.ndarray]:
        """A frame, and its pixels in display colours."""
        with self.stages.timed("read"):
            frame = plate.read(number)
        with self.stages.timed("display"):
            image = to_display.apply(frame.pixels)
        return frame, image

    def _next(self, maps: Iterator[FrameMaps]) -> FrameMaps | None:
        """The next frame's maps; reading is not counted as the engine's."""
        before = self.stages.total("read") + self.stages.total("display")
        began = time.perf_counter()
        found = next(maps, None)
        taken = time.perf_counter() - began
        if found is not None:
            reading = self.stages.total("read") + self.stages.total("display") - before
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

    def _reviewed(self, maps: FrameMaps, mattes: np.ndarray, view: np.ndarray) -> None:
        with self.stages.timed("review"):
            small = small_copy(view)
            fitted = np.stack([fit(matte, small) for matte in mattes])
            about = FrameReport(maps.number, confidence=maps.confidence, seconds=0.0)
            self._quality.add(about, fitted, maps.probabilities, small)


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
