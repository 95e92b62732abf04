"""What do tracking, the low-pass filter and tuned weights each bring?

    python -m benchmarks.ablation                 # continues where it stopped
    python -m benchmarks.ablation --share 1/2     # and 2/2 in another process
    python -m benchmarks.ablation --table         # markdown, from the JSON alone

The first 24 frames of the demo shot and of five clips, and photographs; see README.md beside this
file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import footage
from benchmarks.footage import Material
from benchmarks.options import Unit, add_common, bench_of, identity_of, open_sheet, read, say, units
from benchmarks.rows import Rows
from benchmarks.runs import Bench, rounded, scored, segmented
from benchmarks.tables import ablation_tables

RESULTS = Path(__file__).parent / "results" / "ablation.json"
FRAMES, SEEDS = 24, (0,)

CLIPS = (
    "davis/breakdance",
    "davis/car-roundabout",
    "davis/horsejump-high",
    "davis/libby",
    footage.CHAIR,
)
"""Named before the first run, for what they show and not for any figure: a person who turns fast,
a rigid car whose sides turn into view, a horse with a rider behind obstacles, a small animal that
is hidden again and again, and a still object under a moving camera. All but the car were left out
of the first weights' training."""

SHOTS = (footage.DEMO, *CLIPS)
STILLS = ("stills/ccp", "stills/celebamask")
ROWS = (*SHOTS, *STILLS)

PAPER_SHOTS = (footage.DEMO, "davis/horsejump-high", "davis/libby")
"""Where `paper` is measured too: it is several times slower."""


@dataclass(frozen=True)
class Configuration:
    """Settings of one line of the table, as plain values.

    Attributes:
        learning, segmenting: Of LearnSettings and SegmentSettings.
        rows: Where it is measured; a photograph has no time to track over or filter, so there
            only the ways of learning are compared.
    """

    learning: Mapping[str, Any]
    segmenting: Mapping[str, Any]
    rows: tuple[str, ...]


EMBEDDINGS, TUNED = {"tune": "embeddings"}, {"tune": "cross-attention"}
NO_TRACKING, NO_LOWPASS = {"lambda_tracking": 0}, {"lambda_reg": 0}
WHOLE = {"focus": "whole"}
PRESET, PAPER = {"quality": "standard", **WHOLE}, {"quality": "paper", **WHOLE}
# One guided step without the last vote: what an energy does, and nothing else.
STANDARD = {**PRESET, "guided": 1, "updates": 4, "step": 20.0, "vote_last": False}
ONE_PASS = {**STANDARD, **NO_TRACKING, **NO_LOWPASS}

CONFIGURATIONS: dict[str, Configuration] = {
    "one pass": Configuration(TUNED, ONE_PASS, ROWS),
    "tracking": Configuration(TUNED, {**STANDARD, **NO_LOWPASS}, SHOTS),
    "low-pass": Configuration(TUNED, {**STANDARD, **NO_TRACKING}, SHOTS),
    "both": Configuration(TUNED, STANDARD, SHOTS),
    "standard": Configuration(TUNED, PRESET, PAPER_SHOTS),
    "paper": Configuration(TUNED, PAPER, PAPER_SHOTS),
    "both, embeddings only": Configuration(EMBEDDINGS, STANDARD, SHOTS),
    "one pass, embeddings only": Configuration(EMBEDDINGS, ONE_PASS, STILLS),
}
"""In an order that learns once for each of the two ways of learning."""


def measure(bench: Bench, unit: Unit, name: str, material: Material) -> dict[str, Any]:
    """One row: its figures, its times, and the UNet passes it took for each finished frame."""
    chosen = CONFIGURATIONS[name]
    model, seconds = bench.learned(material, unit.seed, chosen.learning)
    counter = bench.backbone.counter
    before = (counter.forward_frames, counter.backward_frames)
    sheet, save = open_sheet(bench, unit, name, material)
    maps = segmented(bench.backbone, model, material, unit.seed, chosen.segmenting)
    figures = scored(material, maps, sheet)
    save()
    frames = len(material.pictures)
    forward = (counter.forward_frames - before[0]) / frames
    backward = (counter.backward_frames - before[1]) / frames
    return rounded(
        {
            **figures,
            "seconds_learning": seconds,
            "forward_per_frame": forward,
            "backward_per_frame": backward,
            "passes_per_frame": forward + backward,
        }
    )


def run(bench: Bench, todo: list[Unit], options: argparse.Namespace) -> None:
    """Measures what is not in the file yet."""
    rows = Rows(options.json)
    for unit in todo:
        about = {
            name: identity_of(bench, unit, name, chosen.learning, chosen.segmenting)
            for name, chosen in CONFIGURATIONS.items()
            if unit.row in chosen.rows and name in options.configurations
        }
        missing = [name for name, key in about.items() if options.again or not rows.has(key)]
        if not missing:
            continue
        material = footage.load(unit.row, unit.references, unit.pictures, unit.seed, bench.manifest)
        for name in missing:
            begun = time.monotonic()
            measured = measure(bench, unit, name, material)
            rows.add(about[name], {**measured, **bench.made_by()})
            say(unit, name, measured, time.monotonic() - begun)


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser, RESULTS, FRAMES, SEEDS)
    parser.add_argument(
        "--configurations", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS)
    )
    return read(parser, arguments)


def main() -> int:
    """Runs the benchmark."""
    options = read_options()
    if not options.table:
        run(bench_of(options), units(ROWS, options), options)
    print(ablation_tables(Rows(options.json).all()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
