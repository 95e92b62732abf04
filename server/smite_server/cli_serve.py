"""`smite serve`: the server, in the foreground. Its flags are the fields of `ServerConfig`."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from .config import ServerConfig
from .config_fields import Setting, describe, settings_of
from .config_sources import FILE_NAME, effective, load_config
from .registry import LiveServer
from .serving import serve as run_server

HELP = {
    "endpoint": "Where to listen; port 0 picks a free one.",
    "roots": "A folder that jobs may read and write; may be given again. Without it the server"
    " takes no paths, only frames sent to it.",
    "spool": "Folder for frames and mattes in transit.",
    "backbone": "'embedded', one of `smite models fetch`, or a diffusers folder.",
    "device": "'auto', 'cpu', 'cuda', 'mps'.",
    "threads": "CPU threads of the worker; 0: all cores.",
    "http": "Where to serve the status page and metrics, for example 127.0.0.1:5772.",
    "log.format": "What standard error gets: 'console' or 'json' lines.",
}
"""Words for the flags that people use most; the others are explained in docs/server.toml."""


def _serve(config: Path | None, check: bool, **given: Any) -> None:
    """Run the server until Ctrl-C.

    Values come from a TOML file, then environment variables (SMITE_SERVER_THREADS,
    SMITE_SERVER_LIMITS__MAX_FRAMES), then flags; the later win. docs/server.toml explains all.
    """
    keys = {_parameter(setting): setting.key for setting in settings_of(ServerConfig)}
    flags = {keys[name]: value for name, value in given.items() if value not in (None, [])}
    loaded = load_config(config, os.environ, flags)
    if check:
        sys.stdout.write(effective(loaded))
        return
    raise typer.Exit(run_server(loaded.config, _tell))


def _parameter(setting: Setting) -> str:
    return "__".join(setting.path)


def _with_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each setting that is no secret; typer reads its signature."""
    annotations: dict[str, Any] = {
        "config": Annotated[
            Path | None,
            typer.Option(
                "--config",
                metavar="FILE",
                help=f"The configuration; otherwise SMITE_HOME/{FILE_NAME}, if it is there.",
            ),
        ],
        "check": Annotated[
            bool,
            typer.Option(
                "--check", help="Check the configuration, show it and where it came from, leave."
            ),
        ],
    }
    defaults: dict[str, Any] = {"config": None, "check": False}
    for setting in settings_of(ServerConfig):
        if not setting.secret:
            annotations[_parameter(setting)] = _annotation(setting)
            defaults[_parameter(setting)] = None
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=annotation
        )
        for name, annotation in annotations.items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = annotations
    return function


def _annotation(setting: Setting) -> Any:
    text = HELP.get(setting.key, f"As `{setting.key}` in docs/server.toml.")
    if setting.kind is bool:
        names = f"{setting.flag}/--no-{setting.flag[2:]}"
        return Annotated[bool | None, typer.Option(names, help=text)]
    kind: Any = list[str] | None if get_origin(setting.kind) is tuple else str | None
    metavar = describe(setting.kind).split()[-1].upper()
    if get_origin(setting.kind) is Literal:
        metavar = "|".join(get_args(setting.kind))
    return Annotated[kind, typer.Option(setting.flag, help=text, metavar=metavar)]


serve = _with_flags(_serve)


def _tell(live: LiveServer) -> None:
    """Say where the server is, on standard output, once it answers."""
    roots = ", ".join(live.roots) or "no paths, only frames sent to it"
    sys.stdout.write(f"smite server at {live.endpoint}, reading and writing: {roots}\n")
    if live.http:
        sys.stdout.write(f"Status page: http://{live.http}/\n")
    sys.stdout.write("Ctrl-C stops it.\n")
    sys.stdout.flush()
