"""`smite models`: what part models and backbones there are, and the one place that downloads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from smite_protocol.fields import to_map
from smite_protocol.messages import ModelInfo

from .backbones import EMBEDDED, EMBEDDED_LICENCE, PUBLISHED, FetchedBackbone, fetched_backbones
from .cli_connect import server_for_reading
from .cli_options import Json, Server
from .cli_output import print_facts, print_json, print_table, say
from .config import smite_home
from .model_fetch import fetch, wanted

app = typer.Typer(help="Part models and backbones.", no_args_is_help=True, rich_markup_mode=None)

KNOWN = "; ".join(
    f"{one.name} ({one.title}, licence {one.licence}: commercial use allowed, with restrictions)"
    for one in PUBLISHED
)


@app.callback()
def _group() -> None:
    """Part models and backbones."""


@app.command("fetch")
def fetch_model(
    what: Annotated[
        str, typer.Argument(metavar="ID", help=f"A model on the hub, as owner/name, or: {KNOWN}.")
    ],
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="REV", help="Commit, tag or branch; else the newest."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What --backbone calls it here.")
    ] = None,
    variant: Annotated[
        str, typer.Option("--variant", help="fp16: half the size, for GPUs; else full precision.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace what has this name.")] = False,
    json_wanted: Json = False,
) -> None:
    """Download a backbone's weights, verify them, and keep them for --backbone NAME.

    HF_ENDPOINT names another hub than huggingface.co. Nothing else ever downloads.
    """
    want = wanted(what, name=name, revision=revision, variant=variant, force=force)
    done = fetch(want, smite_home(), say, quiet=json_wanted)
    for note in done.notes:
        say(note)
    if json_wanted:
        print_json({**about_backbone(done.backbone), "already": done.already})
        return
    if done.already:
        say(f"{done.backbone.name} is there already; give --force to fetch it again.")
    print_facts(
        [
            ("backbone", done.backbone.name),
            ("from", done.backbone.id),
            ("commit", done.backbone.commit),
            ("licence", done.backbone.licence),
            ("folder", done.backbone.path),
            ("use it", f"--backbone {done.backbone.name}"),
        ]
    )


@app.command("list")
def list_models(server: Server = None, json_wanted: Json = False) -> None:
    """List the part models on the server, and the backbones of this machine."""
    with server_for_reading(server) as client:
        found = client.models()
        in_use = client.server.backbone
    fetched = fetched_backbones(smite_home())
    if json_wanted:
        embedded = {"name": EMBEDDED, "licence": EMBEDDED_LICENCE}
        print_json(
            {
                "models": [to_map(model) for model in found],
                "backbone": in_use,
                "backbones": [embedded, *(about_backbone(one) for one in fetched)],
            }
        )
        return
    _print_part_models(found)
    print_table(
        ["backbone", "from", "commit", "size", "licence"],
        [[EMBEDDED, "this package", "", "", EMBEDDED_LICENCE], *(_row(one) for one in fetched)],
    )
    print_facts([("the server's backbone", in_use)])


def _print_part_models(found: Sequence[ModelInfo]) -> None:
    rows = [
        [
            model.name,
            ", ".join(model.parts),
            f"{model.bytes / 1e6:.1f} MB",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(model.modified)),
        ]
        for model in found
    ]
    if rows:
        print_table(["part model", "parts", "size", "learned"], rows)
    else:
        print_facts([("no part models yet", "")])


def _row(backbone: FetchedBackbone) -> list[str]:
    size = f"{backbone.bytes / 1e9:.2f} GB" if backbone.files else ""
    came_from = " ".join(filter(None, (backbone.id, backbone.variant))) or "not fetched by smite"
    return [backbone.name, came_from, backbone.commit[:12], size, backbone.licence]


def about_backbone(backbone: FetchedBackbone) -> dict[str, Any]:
    """Return what scripts are told of a fetched backbone."""
    return {
        "name": backbone.name,
        "id": backbone.id,
        "commit": backbone.commit,
        "variant": backbone.variant,
        "licence": backbone.licence,
        "bytes": backbone.bytes,
        "path": str(backbone.path),
    }
