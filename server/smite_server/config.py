"""The server's configuration: frozen, validated once, when it is made."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from smite_protocol.endpoints import DEFAULT_ENDPOINT, check_endpoint
from smite_protocol.errors import BadInput, BadPath

from .backbones import resolve_backbone
from .devices import check_devices

MEBIBYTE = 1024 * 1024
HOME_VARIABLE = "SMITE_HOME"


def smite_home() -> Path:
    """Return the folder of this user's jobs, part models and backbones.

    ``SMITE_HOME`` overrides it.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("smite", appauthor=False))


def runtime_folder() -> Path:
    """Return the folder in which live servers register themselves.

    It lies on this machine where the system has such a place, else below `smite_home`.
    """
    if os.environ.get(HOME_VARIABLE):
        return smite_home() / "run"
    chosen = os.environ.get("XDG_RUNTIME_DIR")
    return Path(chosen) / "smite" if chosen and Path(chosen).is_dir() else smite_home() / "run"


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients may send and ask for.

    ``max_jobs_per_user`` counts jobs that have not ended, ``max_running_per_user`` those that run
    (0: no bound). ``matte_credit_bytes`` is how much is sent to a watcher ahead of its
    acknowledgement. ``spool_gigabytes`` is how much the spool may hold before the oldest ended
    jobs are cleared from it.
    """

    max_file_bytes: int = 1024 * MEBIBYTE
    max_frames: int = 20_000
    max_upload_bytes: int = 256 * 1024 * MEBIBYTE
    max_open_jobs: int = 1000
    max_clients: int = 256
    max_jobs_per_user: int = 500
    max_running_per_user: int = 0
    matte_credit_bytes: int = 64 * MEBIBYTE
    spool_gigabytes: float = 1000.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            lowest = {"max_running_per_user": 0, "spool_gigabytes": 0.001}.get(name, 1)
            if value < lowest:
                raise BadInput(f"{name} is {value}; it must be at least {lowest}.")


@dataclass(frozen=True)
class Timing:
    """Intervals and timeouts in seconds.

    ``cancel_grace`` is how long a worker may take to stop a job before it is ended by force;
    ``worker_silence`` how long it may give no sign of life before it is taken for stuck;
    ``drain_seconds`` how long running jobs may take to their next checkpoint when a shared server
    is asked to end; ``private_linger`` how long a private server without jobs waits for
    another client, ``first_client`` how long for the first. ``upload_patience`` is how long a job
    waits for a client that was lost before it had sent all files, ``orphan_patience`` how long
    for a server that can run it, ``orphan_look`` how often jobs of dead servers are looked for.
    """

    heartbeat: float = 2.0
    client_timeout: float = 10.0
    cancel_grace: float = 1.0
    private_linger: float = 1.0
    first_client: float = 20.0
    worker_start: float = 120.0
    worker_silence: float = 60.0
    drain_seconds: float = 60.0
    keep_spool_days: float = 7.0
    keep_jobs_days: float = 90.0
    retention_every: float = 300.0
    upload_patience: float = 600.0
    orphan_patience: float = 600.0
    orphan_look: float = 2.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise BadInput(f"{name} is {value}; it must be above 0 seconds.")


@dataclass(frozen=True)
class ServerConfig:
    """Everything a server is started with.

    ``roots`` are the folders whose files jobs may name; none: jobs may name no paths. A private
    server's may be single files, or folders that are yet to be made.
    ``device`` is "auto", a name like "cuda:0", or several with commas: one worker each.
    ``threads`` is the number of CPU threads of a worker; 0: all cores. ``engine`` is the
    workers' engine module. ``max_attempts`` is how often a job may be begun without finishing a
    window; ``cache_megabytes`` how much of part models a worker keeps between jobs.
    ``backbone`` is "embedded", the name or id of a fetched one, or a folder. ``admins`` are the
    users who may change everybody's jobs. Raises EndpointRefused, BadPath, BadInput, BadBackbone.
    """

    endpoint: str = DEFAULT_ENDPOINT
    home: Path = field(default_factory=smite_home)
    spool: Path | None = None
    backbone: str = "embedded"
    device: str = "auto"
    roots: tuple[Path, ...] = ()
    threads: int = 0
    private: bool = False
    token: str = ""
    engine: str = "smite_engine"
    admins: tuple[str, ...] = ()
    max_attempts: int = 3
    cache_megabytes: int = 1024
    limits: Limits = field(default_factory=Limits)
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", check_endpoint(self.endpoint, any_port=True))
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())
        if self.spool is not None:
            object.__setattr__(self, "spool", Path(self.spool).expanduser().absolute())
        object.__setattr__(self, "roots", self._checked_roots())
        if self.threads < 0:
            raise BadInput(f"threads is {self.threads}; it must be 0 (all cores) or more.")
        if self.max_attempts < 1:
            raise BadInput(f"max_attempts is {self.max_attempts}; it must be at least 1.")
        if self.cache_megabytes < 0:
            raise BadInput(f"cache_megabytes is {self.cache_megabytes}; it must be 0 or more.")
        if not self.backbone:
            raise BadInput("backbone must not be empty; try 'embedded'.")
        check_devices(self.device)
        _ = self.backbone_source  # a backbone that is not here is told at once

    def _checked_roots(self) -> tuple[Path, ...]:
        if self.private:
            return tuple(Path(root).expanduser().resolve() for root in self.roots)
        return tuple(_checked_root(root) for root in self.roots)

    @property
    def spool_folder(self) -> Path:
        """Where uploads and sent-back mattes lie."""
        return self.spool if self.spool is not None else self.home / "spool"

    @property
    def backbone_source(self) -> str:
        """What the engine loads: "embedded", or a folder. Raises BadBackbone."""
        return resolve_backbone(self.backbone, self.home)

    @property
    def models_folder(self) -> Path:
        """Where part models lie, NAME.safetensors."""
        return self.home / "models"

    @property
    def store_file(self) -> Path:
        """The SQLite file of the jobs."""
        return self.home / "jobs.sqlite"

    @property
    def log_folder(self) -> Path:
        """Where servers and workers write what they have to say."""
        return self.home / "logs"

    def make_folders(self) -> None:
        """Make the folders, for this user only. Raises BadPath."""
        for folder in (self.home, self.spool_folder, self.models_folder, self.log_folder):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as problem:
                raise BadPath(
                    f"The folder {folder} cannot be made ({problem.strerror}); choose another"
                    f" with --spool or the environment variable {HOME_VARIABLE}."
                ) from problem
            if not os.access(folder, os.W_OK | os.X_OK):
                raise BadPath(f"The folder {folder} cannot be written to; choose another.")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads."""
        found = asdict(self)
        for name in ("home", "spool"):
            found[name] = None if found[name] is None else str(found[name])
        found["roots"] = [str(root) for root in self.roots]
        return found

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ServerConfig:
        """Return the configuration of `to_dict`'s data."""
        given = dict(data)
        given["limits"] = Limits(**given.get("limits", {}))
        given["timing"] = Timing(**given.get("timing", {}))
        given["roots"] = tuple(Path(root) for root in given.get("roots", ()))
        given["admins"] = tuple(given.get("admins", ()))
        return cls(**given)


def _checked_root(root: Path) -> Path:
    found = Path(root).expanduser()
    try:
        resolved = found.resolve(strict=True)
    except (OSError, RuntimeError) as problem:
        raise BadPath(f"The root {root} does not exist; name a folder that does.") from problem
    if not resolved.is_dir():
        raise BadPath(f"The root {root} is not a folder; name the folder that holds it.")
    return resolved
