"""What goes wrong, in the words of a host: the protocol's errors and our own, by the table."""

from __future__ import annotations

import re
from typing import Mapping, Optional

from smite_protocol.errors import BadInput, SmiteError

from .sentence_table import TABLE as TABLE
from .sentence_table import Sentence as Sentence

_BY_CODE = {
    "server_unreachable": "server_unreachable",
    "server_lost": "server_lost",
    "not_greeted": "server_lost",
    "version_mismatch": "version_mismatch",
    "not_authorised": "wrong_key",
    "endpoint_refused": "other",
    "unknown_job": "job_forgotten",
    "server_stopped": "job_stopped",
    "worker_died": "worker_died",
    "disk_full": "disk_full",
    "out_of_memory": "out_of_memory",
    "bad_plate": "bad_plate",
    "bad_references": "bad_references",
    "bad_parts": "empty_part",
    "bad_colour": "bad_colour",
    "path_missing": "path_not_visible",
    "path_refused": "path_not_visible",
    "limit_reached": "limit_reached",
    "unknown_model": "unknown_model",
}


class HostProblem(BadInput):
    """Something a host's user can put right; ``key`` names its sentence in the table.

    ``fields`` are what the sentence was made with; None for one that was written already.
    """

    def __init__(self, key: str, **fields: object) -> None:
        self.key = key
        self.fields: Optional[Mapping[str, object]] = fields
        super().__init__(TABLE[key].text.format(**fields))

    @classmethod
    def said(cls, key: str, sentence: str) -> HostProblem:
        """Return a problem whose sentence is written already."""
        found = cls("other", detail=sentence)
        found.key, found.fields = key, None
        return found


def problem_of(
    error: SmiteError, *, server: str = "", key_file: str = "", job: str = "", path: str = ""
) -> HostProblem:
    """Return an error of the protocol or the server in the words of a host.

    ``server``, ``key_file``, ``job`` and ``path`` are what the sentence may name.
    """
    if isinstance(error, HostProblem):
        return error
    key = _BY_CODE.get(error.code, "other")
    if key == "server_unreachable" and key_file:
        key = "server_unreachable_with_key"
    if key == "bad_references" and _is_about_paint(error.message):
        key = "empty_part"
    if key == "path_not_visible" and not path:
        key = "other"
    if key == "wrong_key" and not key_file:
        key = "key_needed"
    found = HostProblem(
        key,
        detail=_without_dashes(error.message),
        server=server,
        key_file=key_file,
        job=job,
        path=path,
    )
    found.__cause__ = error
    return found


def _without_dashes(message: str) -> str:
    """Return a server's sentence with its options as plain words: nobody types them here."""
    return re.sub(r"(?<![\w-])--([a-z][a-z-]*)", lambda found: found[1].replace("-", " "), message)


def _is_about_paint(message: str) -> bool:
    return "painted" in message


def detail_of(problem: Optional[BaseException]) -> str:
    """Return what a system error says, for the field ``detail``."""
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) or type(problem).__name__
