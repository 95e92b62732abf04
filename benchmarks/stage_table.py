"""The rows of benchmarks.matte_stages on disk, and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables import NOTHING, markdown

COLUMNS = (
    "read", "display", "engine", "hard", "soft", "fine", "parts", "layers", "cryptomatte", "review",
    "all",
)  # fmt: skip


def stage_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one line for each run."""
    head = ("plate", "frames", "parts", *COLUMNS, "peak MiB", "device", "load")
    lines = []
    for row in rows:
        figures = [row["seconds"].get(name) for name in COLUMNS]
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
