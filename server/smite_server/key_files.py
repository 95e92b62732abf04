"""Where keys lie: ``SMITE_HOME/keys``, with the server's pair, the users' files and the list."""

from __future__ import annotations

from pathlib import Path


def keys_folder(home: Path) -> Path:
    """Return the folder of all keys."""
    return home / "keys"


def server_key_file(home: Path) -> Path:
    """Return the server's key file."""
    return keys_folder(home) / "server.key"


def user_key_file(home: Path, user: str) -> Path:
    """Return the key file of a user, which is handed out."""
    return keys_folder(home) / "users" / f"{user}.key"


def client_key_file(home: Path) -> Path:
    """Return where a user puts the file that was handed out, for all commands to find."""
    return keys_folder(home) / "client.key"


def allow_list_file(home: Path) -> Path:
    """Return the list of who may use the server."""
    return keys_folder(home) / "allowed"
