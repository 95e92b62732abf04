"""Keys: who a client is, and that a server is the one it says, on connections between machines.

CURVE (Curve25519, as ZeroMQ does it): every connection is encrypted, the server proves that it
holds the secret of its public key, and the client of its own. A key file is text, one ``name
value`` on a line, ``#`` begins a comment line; a key is 40 characters of Z85. What a file with a
secret holds is for its owner alone, so one that others can read is refused.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple, Union

import zmq

from .errors import BadInput

MAX_KEY_FILE_BYTES = 16 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True)
class ClientKeys:
    """A user's pair of keys, and the public key of the server they are for."""

    public: str
    secret: str = field(repr=False)
    server: str

    def __post_init__(self) -> None:
        check_pair(self.public, self.secret, "The client's keys")
        check_key(self.server, "The server's public key")

    def apply(self, socket: Any) -> None:
        """Set up a zmq socket before it connects."""
        socket.curve_publickey = self.public.encode("ascii")
        socket.curve_secretkey = self.secret.encode("ascii")
        socket.curve_serverkey = self.server.encode("ascii")

    def save(self, path: Union[str, Path], title: str = "", *, force: bool = False) -> None:
        """Write the file to hand out. Raises BadInput; an old file stays, unless ``force``."""
        values = {"public": self.public, "secret": self.secret, "server": self.server}
        _write(Path(path), values, title or "A SMITE user's keys", force=force)

    @classmethod
    def load(cls, path: Union[str, Path]) -> ClientKeys:
        """Read a user's key file. Raises BadInput when it is none, or others can read it."""
        found = _read(Path(path), ("public", "secret", "server"), "smite keys user NAME")
        return cls(found["public"], found["secret"], found["server"])


@dataclass(frozen=True)
class ServerKeys:
    """A server's pair of keys."""

    public: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        check_pair(self.public, self.secret, "The server's keys")

    def apply(self, socket: Any) -> None:
        """Make a zmq socket, before it is bound, talk to holders of keys only.

        Which ones, the ZAP handler of the socket's context says; libzmq asks it for every
        handshake, because the socket has a ZAP domain.
        """
        socket.curve_server = True
        socket.curve_secretkey = self.secret.encode("ascii")
        socket.curve_publickey = self.public.encode("ascii")
        socket.zap_domain = b"smite"

    def save(self, path: Union[str, Path], *, force: bool = False) -> None:
        """Write the file. Raises BadInput; an old file stays, unless ``force``."""
        values = {"public": self.public, "secret": self.secret}
        _write(Path(path), values, "A SMITE server's keys", force=force)

    @classmethod
    def load(cls, path: Union[str, Path]) -> ServerKeys:
        """Read a server's key file. Raises BadInput when it is none, or others can read it."""
        found = _read(Path(path), ("public", "secret"), "smite keys server")
        return cls(found["public"], found["secret"])


def new_pair() -> Tuple[str, str]:
    """Return a new public and secret key. Raises BadInput where zmq has no CURVE."""
    if not zmq.has("curve"):
        raise BadInput("This zmq has no CURVE encryption; install pyzmq from its own wheels.")
    public, secret = zmq.curve_keypair()
    return public.decode("ascii"), secret.decode("ascii")


def is_key(text: str) -> bool:
    """Return whether ``text`` has the form of a key."""
    return bool(_KEY.fullmatch(text))


def check_key(text: str, what: str) -> None:
    """Raise BadInput unless ``text`` has the form of a key; never shows it."""
    if not is_key(text):
        raise BadInput(f"{what} must be 40 characters of Z85, as `smite keys` writes them.")


def check_pair(public: str, secret: str, what: str) -> None:
    """Raise BadInput unless ``secret`` is the secret of ``public``."""
    check_key(public, f"{what}: the public one")
    check_key(secret, f"{what}: the secret one")
    if zmq.curve_public(secret.encode("ascii")) != public.encode("ascii"):
        raise BadInput(f"{what} are no pair: the secret one belongs to another public one.")


def _write(path: Path, values: Mapping[str, str], title: str, *, force: bool) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    if path.exists() and not force:
        raise BadInput(f"The key file {path} exists; keys are not replaced without --force.")
    text = f"# {title}. The secret is for its owner alone.\n"
    text += "".join(f"{name} {value}\n" for name, value in values.items())
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as problem:
        if part.exists():
            part.unlink()
        raise BadInput(f"The key file {path} cannot be written ({problem.strerror}).") from problem


def _read(path: Path, names: Tuple[str, ...], command: str) -> Dict[str, str]:
    try:
        with path.expanduser().open("rb") as file:
            _refuse_readable(path, os.fstat(file.fileno()))
            packed = file.read(MAX_KEY_FILE_BYTES)
    except OSError as problem:
        raise BadInput(
            f"The key file {path} cannot be read ({problem.strerror}); `{command}` makes one."
        ) from problem
    found: Dict[str, str] = {}
    for line in packed.decode("ascii", errors="replace").splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            found[words[0]] = words[1] if len(words) == 2 else ""
    if set(found) != set(names) or not all(is_key(value) for value in found.values()):
        raise BadInput(
            f"The file {path} does not hold the keys {', '.join(names)}; `{command}` makes one"
            " that does."
        )
    return found


def _refuse_readable(path: Path, status: os.stat_result) -> None:
    """Raise BadInput when others than its owner may read a file (Windows: not looked at)."""
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & OTHERS:
        raise BadInput(
            f"The key file {path} can be read or changed by others; run: chmod 600 {path}"
        )
