"""Who may use a server: a text file of names and public keys, read again when it changes.

One ``name public-key`` on a line, ``#`` begins a comment line. A file that cannot be used keeps
the last good list, and is told of once; one that is gone allows nobody.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from smite_protocol.errors import BadInput
from smite_protocol.keys import is_key

log = structlog.get_logger(__name__)

MAX_LIST_BYTES = 4 * 1024 * 1024
LOOK_SECONDS = 0.5
"""How old what is known of the file may be when a message is judged by it."""
USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
HEADER = "# Who may use this SMITE server: a name and a public key on each line.\n"

_Mark = tuple[int, int, int]


class AllowList:
    """The list of one file. May be asked from several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._mark: _Mark | None = None
        self._looked = float("-inf")
        self._names: dict[str, str] = {}
        self.user_of("", fresh=True)

    def user_of(self, key: str, *, fresh: bool = False) -> str | None:
        """Return the name of a public key; None when it is not listed (any more).

        ``fresh`` looks at the file now, also when that was done a moment ago.
        """
        with self._lock:
            if fresh or self._clock() - self._looked >= LOOK_SECONDS:
                self._look()
            return self._names.get(key)

    def _look(self) -> None:
        self._looked = self._clock()
        mark = _mark_of(self.path)
        if mark == self._mark:
            return
        self._mark = mark
        if mark is None:
            self._names = {}
            log.warning("the allow-list is gone, nobody is allowed", path=str(self.path))
            return
        try:
            listed = read_allow_list(self.path)
        except BadInput as problem:
            log.warning("the allow-list is broken, the last good one counts", why=problem.message)
            return
        self._names = {key: name for name, key in listed.items()}
        log.info("the allow-list is read", users=len(listed))


def _mark_of(path: Path) -> _Mark | None:
    """Return what changes when a file does; None when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_allow_list(path: Path) -> dict[str, str]:
    """Return the public key of every name. Raises BadInput, naming the line."""
    try:
        with path.open("rb") as file:
            packed = file.read(MAX_LIST_BYTES + 1)
        text = packed.decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(f"The allow-list {path} cannot be read ({problem}).") from problem
    if len(packed) > MAX_LIST_BYTES:
        raise BadInput(f"The allow-list {path} is over {MAX_LIST_BYTES} bytes.")
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 2 or not USER_NAME.fullmatch(words[0]) or not is_key(words[1]):
            raise BadInput(
                f"Line {number} of the allow-list {path} cannot be read; write a name and a public"
                " key of 40 characters."
            )
        if words[0] in found or words[1] in found.values():
            raise BadInput(
                f"Line {number} of the allow-list {path} repeats a name or a key; list each once."
            )
        found[words[0]] = words[1]
    return found


def write_allow_list(path: Path, users: dict[str, str]) -> None:
    """Write the list, whole or not at all. Raises BadInput."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    lines = "".join(f"{name} {key}\n" for name, key in sorted(users.items()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(HEADER + lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as problem:
        raise BadInput(
            f"The allow-list {path} cannot be written ({problem.strerror})."
        ) from problem
