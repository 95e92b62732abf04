"""`smite segment`: mattes for a shot."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from smite_protocol.client import Client
from smite_protocol.errors import BadInput
from smite_protocol.specs import MOST_PROXY, SegmentSpec

from .cli_connect import server_for_work
from .cli_delivery import Delivery, here
from .cli_follow import follow_or_cancel
from .cli_inputs import (
    check_config,
    check_model,
    check_out,
    check_plate,
    check_range,
    config_root,
    shot_name,
)
from .cli_matte_options import (
    Compression,
    Edges,
    Layers,
    OnMissing,
    Precision,
    Quality,
    read_styles,
    read_version,
)
from .cli_options import (
    Backbone,
    ColourSpace,
    Device,
    Json,
    Ocio,
    Seed,
    Server,
    Settings,
    read_settings,
)
from .cli_output import ProgressView, print_facts, print_json


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
    edges: Annotated[
        Edges | None,
        typer.Option("--edges", help="How mattes get their edges; else soft for drafts, or fine."),
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            "--style",
            metavar="STYLES",
            help="Any of parts (a sequence per part), layers (one file with a layer per part) and"
            " cryptomatte, with commas.",
        ),
    ] = "parts",
    precision: Annotated[Precision, typer.Option("--precision", help="Values of the mattes.")] = (
        Precision.HALF
    ),
    compression: Annotated[
        Compression,
        typer.Option("--compression", help="Of the files; a Cryptomatte is never packed by dwaa."),
    ] = Compression.ZIP,
    layers: Annotated[
        Layers, typer.Option("--layers", help="A layer has A alone, or R, G, B and A.")
    ] = Layers.ALPHA,
    with_plate: Annotated[
        bool, typer.Option("--with-plate", help="The layers file has the plate too.")
    ] = False,
    proxy: Annotated[
        int,
        typer.Option(
            "--proxy", min=1, max=MOST_PROXY, help="Mattes of 1/N of the plate's size, in proxy_N."
        ),
    ] = 1,
    version: Annotated[
        str, typer.Option("--version", metavar="N", help="Version in the file names, or 'next'.")
    ] = "1",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over a version that was delivered.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            help="File names below --out, with {shot}, {part}, {version}, {frame} and {style}.",
        ),
    ] = None,
    on_missing: Annotated[
        OnMissing, typer.Option("--on-missing", help="What a missing frame does.")
    ] = OnMissing.FAIL,
    seed: Seed = 0,
    settings: Settings = None,
    colour_space: ColourSpace = None,
    ocio: Ocio = None,
    owner: Annotated[str, typer.Option("--owner", help="The files' attribute owner.")] = "",
    comment: Annotated[str, typer.Option("--comment", help="The files' attribute comments.")] = "",
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
    """Make EXR mattes of a shot: one per part and frame, layers of one file, a Cryptomatte."""
    styles = read_styles(style)
    delivery = Delivery(check_plate(plate), check_out(out), send)
    spec = SegmentSpec(
        model=model,
        plate=str(delivery.plate),
        frames=check_range(frames, "--frames"),
        shot=shot_name(delivery.plate, shot),
        out=str(delivery.out),
        quality=quality.value,
        version=read_version(version),
        template=template,
        colour_space=colour_space,
        on_missing=on_missing.value,
        seed=seed,
        settings=read_settings(settings),
        styles=styles,
        edges=edges.value if edges else "",
        precision=precision.value,
        compression=compression.value,
        layers=layers.value,
        with_plate=with_plate,
        overwrite=overwrite,
        proxy=proxy,
        ocio=check_config(ocio),
        owner=owner,
        comment=comment,
    )
    with server_for_work(
        server, [*delivery.roots(model), *config_root(spec.ocio)], backbone=backbone, device=device
    ) as client:
        known = [found.name for found in client.models()]
        spec = replace(spec, model=check_model(model, known))
        view = ProgressView(f"segment {spec.shot}", quiet=json_wanted)
        job, received = delivery.submit(client, spec, view)
        if detach:
            _detached(client, job, received is not None, json_wanted)
            return
        result = {"job": job, **follow_or_cancel(client, job, view, received).result}
    if received is not None:
        result = here(result, spec, delivery.out)
    _report(result, json_wanted)


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


def _report(result: dict[str, Any], json_wanted: bool) -> None:
    if json_wanted:
        print_json(result)
        return
    facts: list[tuple[str, object]] = [("job", result["job"])]
    facts += [(name, result.get(name, "")) for name in ("shot", "version", "frames")]
    seconds = result.get("seconds_per_frame")
    if isinstance(seconds, (int, float)):
        facts.append(("seconds per frame", f"{seconds:.2f}"))
    facts += list(dict(result.get("files", {})).items())
    places = (("report", "report"), ("review", "review"), ("contact_sheet", "contact sheet"))
    for name, title in places:
        if result.get(name):
            facts.append((title, result[name]))
    if result.get("to_look_at"):
        count = int(result["to_look_at"])
        facts.append(("to look at", f"{count} place{'' if count == 1 else 's'}; see the review"))
    if result.get("bad_pixels"):
        facts.append(("warning", f"{result['bad_pixels']} NaN or infinite pixels were replaced"))
    print_facts(facts)
