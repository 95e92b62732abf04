"""`smite learn`: a part model from reference stills."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from smite_protocol.client import Client
from smite_protocol.errors import PathMissing, PathRefused
from smite_protocol.specs import LearnSpec
from smite_protocol.uploads import files_of_references

from .cli_connect import server_for_work
from .cli_follow import below, follow_or_cancel
from .cli_inputs import check_config, check_folder, config_root
from .cli_options import (
    Backbone,
    ColourSpace,
    Device,
    Json,
    Ocio,
    Server,
    Settings,
    read_groups,
    read_parts,
    read_settings,
)
from .cli_output import (
    ProgressView,
    as_duration,
    as_percent,
    print_facts,
    print_json,
    print_table,
)

HELD_OUT = {
    "views": "augmented views of the references",
    "references": "references left out in turn",
}
"""What the held-out IoU was measured on, by the engine's name for it."""


def learn(
    name: Annotated[str, typer.Argument(help="Name of the part model to make.")],
    refs: Annotated[
        str,
        typer.Option(
            "--refs",
            metavar="DIR",
            help="Folder with images/, masks/ and labels.json, or with stills and one matte per"
            " part (still.exr, still.left_eye.exr).",
        ),
    ],
    parts: Annotated[
        str | None, typer.Option("--parts", metavar="A,B,C", help="Which parts, in which order.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="NEW=A+B", help="Merge parts; may be given again."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the learning.")
    ] = None,
    settings: Settings = None,
    colour_space: ColourSpace = None,
    ocio: Ocio = None,
    server: Server = None,
    backbone: Backbone = "embedded",
    device: Device = "auto",
    json_wanted: Json = False,
) -> None:
    """Learn a part model from a few stills with painted parts."""
    folder = check_folder(refs, "the reference folder")
    chosen = read_settings(settings)
    if seed is not None:
        chosen["seed"] = seed
    spec = LearnSpec(
        name=name,
        refs=str(folder),
        parts=read_parts(parts),
        groups=read_groups(group),
        settings=chosen,
        colour_space=colour_space,
        ocio=check_config(ocio),
    )
    roots = [folder, *config_root(spec.ocio)]
    with server_for_work(server, roots, backbone=backbone, device=device) as client:
        view = ProgressView(f"learn {name}", quiet=json_wanted)
        finished = follow_or_cancel(client, _submit(client, spec), view)
    _report(finished.result, json_wanted)


def _submit(client: Client, spec: LearnSpec) -> str:
    """Submit by path where the server sees the folder, else send its files."""
    assert spec.refs is not None
    if below(check_folder(spec.refs, "the reference folder"), client.server.roots):
        try:
            return client.submit(spec)
        except (PathRefused, PathMissing):
            pass
    sent = LearnSpec(**{**vars(spec), "refs": None})
    return client.submit(sent, references=files_of_references(spec.refs))


def _report(result: dict[str, Any], json_wanted: bool) -> None:
    if json_wanted:
        print_json(result)
        return
    print_facts(
        [
            ("model", result.get("model", "")),
            ("file", result.get("part_model", "")),
            ("time", as_duration(result.get("seconds"))),
            ("held out", HELD_OUT.get(str(result.get("selected_on")), "-")),
        ]
    )
    names = result.get("parts") or {}
    held_out = result.get("held_out_iou") or {}
    rows = [(str(names.get(part, part)), as_percent(value)) for part, value in held_out.items()]
    print_table(("part", "held-out IoU"), rows)
    for warning in result.get("warnings", ()):
        print_facts([("warning", warning)])
