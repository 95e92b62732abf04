"""`smite serve`: the server, in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from smite_protocol.endpoints import DEFAULT_ENDPOINT

from .cli_options import Backbone, Device
from .config import ServerConfig, smite_home
from .logs import log_to_stderr
from .registry import LiveServer
from .serving import serve as run_server


def serve(
    endpoint: Annotated[
        str,
        typer.Option("--endpoint", help="Where to listen; port 0 picks a free one."),
    ] = DEFAULT_ENDPOINT,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="A folder that jobs may read and write; may be given again. Without it the"
            " server takes no paths, only frames sent to it.",
        ),
    ] = None,
    spool: Annotated[
        Path | None,
        typer.Option("--spool", metavar="DIR", help="Folder for frames and mattes in transit."),
    ] = None,
    backbone: Backbone = "embedded",
    device: Device = "auto",
    threads: Annotated[
        int, typer.Option("--threads", min=0, help="CPU threads of the worker; 0: all cores.")
    ] = 0,
) -> None:
    """Run the server until Ctrl-C."""
    config = ServerConfig(
        endpoint=endpoint,
        home=smite_home(),
        spool=spool,
        backbone=backbone,
        device=device,
        roots=tuple(root or ()),
        threads=threads,
    )
    log_to_stderr()
    raise typer.Exit(run_server(config, _tell))


def _tell(live: LiveServer) -> None:
    """Say where the server is, on standard output, once it answers."""
    roots = ", ".join(live.roots) or "no paths, only frames sent to it"
    sys.stdout.write(f"smite server at {live.endpoint}, reading and writing: {roots}\n")
    sys.stdout.write("Ctrl-C stops it.\n")
    sys.stdout.flush()
