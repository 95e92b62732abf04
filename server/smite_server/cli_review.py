"""`smite review`: which frames of a shot need a look."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .cli_options import Json
from .cli_output import print_facts, print_json, print_table, say
from .review_files import FoundReport, find_report

Shot = Annotated[
    str,
    typer.Argument(
        help="A shot's folder, its report (.json or .html), or with --out the shot's name."
    ),
]
Out = Annotated[
    str | None, typer.Option("--out", metavar="DIR", help="The folder the mattes were written to.")
]
Version = Annotated[
    int | None, typer.Option("--version", min=1, max=9999, help="Version; else the newest.")
]


def review(
    shot: Shot,
    out: Out = None,
    version: Version = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print only; do not open the page.")
    ] = False,
    json_wanted: Json = False,
) -> None:
    """List the frames of a shot that need a look, and open its review page."""
    found = find_report(shot, out, version)
    if json_wanted:
        print_json(_as_json(found))
        return
    _print(found)
    if no_open or not found.page.is_file():
        return
    if not webbrowser.open(found.page.as_uri()):
        say(f"No browser could be started; open {found.page} in one.")


def _as_json(found: FoundReport) -> dict[str, Any]:
    content = found.content
    return {
        "shot": content["shot"],
        "version": content["version"],
        "report": str(found.path),
        "page": _page(found),
        "frames": content.get("summary", {}).get("frames"),
        "review": content["review"],
        "markers": content.get("markers", []),
    }


def _page(found: FoundReport) -> str | None:
    return str(found.page) if found.page.is_file() else None


def _print(found: FoundReport) -> None:
    entries = found.content["review"]
    if entries:
        print_table(["frames", "part", "severity", "what"], [_row(entry) for entry in entries])
    else:
        frames = found.content.get("summary", {}).get("frames", 0)
        print_facts([(found.title, f"no frame stands out among {frames}")])
    print_facts([("page", _page(found) or f"none; the report is {Path(found.path)}")])


def _row(entry: Mapping[str, Any]) -> list[str]:
    first, last = entry["first"], entry["last"]
    frames = f"{first}" if first == last else f"{first}-{last}"
    return [frames, str(entry["name"]), str(entry["severity"]), str(entry["text"])]
