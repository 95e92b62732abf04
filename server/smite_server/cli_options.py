"""The options that several commands share, and the readers of their small languages.

A command's options are its parameters, so commands may have more of those than other functions.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from smite_protocol.errors import BadInput, BadParts, BadSettings

from .key_files import KEY_VARIABLE, chosen_key

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="ENDPOINT",
        envvar="SMITE_SERVER",
        help="A running server, for example tcp://127.0.0.1:5771; without it the command starts"
        " a private one.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Backbone = Annotated[
    str,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="'embedded', one of `smite models fetch`, or a diffusers folder; for the private"
        " server.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="'auto', 'cpu', 'cuda', 'mps', or several with commas, a worker each: cuda:0,cuda:1;"
        " for the private server.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the noise.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An engine setting that differs from the default; may be given again.",
    ),
]
ColourSpace = Annotated[
    str | None,
    typer.Option(
        "--colour-space",
        "--color-space",
        metavar="NAME",
        help="Colour space of the pictures; otherwise from the files.",
    ),
]
Ocio = Annotated[
    str | None,
    typer.Option(
        "--ocio",
        metavar="CONFIG",
        help="OpenColorIO config that --colour-space is a name of: a file, or ocio://...; else the"
        " server's.",
    ),
]
KEY_HELP = (
    "Your key file, for a server on another machine; otherwise SMITE_HOME/keys/client.key, if it is"
    " there."
)


def with_key(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that talks to a server the option ``--key``; `key_files` finds its value."""
    option = Annotated[
        Path | None, typer.Option("--key", metavar="FILE", envvar=KEY_VARIABLE, help=KEY_HELP)
    ]

    @functools.wraps(command)
    def run(*given: Any, key: Path | None = None, **named: Any) -> Any:
        chosen_key.set(key)
        return command(*given, **named)

    before = inspect.signature(command, eval_str=True)
    added = inspect.Parameter(
        "key", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option
    )
    run.__signature__ = before.replace(  # type: ignore[attr-defined]
        parameters=[*before.parameters.values(), added]
    )
    return run


def give_keys(app: typer.Typer) -> None:
    """Give ``--key`` to every command of ``app``, and of its groups, that has ``--server``."""
    for entry in app.registered_commands:
        if entry.callback is not None and "server" in inspect.signature(entry.callback).parameters:
            entry.callback = with_key(entry.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            give_keys(group.typer_instance)


def read_settings(given: Iterable[str] | None) -> dict[str, Any]:
    """Return ``name=value`` options as a dict; values are JSON where they can be, else text.

    Raises BadSettings.
    """
    found: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadSettings(f"--set {text!r} cannot be read; write it as NAME=VALUE.")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found


def read_parts(text: str | None) -> tuple[str, ...]:
    """Return the part names of ``a,b,c``. Raises BadParts."""
    if text is None:
        return ()
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise BadParts(f"--parts {text!r} has an empty name; write it as a,b,c.")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadParts(f"--parts names {doubled[0]!r} more than once; name each part once.")
    return tuple(names)


def read_groups(given: Iterable[str] | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return ``top=blouse+shirt`` options as pairs of name and members. Raises BadParts."""
    found = []
    for text in given or ():
        name, equals, members = text.partition("=")
        parts = tuple(part.strip() for part in members.split("+"))
        if not equals or not name.strip() or not all(parts):
            raise BadParts(f"--group {text!r} cannot be read; write it as top=blouse+shirt.")
        found.append((name.strip(), parts))
    return tuple(found)


def read_labels(given: Iterable[str] | None) -> tuple[tuple[int, str], ...]:
    """Return ``255=horse`` options as pairs of mask value and part name. Raises BadInput."""
    found = []
    for text in given or ():
        value, equals, name = text.partition("=")
        if not equals or not value.strip().isdigit() or not name.strip():
            raise BadInput(f"--labels {text!r} cannot be read; write it as 255=horse.")
        found.append((int(value), name.strip()))
    return tuple(found)
