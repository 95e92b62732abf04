"""`smite segment`: mattes for a shot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from smite_protocol.client import Client
from smite_protocol.errors import BadInput, PathMissing, PathRefused
from smite_protocol.specs import SegmentSpec

from .cli_connect import server_for_work
from .cli_follow import MatteReceiver, below, follow_or_cancel
from .cli_inputs import (
    absolute,
    check_model,
    check_out,
    check_plate,
    check_range,
    plate_files,
    shot_name,
)
from .cli_options import Backbone, ColourSpace, Device, Json, Seed, Server, Settings, read_settings
from .cli_output import ProgressView, print_facts, print_json


class Quality(StrEnum):
    """Speed against quality."""

    DRAFT = "draft"
    STANDARD = "standard"
    PAPER = "paper"


class OnMissing(StrEnum):
    """What a missing or unreadable frame does."""

    FAIL = "fail"
    HOLD = "hold"
    SKIP = "skip"


@dataclass(frozen=True)
class Delivery:
    """How the plate goes to the server and how the mattes come back.

    ``plate`` and ``out`` are this machine's absolute paths; ``send`` sends the plate's files even
    where the server could read them.
    """

    plate: Path
    out: Path
    send: bool


def segment(
    plate: Annotated[
        str, typer.Argument(help="x.####.exr, x.%04d.exr, a folder of pictures, or a movie.")
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="A part model: its name or its file.")
    ],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Folder for the mattes.")],
    frames: Annotated[
        str | None,
        typer.Option("--frames", metavar="RANGE", help="For example 1001-1048x2,1050."),
    ] = None,
    shot: Annotated[
        str | None,
        typer.Option("--shot", metavar="NAME", help="The shot's name; else from the plate's."),
    ] = None,
    quality: Annotated[Quality, typer.Option("--quality", help="Speed against quality.")] = (
        Quality.STANDARD
    ),
    style: Annotated[
        str, typer.Option("--style", help="Kinds of files; this version makes 'parts'.")
    ] = "parts",
    version: Annotated[
        int, typer.Option("--version", min=1, max=9999, help="Version in the file names.")
    ] = 1,
    template: Annotated[
        str | None,
        typer.Option(
            "--template", help="File names below --out, with {shot}, {part}, {version} and {frame}."
        ),
    ] = None,
    on_missing: Annotated[
        OnMissing, typer.Option("--on-missing", help="What a missing frame does.")
    ] = OnMissing.FAIL,
    seed: Seed = 0,
    settings: Settings = None,
    colour_space: ColourSpace = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send the frames; do not let the server read them.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once with the job's id.")
    ] = False,
    server: Server = None,
    backbone: Backbone = "embedded",
    device: Device = "auto",
    json_wanted: Json = False,
) -> None:
    """Make one EXR matte per part and frame of a shot."""
    check_style(style)
    delivery = Delivery(check_plate(plate), check_out(out), send)
    spec = SegmentSpec(
        model=model,
        plate=str(delivery.plate),
        frames=check_range(frames, "--frames"),
        shot=shot_name(delivery.plate, shot),
        out=str(delivery.out),
        quality=quality.value,
        version=version,
        template=template,
        colour_space=colour_space,
        on_missing=on_missing.value,
        seed=seed,
        settings=read_settings(settings),
    )
    with server_for_work(
        server, _roots(delivery, model), backbone=backbone, device=device
    ) as client:
        known = [found.name for found in client.models()]
        spec = replace(spec, model=check_model(model, known))
        view = ProgressView(f"segment {spec.shot}", quiet=json_wanted)
        job, came_back = _submit(client, spec, delivery, view)
        if detach:
            _detached(client, job, came_back, json_wanted)
            return
        receiver = MatteReceiver(delivery.out) if came_back else None
        result = follow_or_cancel(client, job, view, receiver).result
    _report(_with_places({"job": job, **result}, receiver), json_wanted)


def check_style(style: str) -> None:
    """Raises BadInput unless every name of a comma list is a style that can be made."""
    others = [name for name in style.split(",") if name.strip() != "parts"]
    if others:
        raise BadInput(
            f"--style {style}: this version makes the style parts alone, one sequence per part;"
            f" leave out {', '.join(others) or 'the empty name'}."
        )


def _roots(delivery: Delivery, model: str) -> list[Path]:
    """Return what a private server may touch: the plate's folder, the output, the model's file."""
    plate = delivery.plate if delivery.plate.exists() else delivery.plate.parent
    roots = [plate, delivery.out]
    if absolute(model).is_file():
        roots.append(absolute(model))
    return roots


def _submit(
    client: Client, spec: SegmentSpec, delivery: Delivery, view: ProgressView
) -> tuple[str, bool]:
    """Submit by path where the server sees the paths, else send frames and ask for bytes.

    Return the job and whether its mattes come back as bytes.
    """
    roots = client.server.roots
    if not below(delivery.out, roots):
        spec = replace(spec, out=None)
    if delivery.send or not below(delivery.plate, roots):
        return _send(client, spec, delivery, view), spec.out is None
    try:
        return client.submit(spec), spec.out is None
    except (PathRefused, PathMissing):
        if client.server.private:
            raise
        # The server runs where these paths mean something else, in a container for example.
        return _send(client, replace(spec, out=None), delivery, view), True


def _send(client: Client, spec: SegmentSpec, delivery: Delivery, view: ProgressView) -> str:
    view.note("The server does not read this plate by path: its frames are sent.")
    files: Iterable[Any] = plate_files(delivery.plate, spec.frames)
    return client.submit(replace(spec, plate=None), plate=files)


def _detached(client: Client, job: str, came_back: bool, json_wanted: bool) -> None:
    if came_back:
        client.cancel(job)
        raise BadInput(
            "--detach needs an --out folder that the server may write to; start the server with"
            " that --root, or leave --detach out."
        )
    if json_wanted:
        print_json({"job": job, "state": client.job(job).state})
    else:
        print_facts([("job", job), ("follow it with", f"smite watch {job}")])


def _with_places(result: dict[str, Any], receiver: MatteReceiver | None) -> dict[str, Any]:
    """Return the result with this machine's places for mattes that came back as bytes.

    Report and contact sheet lie in the server's spool; servers are on this machine (loopback
    only, in this version), so they are copied from there.
    """
    if receiver is None:
        return result
    files = {slug: str(receiver.out / name) for slug, name in dict(result.get("files", {})).items()}
    found = {**result, "files": files}
    for name in ("report", "contact_sheet"):
        source = Path(str(found.pop(name, "")))
        if source.is_file():
            target = receiver.write(f"{result['shot']}/{source.name}", source.read_bytes())
            found[name] = str(target)
    return found


def _report(result: dict[str, Any], json_wanted: bool) -> None:
    if json_wanted:
        print_json(result)
        return
    facts: list[tuple[str, object]] = [("job", result["job"])]
    facts += [(name, result.get(name, "")) for name in ("shot", "frames")]
    seconds = result.get("seconds_per_frame")
    if isinstance(seconds, (int, float)):
        facts.append(("seconds per frame", f"{seconds:.2f}"))
    facts += list(dict(result.get("files", {})).items())
    for name, title in (("report", "report"), ("contact_sheet", "contact sheet")):
        if result.get(name):
            facts.append((title, result[name]))
    if result.get("bad_pixels"):
        facts.append(("warning", f"{result['bad_pixels']} NaN or infinite pixels were replaced"))
    print_facts(facts)
