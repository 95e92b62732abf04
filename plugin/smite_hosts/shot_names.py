"""The shot's name from the script's: by a configurable pattern with named groups."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Dict, Optional

from smite_protocol.specs import SHOT_NAME

from .sentences import HostProblem

DEFAULT_PATTERN = r"(?P<shot>[^/]+?)(?:[._-]v\d+[^/]*)?\.[A-Za-z]+$"
"""The script's name without its version: ``/show/SEQ/SEQ_010/SEQ_010_comp_v003.nk``."""
DEFAULT_NAME = "{shot}"


def shot_of_script(
    script: Optional[str], pattern: str = DEFAULT_PATTERN, name: str = DEFAULT_NAME
) -> str:
    """Return the shot's name of a script's path; forward slashes or backslashes.

    ``pattern`` is searched for in the whole path; ``name`` puts its groups together. Raises
    HostProblem for a script without a name, one that does not fit, and a wrong pattern.
    """
    if not script:
        raise HostProblem("unsaved_script")
    groups = groups_of_script(script, pattern)
    try:
        shot = name.format(**groups)
    except (KeyError, IndexError, ValueError) as problem:
        raise HostProblem("bad_shot_pattern", detail=f"shot_name {name!r}: {problem}") from problem
    return check_shot(re.sub(r"[^A-Za-z0-9_.-]+", "_", shot).strip("."))


def groups_of_script(script: str, pattern: str) -> Dict[str, str]:
    """Return what the pattern's groups found, and ``folder``: the script's own."""
    path = script.replace("\\", "/")
    try:
        found = re.search(pattern, path)
    except re.error as problem:
        raise HostProblem("bad_shot_pattern", detail=str(problem)) from problem
    if found is None:
        raise HostProblem("no_shot_in_name", script=PurePosixPath(path).name, pattern=pattern)
    groups = {key: value for key, value in found.groupdict().items() if value}
    return {**groups, "folder": str(PurePosixPath(path).parent)}


def check_shot(shot: str) -> str:
    """Return a shot's name that can be part of file names. Raises HostProblem."""
    if not re.fullmatch(SHOT_NAME, shot):
        raise HostProblem("bad_shot_name", shot=repr(shot))
    return shot


def out_folder(template: str, script: Optional[str], pattern: str, shot: str, node: str) -> str:
    """Return the folder for mattes: a template with ``{folder}``, ``{shot}`` and the groups.

    Raises HostProblem where the template needs a script and there is none.
    """
    needs_script = any(field != "shot" for field in re.findall(r"\{(\w+)", template))
    if needs_script and not script:
        raise HostProblem("no_out", node=node)
    groups = groups_of_script(script, pattern) if needs_script and script else {}
    try:
        return template.format(**{**groups, "shot": shot})
    except (KeyError, IndexError, ValueError) as problem:
        raise HostProblem("bad_template", detail=f"out {template!r}: {problem}.") from problem
