"""`smite evaluate`: how good a part model is on a clip with annotations."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from smite_protocol.errors import BadInput
from smite_protocol.specs import EvaluateSpec

from .cli_connect import server_for_work
from .cli_follow import follow_or_cancel
from .cli_inputs import absolute, check_folder, check_model, check_out, check_range
from .cli_matte_options import Quality
from .cli_options import (
    Backbone,
    Device,
    Json,
    Seed,
    Server,
    Settings,
    read_labels,
    read_settings,
)
from .cli_output import ProgressView, as_percent, print_facts, print_json, print_table

TITLES = {
    "miou_foreground": "mIoU of the parts",
    "miou": "mIoU with background",
    "f_measure": "contour F",
    "jf": "J&F",
    "mvc8": "mVC8",
    "mvc16": "mVC16",
    "flicker": "flicker (lower is better)",
}


class Baseline(StrEnum):
    """What is scored instead of the model."""

    COPY_FIRST = "copy-first"


def evaluate(
    clip: Annotated[
        str,
        typer.Option(
            "--clip",
            metavar="DIR",
            help="Folder with JPEGImages/ and Annotations/, or with plate/ and truth/PART/.",
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="A part model: its name or its file.")
    ] = "",
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="VALUE=PART",
            help="Part of a mask value, where the clip has no labels.json; may be given again.",
        ),
    ] = None,
    ignore: Annotated[
        list[int] | None,
        typer.Option(
            "--ignore",
            metavar="VALUE",
            min=0,
            max=65535,
            help="A mask value that does not count; may be given again.",
        ),
    ] = None,
    skip_frames: Annotated[
        str | None,
        typer.Option(
            "--skip-frames",
            metavar="RANGE",
            help="Frames that do not count, such as those the references were taken from.",
        ),
    ] = None,
    quality: Annotated[Quality, typer.Option("--quality", help="Speed against quality.")] = (
        Quality.STANDARD
    ),
    baseline: Annotated[
        Baseline | None,
        typer.Option(
            "--baseline",
            help="Score the first frame's annotation, left unchanged, instead of a model.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="Folder for a contact sheet.")
    ] = None,
    seed: Seed = 0,
    settings: Settings = None,
    server: Server = None,
    backbone: Backbone = "embedded",
    device: Device = "auto",
    json_wanted: Json = False,
) -> None:
    """Measure a part model against the annotations of a clip."""
    if not model and baseline is None:
        raise BadInput("Missing option --model; name a part model, or give --baseline copy-first.")
    folder = check_folder(clip, "the clip")
    target = None if out is None else check_out(out)
    spec = EvaluateSpec(
        model=model,
        clip=str(folder),
        labels=read_labels(labels),
        ignore=tuple(ignore or ()),
        skip_frames=check_range(skip_frames, "--skip-frames") or "",
        quality=quality.value,
        seed=seed,
        settings=read_settings(settings),
        out=None if target is None else str(target),
        baseline="" if baseline is None else baseline.value.replace("-", "_"),
    )
    roots = [folder, *([target] if target else [])]
    if model and absolute(model).is_file():
        roots.append(absolute(model))
    with server_for_work(server, roots, backbone=backbone, device=device) as client:
        if model:
            known = [found.name for found in client.models()]
            spec = EvaluateSpec(**{**vars(spec), "model": check_model(model, known)})
        view = ProgressView(f"evaluate {folder.name}", quiet=json_wanted)
        result = follow_or_cancel(client, client.submit(spec), view).result
    if json_wanted:
        print_json(result)
    else:
        _print_result(result)


def _print_result(result: dict[str, Any]) -> None:
    rows = [
        [name, as_percent(scores.get("iou")), as_percent(scores.get("f_measure"))]
        for name, scores in result.get("parts", {}).items()
    ]
    print_table(["part", "IoU", "F"], rows)
    facts: list[tuple[str, object]] = [("", "")]
    facts += [(title, as_percent(result.get(key))) for key, title in TITLES.items()]
    facts.append(("frames", result.get("frames", "")))
    seconds = result.get("seconds_per_frame")
    if isinstance(seconds, (int, float)):
        facts.append(("seconds per frame", f"{seconds:.2f}"))
    if result.get("contact_sheet"):
        facts.append(("contact sheet", result["contact_sheet"]))
    print_facts(facts)
