"""What quality.py and ablation.py share: options, the units of work, what a row is keyed by."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.footage import TEST_STILLS, Material, reference_count
from benchmarks.rows import read_share, share_of
from benchmarks.runs import Bench
from smite_server.contact_sheet import ContactSheet

QUICK_FRAMES, QUICK_STILLS = 12, 4


@dataclass(frozen=True)
class Unit:
    """What is learned from once: a row with so many references and one seed.

    ``pictures`` is how many frames of the shot, or stills, are taken.
    """

    row: str
    references: int
    seed: int
    pictures: int


def add_common(
    parser: argparse.ArgumentParser, results: Path, frames: int, seeds: tuple[int, ...]
) -> None:
    """Adds the options that both programs have."""
    add = parser.add_argument
    add("--seeds", type=int, nargs="+", default=list(seeds))
    add("--frames", type=int, default=frames, help=f"of each shot, at most (default {frames})")
    add("--stills", type=int, default=TEST_STILLS, help="test photographs of each set")
    add("--only", nargs="+", default=[], metavar="ROW", help="such as davis/libby or stills/ccp")
    add("--references", type=int, nargs="+", help="only rows with so many references")
    add("--quick", action="store_true", help="one seed, one reference, few pictures")
    add("--share", type=read_share, default=(1, 1), metavar="I/N", help="part I of the units")
    add("--json", type=Path, help=f"the results (default {results.name} in results/)")
    add("--again", action="store_true", help="measure also what is in the results")
    add("--table", action="store_true", help="only print the table of the results")
    add("--sheets", type=Path, metavar="DIR", help="write a contact sheet of each row here")
    add("--models", type=Path, metavar="DIR", help="keep part models here, for a next run")
    add("--backbone", default="embedded", metavar="DIR")
    parser.set_defaults(results=results)


def read(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line; ``--quick`` shortens, and has a file of its own."""
    options = parser.parse_args(arguments)
    name = options.results
    if options.quick:
        name = name.with_name(f"{name.stem}-quick.tmp.json")
        options.frames, options.stills = QUICK_FRAMES, QUICK_STILLS
        options.seeds, options.references = options.seeds[:1], options.references or [1, 4]
    options.json = options.json or name
    return options


def settings_of(given: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as settings; values are JSON where they can be, else text."""
    found: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def units(rows: Iterable[str], options: argparse.Namespace) -> list[Unit]:
    """This process's share of the work, in a fixed order: seed by seed."""
    known = list(rows)
    unknown = sorted(set(options.only) - set(known))
    if unknown:
        raise SystemExit(f"There is no row {unknown[0]}; there are {', '.join(known)}.")
    found = [
        Unit(row, count, seed, options.stills if row.startswith("stills/") else options.frames)
        for seed in options.seeds
        for row in (options.only or known)
        for count in reference_count(row)
        if not options.references or count in options.references
    ]
    return share_of(found, options.share)


def bench_of(options: argparse.Namespace) -> Bench:
    """The backbone to be measured."""
    return Bench.open(options.backbone, options.models, options.sheets)


def identity_of(
    bench: Bench,
    unit: Unit,
    method: str,
    learning: Mapping[str, Any],
    segmenting: Mapping[str, Any],
) -> dict[str, Any]:
    """What decides the figures of a row, besides the engine's code."""
    return {
        "row": unit.row,
        "references": unit.references,
        "method": method,
        "seed": unit.seed,
        "pictures": unit.pictures,
        "backbone": bench.backbone.hash[:12],
        "profile": bench.profile,
        "learning": dict(learning),
        "segmenting": dict(segmenting),
    }


def open_sheet(
    bench: Bench, unit: Unit, method: str, material: Material
) -> tuple[ContactSheet | None, Callable[[], None]]:
    """(a contact sheet where they are asked for, what saves it)."""
    if bench.sheets is None:
        return None, lambda: None
    name = f"{unit.row} {unit.references} references {method} seed {unit.seed}"
    sheet = ContactSheet(material.parts, title=name)
    path = bench.sheets / f"{name.replace('/', '-').replace(' ', '-').replace('+', '')}.png"
    return sheet, lambda: sheet.save(path)


def say(unit: Unit, method: str, measured: Mapping[str, Any], seconds: float) -> None:
    """Prints a finished row."""
    value = measured["miou_foreground"]
    figure = "-" if value is None else f"{value:.3f}"
    print(
        f"{unit.row} {unit.references} references, seed {unit.seed}, {method}: IoU {figure},"
        f" {measured['seconds_per_frame']:.2f} s/frame, {seconds:.0f} s in all",
        file=sys.stderr,
        flush=True,
    )
