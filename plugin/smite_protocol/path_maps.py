"""Path maps: where a client's ``P:\\shows`` or ``/Volumes/shows`` lies on the server, and back.

A rule is a pair of folders, the client's and the server's. It covers whole steps of a path; the
rule with the most steps wins. Windows paths are compared without case and with either separator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from .errors import BadInput


@dataclass(frozen=True)
class Steps:
    """A path in pieces. ``kind`` is "drive", "share" or "posix"."""

    kind: str
    steps: Tuple[str, ...]

    @property
    def compared(self) -> Tuple[str, ...]:
        """The steps as they are compared: Windows knows no case."""
        return self.steps if self.kind == "posix" else tuple(step.casefold() for step in self.steps)

    def begins_with(self, prefix: Steps) -> bool:
        """Return whether ``prefix`` is this path or a folder above it."""
        return self.kind == prefix.kind and self.compared[: len(prefix.steps)] == prefix.compared


@dataclass(frozen=True)
class Rule:
    """The client's folder and the server's. Raises BadInput when one is not absolute."""

    client: str
    server: str

    def __post_init__(self) -> None:
        for path in (self.client, self.server):
            if split_path(path) is None:
                raise BadInput(
                    f"The path map {self.client!r} -> {self.server!r} has {path!r}, which is not"
                    " absolute; write whole paths, like P:\\shows, \\\\nas\\shows or /mnt/shows."
                )


def split_path(path: str) -> Optional[Steps]:
    """Return the steps of an absolute path of any system; None when it is not absolute."""
    drive = re.match(r"([A-Za-z]:)(?=[\\/]|$)", path)
    if drive:
        rest = re.split(r"[\\/]+", path[2:])
        return Steps("drive", (drive[1], *(step for step in rest if step)))
    if re.match(r"\\\\[^\\/]|//[^\\/]", path):
        return Steps("share", tuple(step for step in re.split(r"[\\/]+", path) if step))
    if path.startswith("/"):
        return Steps("posix", tuple(step for step in path.split("/") if step))
    return None


def to_server(path: str, rules: Iterable[Rule]) -> Tuple[str, Optional[Rule]]:
    """Return a client's path as the server's, and the rule that says so; as it is without one."""
    return _through(path, [(rule.client, rule.server, rule) for rule in rules])


def to_client(path: str, rules: Iterable[Rule]) -> str:
    """Return a server's path as the client's; as it is where no rule covers it."""
    return _through(path, [(rule.server, rule.client, rule) for rule in rules])[0]


def lies_below(path: str, folders: Iterable[str]) -> bool:
    """Return whether ``path`` is one of ``folders`` or lies in one, by its text alone.

    A path with ``..`` in it lies nowhere.
    """
    found = split_path(path)
    if found is None or ".." in found.steps:
        return False
    above = (split_path(folder) for folder in folders)
    return any(prefix is not None and found.begins_with(prefix) for prefix in above)


def _through(path: str, ways: List[Tuple[str, str, Rule]]) -> Tuple[str, Optional[Rule]]:
    found = split_path(path)
    if found is None:
        return path, None
    best: Optional[Tuple[int, str, Rule]] = None
    for source, target, rule in ways:
        prefix = split_path(source)
        if prefix is not None and found.begins_with(prefix):
            length = len(prefix.steps)
            if best is None or length > best[0]:
                best = (length, target, rule)
    if best is None:
        return path, None
    return _join(best[1], found.steps[best[0] :]), best[2]


def _join(folder: str, rest: Tuple[str, ...]) -> str:
    """Return ``rest`` below ``folder``, in the folder's own manner of writing."""
    steps = split_path(folder)
    windows = steps is not None and steps.kind != "posix" and "/" not in folder
    separator = "\\" if windows else "/"
    if not rest:
        return folder
    return folder.rstrip("\\/") + separator + separator.join(rest)
