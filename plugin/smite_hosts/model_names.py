"""Names and versions of part models: ``horse_v002`` is followed by ``horse_v003``."""

from __future__ import annotations

import re
from typing import Iterable, Tuple

from smite_protocol.specs import MODEL_NAME

from .sentences import HostProblem

_VERSION = re.compile(r"(?P<base>.+)_v(?P<number>\d{3,})")


def split_version(name: str) -> Tuple[str, int]:
    """Return a model's name without its version, and the version; 0 where it has none."""
    found = _VERSION.fullmatch(name)
    return (found["base"], int(found["number"])) if found else (name, 0)


def next_version(name: str, known: Iterable[str]) -> str:
    """Return the name of the next version of a model, above all that are known.

    ``name`` may have a version itself or not. Raises HostProblem for a name that cannot be used.
    """
    base = split_version(name.strip())[0]
    versions = [number for found, number in map(split_version, known) if found == base]
    return check_model_name(f"{base}_v{max(versions, default=0) + 1:03d}")


def newest_first(names: Iterable[str]) -> Tuple[str, ...]:
    """Return models by name, the newest version of each first."""

    def order(name: str) -> Tuple[str, int]:
        base, number = split_version(name)
        return base.casefold(), -number

    return tuple(sorted(set(names), key=order))


def check_model_name(name: str) -> str:
    """Return a model's name that the server takes. Raises HostProblem."""
    if not re.fullmatch(MODEL_NAME, name):
        raise HostProblem("bad_model_name", name=repr(name))
    return name
