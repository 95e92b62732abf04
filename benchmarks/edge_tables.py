"""Markdown tables of benchmarks.edges; pure functions of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.tables import NOTHING, markdown

Row = Mapping[str, Any]

TITLES = {
    "truth": "(a) From exact mattes averaged to the latent grid",
    "engine": "(b) From the engine's own maps",
}
METHODS = ("bilinear", "hard", "soft", "fine")
HEAD = (
    "shot", "edges", "SAD in the band", "of bilinear's", "SAD", "MSE, 1e-3", "gradient",
    "connectivity", "change where still", "without clear", "dtSSD, 1e-3",
    "s/frame",
)  # fmt: skip


def edge_tables(rows: Iterable[Row]) -> str:
    """Both tables, of those kinds of maps that were measured."""
    every = list(rows)
    tables = []
    for maps, title in TITLES.items():
        chosen = [row for row in every if row["maps"] == maps]
        if chosen:
            tables.append(f"{title}\n\n{markdown(HEAD, _lines(chosen))}")
    return "\n\n".join(tables) or "Nothing is measured yet."


def _lines(rows: Sequence[Row]) -> list[list[str]]:
    lines = []
    for shot in sorted({row["shot"] for row in rows}):
        own = {row["method"]: row for row in rows if row["shot"] == shot}
        base = own.get("bilinear")
        lines += [_line(own[name], base) for name in METHODS if name in own]
    return lines


def _line(row: Row, base: Row | None) -> list[str]:
    share = row["sad_band"] / base["sad_band"] if base and base["sad_band"] else None
    return [
        f"{row['shot']}, {row['frames']} frames",
        row["method"],
        _figure(row["sad_band"], 2),
        _figure(share, 2),
        _figure(row["sad"], 2),
        _figure(row["mse"], 2, 1e3),
        _figure(row["gradient"], 2),
        _figure(row["connectivity"], 2),
        _figure(row["unsteady"], 4),
        _figure(row["unsteady_in_mattes"], 4),
        _figure(row["dtssd"], 1, 1e3),
        _figure(row["seconds"], 2),
    ]


def _figure(value: float | None, digits: int, times: float = 1.0) -> str:
    return NOTHING if value is None else f"{value * times:.{digits}f}"
