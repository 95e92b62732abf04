"""How good are the mattes' edges, next to plain bilinear growth of the maps?

    blender-env/bin/python tools/shots/render_shots.py --out DIR     # once, see there
    python -m benchmarks.edges --shots DIR                           # the demo shot and those two
    python -m benchmarks.edges --table                               # markdown, from the JSON alone

Table (a): maps are the exact mattes, averaged over the cells of the grid that the engine works on;
this isolates the edges. Table (b): maps are the engine's own (``draft``, learned from the shot's
references). Mattes are made as a job makes them, frame after frame, with the steadiness that is the
default; bilinear growth is taken frame by frame.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.edge_shots import EdgeShot, TrueFrame, edge_shots
from benchmarks.edge_tables import edge_tables
from benchmarks.runs import engine_digest, rounded
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
    mattes_at,
    segment,
)
from smite_engine import matting_metrics as metrics
from smite_engine.cell_means import cell_means
from smite_engine.edge_settings import EDGES, EdgeSettings
from smite_engine.edges import ShotEdges
from smite_engine.sizing import working_size

RESULTS = Path(__file__).parent / "results" / "edges.json"
BILINEAR = "bilinear"
METHODS = (BILINEAR, *EDGES)
TRUTH, ENGINE = "truth", "engine"
BAND = 1.5
"""Cells around the edges of the exact mattes that the SAD of the band is of."""

UNSTEADY = {"unsteady": True, "unsteady_in_mattes": False}
"""Figure -> whether pixels count that are clear in truth and matte."""

FRAMES = 8


@dataclass
class Score:
    """The figures of one method on one shot; parts are summed, frames averaged."""

    totals: dict[str, list[float]] = field(default_factory=dict)
    changes: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _last: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, mattes: np.ndarray, truth: np.ndarray, bands: np.ndarray) -> None:
        """The next frame: mattes and truth [K - 1, H, W], bands bool of the same shape."""
        pairs = list(zip(mattes, truth, bands, strict=True))
        self._note("sad_band", sum(metrics.sad(a, t, band) for a, t, band in pairs))
        self._note("sad", sum(metrics.sad(a, t) for a, t, _ in pairs))
        self._note("mse", fmean(metrics.mse(a, t) for a, t, _ in pairs))
        self._note("gradient", sum(metrics.gradient_error(a, t) for a, t, _ in pairs))
        self._note("connectivity", sum(metrics.connectivity_error(a, t) for a, t, _ in pairs))
        if self._last is not None:
            four = list(zip(mattes, self._last[0], truth, self._last[1], strict=True))
            self._note("dtssd", fmean(metrics.dtssd(*each) for each in four))
            for name, clear in UNSTEADY.items():
                found = [metrics.unsteadiness(*each, with_clear=clear) for each in four]
                self.changes.setdefault(name, []).extend(found)
        self._last = (mattes, truth)

    def _note(self, name: str, value: float) -> None:
        self.totals.setdefault(name, []).append(value)

    def result(self) -> dict[str, Any]:
        """Means over frames; None where there was no pair of frames."""
        means = {name: fmean(values) for name, values in self.totals.items()}
        steady = {
            name: sum(change for change, _ in found) / max(1, sum(pixels for _, pixels in found))
            for name, found in self.changes.items()
        }
        absent = dict.fromkeys(("dtssd", *UNSTEADY))
        return {**absent, **means, **steady, "seconds": fmean(self.seconds)}


def exact_maps(shot: EdgeShot, frames: int, area: int) -> Iterator[FrameMaps]:
    """The exact mattes, averaged over the cells of the grid that the engine would use."""
    for frame in shot.frames(frames):
        grid = working_size(*frame.image.shape[:2], area).grid
        means = cell_means(torch.from_numpy(frame.alphas), grid).numpy()
        yield FrameMaps(frame.number, means, 1.0)


def engine_maps(
    shot: EdgeShot, frames: int, backbone: Backbone, models: Path | None
) -> Iterator[FrameMaps]:
    """The engine's own maps, of a model that is learned, or found in ``models``."""
    model = _model(shot, backbone, models)
    stream = (Frame(frame.number, frame.image) for frame in shot.frames(frames))
    yield from segment(backbone, model, stream, SegmentSettings(quality="draft"))


def _model(shot: EdgeShot, backbone: Backbone, models: Path | None) -> PartModel:
    path = models / f"{shot.name}.safetensors" if models else None
    if path is not None and path.is_file():
        return PartModel.load(path)
    model = learn(backbone, shot.references(), PartSet.from_names(shot.parts), LearnSettings())
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
    return model


def measured(
    frames: Iterable[TrueFrame], maps: Iterable[FrameMaps], device: str
) -> dict[str, dict[str, Any]]:
    """Method -> its figures, over the frames of a shot."""
    makers = {name: ShotEdges(EdgeSettings(edges=name), device) for name in EDGES}
    scores = {name: Score() for name in METHODS}
    for frame, found in zip(frames, maps, strict=True):
        height, width = frame.image.shape[:2]
        radius = BAND * width / found.probabilities.shape[2]
        truth = frame.alphas[1:]
        bands = np.stack([metrics.edge_band(part, radius) for part in truth])
        for name, score in scores.items():
            begun = time.perf_counter()
            if name == BILINEAR:
                mattes = mattes_at(found, height, width)
            else:
                mattes = makers[name].mattes(found, frame.image)
            score.seconds.append(time.perf_counter() - begun)
            score.add(mattes, truth, bands)
    return {name: score.result() for name, score in scores.items()}


def run(options: argparse.Namespace) -> None:
    """Measures every shot from both kinds of maps; a row that was measured anew is replaced."""
    backbone = load_backbone("embedded")
    for shot in edge_shots(options.shots):
        if options.only and shot.name not in options.only:
            continue
        for source in options.sources:
            area = backbone.profile.draft.area
            maps = (
                exact_maps(shot, options.frames, area)
                if source == TRUTH
                else engine_maps(shot, options.frames, backbone, options.models)
            )
            figures = measured(shot.frames(options.frames), maps, options.device)
            about = {"shot": shot.name, "maps": source, "frames": options.frames}
            rows = [
                {**about, "method": name, **rounded(values), "engine": engine_digest()}
                for name, values in figures.items()
            ]
            _keep(options.json, rows)
            print(edge_tables(rows), file=sys.stderr, flush=True)


def _keep(path: Path, new: list[dict[str, Any]]) -> None:
    """Adds rows to the file, in place of those of the same shot, maps and method."""

    def about(row: Mapping[str, Any]) -> tuple[str, str, str]:
        return row["shot"], row["maps"], row["method"]

    replaced = {about(row) for row in new}
    rows = [row for row in read_rows(path) if about(row) not in replaced] + new
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"rows": sorted(rows, key=about)}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """What is measured so far."""
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--shots", type=Path, metavar="DIR", help="shots of tools/shots; else the demo shot alone")
    add("--frames", type=int, default=FRAMES, help=f"of each shot, at most (default {FRAMES})")
    add("--only", nargs="+", default=[], metavar="SHOT")
    add("--sources", nargs="+", choices=(TRUTH, ENGINE), default=[TRUTH, ENGINE])
    add("--models", type=Path, metavar="DIR", help="part models are kept here, and taken from here")
    add("--device", default="cpu", help="where the edges are made")
    add("--json", type=Path, default=RESULTS)
    add("--table", action="store_true", help="only print the tables of the results")
    options = parser.parse_args()
    if not options.table:
        run(options)
    print(edge_tables(read_rows(options.json)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
