"""A model hub as the fetch needs it: what a repository holds, and one file of it.

The only file that talks to the internet, through `huggingface_hub`, which is imported when it is
needed. ``HF_ENDPOINT`` names another hub than huggingface.co, for example a studio's mirror.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadInput, DiskFull, JobFailed

HUB_SECONDS = 20.0
ENDPOINT_VARIABLE = "HF_ENDPOINT"
DEFAULT_HUB = "https://huggingface.co"
COMMIT = re.compile(r"[0-9a-f]{40}")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, and what it must be.

    ``sha256`` is that of the content where the hub keeps large files apart; for others ``blob``
    is git's id, the SHA-1 over ``blob SIZE`` + NUL + content. One of them is empty.
    """

    name: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class Repository:
    """A model on a hub at one commit; ``licence`` is what its card says, empty for nothing."""

    id: str
    commit: str
    licence: str
    files: Mapping[str, HubFile]


def hub_endpoint() -> str:
    """Return the hub's address, without a slash at the end. Raises BadInput."""
    endpoint = (os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_HUB).rstrip("/")
    if not re.fullmatch(r"https?://[^/\s]+(/[^\s]*)?", endpoint):
        raise BadInput(
            f"{ENDPOINT_VARIABLE} is {endpoint!r}, which is no address; write it like"
            f" {DEFAULT_HUB}."
        )
    return endpoint


class Hub:
    """One hub. Every method raises BadInput, JobFailed or DiskFull, with a sentence."""

    def __init__(self, endpoint: str, *, quiet: bool = False) -> None:
        self.endpoint = endpoint
        self._library = _load_library(quiet=quiet or not sys.stderr.isatty())

    def repository(self, hub_id: str, revision: str | None) -> Repository:
        """Return what ``hub_id`` holds at ``revision``, or at its newest commit."""
        with self._told(hub_id, revision):
            api = self._library.HfApi(endpoint=self.endpoint)
            info = api.model_info(
                hub_id, revision=revision, files_metadata=True, timeout=HUB_SECONDS
            )
        if not COMMIT.fullmatch(info.sha or ""):
            raise JobFailed(f"{self.endpoint} does not say which commit of {hub_id} it has.")
        files = (_hub_file(entry) for entry in info.siblings or ())
        return Repository(
            id=hub_id,
            commit=info.sha,
            licence=_licence(info),
            files={file.name: file for file in files if file is not None},
        )

    def download(self, repository: Repository, name: str, folder: Path) -> None:
        """Download one file to ``folder / name``; one that is there already is kept."""
        with self._told(repository.id, repository.commit):
            self._library.hf_hub_download(
                repository.id,
                name,
                revision=repository.commit,
                local_dir=folder,
                endpoint=self.endpoint,
            )

    @contextmanager
    def _told(self, hub_id: str, revision: str | None) -> Iterator[None]:
        """Turn the library's errors into sentences."""
        errors = self._library.errors
        where = f"{hub_id} at {self.endpoint}"
        try:
            yield
        except errors.GatedRepoError as problem:
            raise BadInput(
                f"{where} is given only to those who accept its terms: do so on its page, log in"
                " with `hf auth login`, and run this again."
            ) from problem
        except errors.RepositoryNotFoundError as problem:
            raise BadInput(
                f"There is no model {where}, or it is private; check the id, or give one of the"
                " names that `smite models fetch --help` lists."
            ) from problem
        except errors.RevisionNotFoundError as problem:
            raise BadInput(
                f"{where} has no revision {revision!r}; leave out --revision for the newest."
            ) from problem
        except errors.OfflineModeIsEnabled as problem:
            raise JobFailed(
                f"{where} was not asked, because HF_HUB_OFFLINE forbids it; unset that, or copy a"
                " diffusers folder to this machine and give it as --backbone FOLDER."
            ) from problem
        except (OSError, _transport_error(errors)) as problem:
            raise _failure(problem, where, self.endpoint) from problem
        except (ValueError, TypeError, KeyError) as problem:
            raise JobFailed(
                f"{self.endpoint} does not answer as a model hub does ({type(problem).__name__});"
                f" check {ENDPOINT_VARIABLE}."
            ) from problem


def _failure(problem: Exception, where: str, endpoint: str) -> JobFailed:
    """Return the error of a download that broke off, or of a hub that is not there."""
    if isinstance(problem, OSError) and problem.errno in _FULL:
        return DiskFull("The disk is full; make room, and run this again to go on.")
    reason = " ".join(str(problem).split())[:300] or type(problem).__name__
    status = getattr(getattr(problem, "response", None), "status_code", None)
    if status is not None:
        return JobFailed(f"The hub answered {status} for {where} ({reason}); try again later.")
    return JobFailed(
        f"The hub {endpoint} cannot be reached, or broke off ({reason}); set {ENDPOINT_VARIABLE}"
        " to a mirror, or copy a diffusers folder to this machine and give it as --backbone FOLDER."
    )


def _load_library(*, quiet: bool) -> Any:
    """Import `huggingface_hub`, set up for plain downloads. Raises JobFailed.

    Its settings are read from the environment when it is first imported. Xet, its other way of
    transfer, needs hosts and caches of its own; plain HTTPS passes proxies and mirrors.
    """
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if quiet:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as problem:
        raise JobFailed(
            f"The library huggingface_hub cannot be imported ({problem}); install the server:"
            ' pip install "smite-comp[server]".'
        ) from problem
    library: Any = huggingface_hub
    library.utils.logging.set_verbosity_error()
    return library


def _transport_error(errors: Any) -> type[Exception]:
    """Return the base of the errors of the HTTP library that `huggingface_hub` uses."""
    bases: tuple[type, ...] = errors.HfHubHTTPError.__mro__
    return next(
        (base for base in bases if base.__name__ == "HTTPError" and issubclass(base, Exception)),
        OSError,
    )


def _hub_file(entry: Any) -> HubFile | None:
    """Return one entry of a repository's listing; None where the hub does not say enough."""
    large = entry.lfs
    size = large.size if large is not None else entry.size
    sha256 = large.sha256 if large is not None else ""
    blob = "" if large is not None else entry.blob_id or ""
    if size is None or not (sha256 or blob):
        return None
    return HubFile(entry.rfilename, int(size), str(sha256).lower(), str(blob).lower())


def _licence(info: Any) -> str:
    """Return the licence that a model's card or tags name."""
    card = getattr(info, "card_data", None)
    told = getattr(card, "license_name", None) or getattr(card, "license", None)
    tags = [tag.partition(":")[2] for tag in info.tags or () if tag.startswith("license:")]
    return str(told or (tags[0] if tags else ""))
