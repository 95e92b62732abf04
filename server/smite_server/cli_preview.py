"""`smite preview`: an overlay movie of a shot's parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smite_protocol.errors import BadPath
from smite_protocol.events import Progress

from .cli_inputs import absolute
from .cli_options import Json, read_parts
from .cli_output import ProgressView, print_facts, print_json, say
from .cli_review import Out, Shot, Version
from .pixel_errors import PixelError
from .review_files import FoundReport, find_report
from .worker.problems import as_wire_error


def preview(
    shot: Shot,
    out: Out = None,
    version: Version = None,
    movie: Annotated[
        str | None,
        typer.Option("--movie", metavar="FILE", help="An .mp4; else beside the report."),
    ] = None,
    parts: Annotated[
        str | None, typer.Option("--parts", metavar="A,B", help="The parts to show; else all.")
    ] = None,
    width: Annotated[
        int, typer.Option("--width", min=16, max=8192, help="Of the picture, at most.")
    ] = 1280,
    plate: Annotated[
        str | None,
        typer.Option("--plate", metavar="PLATE", help="The plate, where it lies elsewhere now."),
    ] = None,
    json_wanted: Json = False,
) -> None:
    """Make a movie of a shot with its parts in colours over the plate."""
    found = find_report(shot, out, version)
    target = found.path.with_suffix(".mp4") if movie is None else absolute(movie)
    if target.suffix.lower() != ".mp4":
        raise BadPath(f"--movie {target} must end in .mp4.")
    _make(found, target, read_parts(parts), width, plate, json_wanted)


def _make(
    found: FoundReport,
    target: Path,
    parts: tuple[str, ...],
    width: int,
    plate: str | None,
    json_wanted: bool,
) -> None:
    from .preview_movie import make_preview  # it loads numpy and PyAV

    view = ProgressView(f"preview {found.title}", quiet=json_wanted)

    def tell(done: int, total: int) -> None:
        view.show(Progress("0" * 12, "frames", done, total))

    try:
        with view:
            made = make_preview(
                found.content,
                found.path.parent,
                target,
                parts=parts,
                width=width,
                plate=plate,
                progress=tell,
            )
    except PixelError as problem:
        raise as_wire_error(problem, None) from problem
    for remark in made.remarks():
        say(remark)
    facts = {
        "movie": str(made.path),
        "frames": made.frames,
        "width": made.width,
        "height": made.height,
    }
    if json_wanted:
        print_json({**facts, "remarks": made.remarks()})
    else:
        print_facts(list(facts.items()))
