"""Where keys lie (``SMITE_HOME/keys`` and its files), and which of them a command uses."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path

from smite_protocol.endpoints import leaves_this_machine
from smite_protocol.errors import BadInput
from smite_protocol.keys import ClientKeys

KEY_VARIABLE = "SMITE_KEY"
chosen_key: ContextVar[Path | None] = ContextVar("chosen_key", default=None)
"""The ``--key`` of the command that runs."""


def keys_folder(home: Path) -> Path:
    """Return the folder of all keys."""
    return home / "keys"


def server_key_file(folder: Path) -> Path:
    """Return the server's key file."""
    return folder / "server.key"


def user_key_file(folder: Path, user: str) -> Path:
    """Return the key file of a user, which is handed out."""
    return folder / "users" / f"{user}.key"


def client_key_file(folder: Path) -> Path:
    """Return where a user puts the file that was handed out, for all commands to find."""
    return folder / "client.key"


def allow_list_file(folder: Path) -> Path:
    """Return the list of who may use the server."""
    return folder / "allowed"


def find_client_key(home: Path) -> Path | None:
    """Return the key file a command uses: ``--key``, ``SMITE_KEY``, or the usual place's."""
    named = chosen_key.get() or os.environ.get(KEY_VARIABLE)
    if named:
        return Path(named).expanduser()
    usual = client_key_file(keys_folder(home))
    return usual if usual.exists() else None


def keys_for(endpoint: str, home: Path, *, encrypted: bool | None = None) -> ClientKeys | None:
    """Return the keys to connect to a server with; None where it is not encrypted.

    ``encrypted`` is what is known of the server; when nothing is, a key that was named counts, and
    an endpoint that leaves this machine. Raises BadInput.
    """
    path = find_client_key(home)
    named = chosen_key.get() is not None or bool(os.environ.get(KEY_VARIABLE))
    wanted = (named or leaves_this_machine(endpoint)) if encrypted is None else encrypted
    if not wanted:
        return None
    if path is None:
        raise BadInput(
            f"The server at {endpoint} wants a key; name your key file with --key FILE or"
            f" {KEY_VARIABLE}, or put it at {client_key_file(keys_folder(home))} (who runs the"
            " server makes it with `smite keys user NAME`)."
        )
    return ClientKeys.load(path)
