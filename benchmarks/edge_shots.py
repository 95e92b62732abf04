"""Shots with exact mattes, for benchmarks.edges: the demo shot and those of tools/shots.

A shot is a folder with ``plate/``, ``truth/PART/`` (coverage, channel A, by frame number) and
``references/``, read by the server's own readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.footage import DEMO, EXAMPLE
from smite_engine import Reference
from smite_server.colour import ToDisplay
from smite_server.frame_ranges import format_frames
from smite_server.plates import engine_view, open_plate
from smite_server.references import read_references
from smite_server.truth import read_truth


@dataclass(frozen=True)
class TrueFrame:
    """A frame with its exact mattes.

    Attributes:
        number: Frame number.
        image: float32 [H, W, 3], display sRGB 0..1, as the engine sees the plate.
        alphas: float32 [K, H, W] in 0..1, background first, sums of 1.
    """

    number: int
    image: np.ndarray
    alphas: np.ndarray


@dataclass(frozen=True)
class EdgeShot:
    """A shot with exact mattes.

    Attributes:
        name: ``demo``, or the folder's name.
        folder: Where it lies.
        parts: In the order of the mattes.
    """

    name: str
    folder: Path
    parts: tuple[str, ...]

    def references(self) -> tuple[Reference, ...]:
        """The stills that its parts are learned from."""
        raw, _ = read_references(self.folder / "references")
        return tuple(Reference(found.image, found.labels, found.name) for found in raw)

    def frames(self, count: int) -> Iterator[TrueFrame]:
        """The first ``count`` frames that have mattes."""
        truth = read_truth(self.folder, [(name, name) for name in self.parts])
        numbers = truth.numbers[:count]
        with open_plate(truth.plate_path, frames=format_frames(numbers)) as plate:
            to_display = ToDisplay(plate.colour_space, plate.format_hint)
            for frame in plate:
                image = engine_view(frame, to_display.apply(frame.pixels))
                yield TrueFrame(frame.number, image, self._alphas(frame.number))

    def _alphas(self, number: int) -> np.ndarray:
        """float32 [K, H, W] of one frame."""
        planes = []
        for part in self.parts:
            (file,) = sorted((self.folder / "truth" / part).glob(f"*.{number}.exr"))
            planes.append(read_matte(file))
        mattes = np.stack(planes)
        return np.concatenate([1 - mattes.sum(axis=0, keepdims=True), mattes]).astype(np.float32)


def read_matte(path: Path) -> np.ndarray:
    """float32 [H, W]: channel A of an EXR."""
    import OpenEXR  # Its own reader: `read_image` is for pictures.

    with OpenEXR.File(str(path)) as exr:
        return np.asarray(exr.channels()["A"].pixels, dtype=np.float32).copy()


def edge_shots(folder: Path | None) -> list[EdgeShot]:
    """The demo shot, and those in ``folder``; SystemExit where the folder has none."""
    found = [_open(DEMO, EXAMPLE)]
    if folder is not None:
        more = sorted(path for path in folder.iterdir() if (path / "truth").is_dir())
        if not more:
            raise SystemExit(
                f"There are no shots in {folder}; tools/shots/render_shots.py renders them."
            )
        found += [_open(path.name, path) for path in more]
    return found


def _open(name: str, folder: Path) -> EdgeShot:
    _, names = read_references(folder / "references")
    return EdgeShot(name, folder, tuple(names))
