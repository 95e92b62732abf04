"""`smite models`: what part models and backbones there are."""

from __future__ import annotations

import time

import typer

from smite_protocol.fields import to_map

from .cli_connect import server_for_reading
from .cli_options import Json, Server
from .cli_output import print_facts, print_json, print_table

app = typer.Typer(help="Part models and backbones.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Part models and backbones."""


@app.command("list")
def list_models(server: Server = None, json_wanted: Json = False) -> None:
    """List the part models on the server, and its backbone."""
    with server_for_reading(server) as client:
        found = client.models()
        backbone = client.server.backbone
    if json_wanted:
        print_json({"models": [to_map(model) for model in found], "backbones": [backbone]})
        return
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
    print_facts([("backbone", backbone)])
