"""How good is smite-mini? Clips, photographs and the demo shot, with baselines beside each row.

    python -m benchmarks.quality                     # three seeds; continues where it stopped
    python -m benchmarks.quality --share 1/2         # and 2/2 in another process
    python -m benchmarks.quality --only davis/libby --seeds 0 --methods smite
    python -m benchmarks.quality --quick             # one seed, few frames: does it work?
    python -m benchmarks.quality --table             # markdown, from the JSON alone
    python -m benchmarks.quality --check-commands davis/libby --seeds 0

See README.md beside this file for what the rows and columns are.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import footage, transfer
from benchmarks.commands import differences, through_commands
from benchmarks.footage import Material, was_trained_on
from benchmarks.options import (
    Unit,
    add_common,
    bench_of,
    identity_of,
    open_sheet,
    read,
    say,
    settings_of,
    units,
)
from benchmarks.rows import Rows
from benchmarks.runs import Bench, rounded, scored, segmented
from benchmarks.tables import quality_tables
from smite_engine import FrameMaps

RESULTS = Path(__file__).parent / "results" / "quality.json"
ROWS = (*footage.CLIPS, footage.DEMO, *(f"stills/{name}" for name in footage.STILLS))
FRAMES, SEEDS = 40, (0, 1, 2)

METHODS = ("smite", "copied", "colours", "latents", "queries", "untrained-queries", "untrained")
SAME_FOR_EVERY_SEED = frozenset({"copied", "colours", "latents"})
"""On shots, where the seed draws no pictures: measured for the first seed only."""

FIRST_SEED_ONLY = frozenset({"untrained"})
"""Learns and segments like ``smite``, which would double the whole run; far below it."""


@dataclass(frozen=True)
class Asked:
    """What is learned and segmented with: settings, plain values."""

    learning: dict[str, Any]
    segmenting: dict[str, Any]


def methods_of(unit: Unit, chosen: tuple[str, ...], first_seed: int) -> Iterator[str]:
    """The methods that a unit is measured with."""
    still = unit.row.startswith("stills/")
    for method in chosen:
        if method == "copied" and (still or unit.row == footage.DEMO):
            continue  # The references are other pictures.
        once = method in FIRST_SEED_ONLY or (method in SAME_FOR_EVERY_SEED and not still)
        if unit.seed == first_seed or not once:
            yield method


def maps_of(
    bench: Bench, method: str, material: Material, seed: int, asked: Asked
) -> tuple[Iterator[FrameMaps], dict[str, Any]]:
    """The maps that a method gives, and what else is known before it begins."""
    features: dict[str, transfer.Features] = {
        "colours": transfer.colours,
        "latents": transfer.latents,
        "queries": transfer.queries,
    }
    if method == "copied":
        return transfer.copied(material), {}
    if method in features:
        return transfer.transfer(features[method], bench.backbone, material, seed), {}
    backbone = bench.backbone if method == "smite" else transfer.untrained(bench.folder, seed)
    if method == "untrained-queries":
        return transfer.transfer(transfer.queries, backbone, material, seed), {}
    model, seconds = bench.learned(material, seed, asked.learning, backbone)
    known = {"seconds_learning": seconds, "held_out_iou": dict(model.held_out_iou)}
    return segmented(backbone, model, material, seed, asked.segmenting), known


def measure(
    bench: Bench, unit: Unit, method: str, material: Material, asked: Asked
) -> dict[str, Any]:
    """One row: its figures, its times, and whether its pictures were trained on."""
    maps, known = maps_of(bench, method, material, unit.seed, asked)
    sheet, save = open_sheet(bench, unit, method, material)
    figures = scored(material, maps, sheet)
    save()
    return rounded({**figures, **known, "trained_on": was_trained_on(unit.row, bench.manifest)})


def identity(bench: Bench, unit: Unit, method: str, asked: Asked) -> dict[str, Any]:
    """What decides the figures of a row; baselines do not depend on the method's settings."""
    own = method in ("smite", "untrained")
    return identity_of(
        bench, unit, method, asked.learning if own else {}, asked.segmenting if own else {}
    )


def run(bench: Bench, todo: list[Unit], options: argparse.Namespace, asked: Asked) -> None:
    """Measures what is not in the file yet."""
    rows = Rows(options.json)
    for unit in todo:
        chosen = methods_of(unit, options.methods, options.seeds[0])
        about = {method: identity(bench, unit, method, asked) for method in chosen}
        missing = [name for name, key in about.items() if options.again or not rows.has(key)]
        if not missing:
            continue
        material = footage.load(unit.row, unit.references, unit.pictures, unit.seed, bench.manifest)
        for method in missing:
            begun = time.monotonic()
            measured = measure(bench, unit, method, material, asked)
            rows.add(about[method], {**measured, **bench.made_by()})
            say(unit, method, measured, time.monotonic() - begun)


def check_commands(bench: Bench, row: str, options: argparse.Namespace, asked: Asked) -> int:
    """Whether the commands give a row's figures too; the exit status."""
    seed, frames = options.seeds[0], options.frames
    material = footage.load(row, footage.reference_count(row)[0], frames, seed, bench.manifest)
    maps, _ = maps_of(bench, "smite", material, seed, asked)
    here = scored(material, maps)
    told = through_commands(material, options.backbone, seed, asked.learning, asked.segmenting)
    found = differences(here, told)
    print("\n".join(found) or f"{row}: the commands give the same figures, bit for bit")
    return 1 if found else 0


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser, RESULTS, FRAMES, SEEDS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--check-commands", metavar="ROW", help="hold a shot's figures against the commands'"
    )
    parser.add_argument("--quality", default="standard")
    parser.add_argument("--learn", metavar="NAME=VALUE", nargs="+", default=[])
    parser.add_argument("--segment", metavar="NAME=VALUE", nargs="+", default=[])
    return read(parser, arguments)


def main() -> int:
    """Runs the benchmark."""
    options = read_options()
    if options.table:
        print(quality_tables(Rows(options.json).all()))
        return 0
    bench = bench_of(options)
    segmenting = {"quality": options.quality, **settings_of(options.segment)}
    asked = Asked(settings_of(options.learn), segmenting)
    if options.check_commands:
        return check_commands(bench, options.check_commands, options, asked)
    run(bench, units(ROWS, options), options, asked)
    print(quality_tables(Rows(options.json).all()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
