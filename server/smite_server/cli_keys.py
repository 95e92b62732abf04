"""`smite keys`: the server's keys, and who may use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smite_protocol.errors import BadInput
from smite_protocol.keys import ClientKeys, ServerKeys, new_pair

from .allow_list import USER_NAME, read_allow_list, write_allow_list
from .cli_options import Json
from .cli_output import print_facts, print_json, print_table, say
from .config import smite_home
from .key_files import allow_list_file, keys_folder, server_key_file, user_key_file

app = typer.Typer(
    help="Keys of a server and its users.", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Folder of the keys; otherwise SMITE_HOME/keys."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the keys that are there.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name, without spaces.")]


@app.callback()
def _group() -> None:
    """Keys of a server and its users."""


@app.command("server")
def make_server(folder: Folder = None, force: Force = False) -> None:
    """Make the server's keys; `smite serve` finds them. New ones make all users' files useless."""
    place = _place(folder)
    path = server_key_file(place)
    keys = ServerKeys(*new_pair())
    keys.save(path, force=force)
    allowed = allow_list_file(place)
    if not allowed.exists():
        write_allow_list(allowed, {})
    print_facts([("server key", path), ("allow-list", allowed), ("public key", keys.public)])
    say("Make a key for each user with `smite keys user NAME`, then start `smite serve`.")


@app.command("user")
def make_user(name: Name, folder: Folder = None, force: Force = False) -> None:
    """Make a user's keys, and let the user in at once; hand the file out over a safe way."""
    _check_name(name)
    place = _place(folder)
    server = ServerKeys.load(server_key_file(place))
    users = _users(place)
    if name in users and not force:
        raise BadInput(f"The user {name!r} has a key already; --force replaces it.")
    public, secret = new_pair()
    path = user_key_file(place, name)
    title = f"SMITE keys of {name}"
    ClientKeys(public, secret, server.public).save(path, title, force=force or name not in users)
    write_allow_list(allow_list_file(place), {**users, name: public})
    print_facts([("user", name), ("key file", path), ("public key", public)])
    say(f"Give {path} to {name} alone: it is --key FILE, or SMITE_KEY, of all commands there.")


@app.command("list")
def list_users(folder: Folder = None, json_wanted: Json = False) -> None:
    """List who may use the server."""
    users = _users(_place(folder))
    if json_wanted:
        print_json({"users": users})
        return
    if not users:
        print_facts([("no users", "")])
        return
    print_table(["user", "public key"], [[name, key] for name, key in sorted(users.items())])


@app.command("revoke")
def revoke(name: Name, folder: Folder = None) -> None:
    """Take a user's key from the list; running servers end its sessions within seconds."""
    place = _place(folder)
    users = _users(place)
    if name not in users:
        known = ", ".join(sorted(users)[:12]) or "nobody"
        raise BadInput(f"There is no user {name!r} in the list ({known}); see `smite keys list`.")
    key = users.pop(name)
    write_allow_list(allow_list_file(place), users)
    user_key_file(place, name).unlink(missing_ok=True)
    print_facts([("revoked", name), ("public key", key)])


def _place(folder: Path | None) -> Path:
    """Return the folder whose ``keys`` are meant: ``--dir`` is that of the keys itself."""
    if folder is None:
        return keys_folder(smite_home())
    return folder.expanduser().absolute()


def _users(place: Path) -> dict[str, str]:
    path = allow_list_file(place)
    return read_allow_list(path) if path.exists() else {}


def _check_name(name: str) -> None:
    if not USER_NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be a user's name; use up to 64 letters, digits, '_', '.', '@', '-'."
        )
