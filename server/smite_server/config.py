"""The server's configuration: frozen, validated once, when it is made."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import platformdirs

from smite_protocol.endpoints import DEFAULT_ENDPOINT, check_endpoint, leaves_this_machine
from smite_protocol.errors import BadInput, BadPath, EndpointRefused, SmiteError

from .backbones import resolve_backbone
from .config_fields import NOT_SETTABLE, SECRET, build, plain, raise_all
from .devices import check_devices
from .http_address import check_http_address
from .key_files import allow_list_file, keys_folder, server_key_file
from .path_mapping import Rule

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

    With less than ``low_disk_bytes`` free below the spool the server calls itself degraded.
    ``max_jobs_per_user`` counts jobs that have not ended, ``max_running_per_user`` those that run
    (0: no bound). ``matte_credit_bytes`` is how much is sent to a watcher ahead of its
    acknowledgement. ``write_ahead_bytes`` is how much of what all clients send may wait for the
    disk, in memory; beyond it, and one message, the server reads no more until some is written.
    ``spool_gigabytes`` is how much the spool may hold before the oldest ended jobs are cleared from
    it.

    The rates are for each user, or for each connection where there are no keys; a burst is free
    (`guard`). A peer that sends more bad messages than that is ignored for a minute.
    """

    max_file_bytes: int = 1024 * MEBIBYTE
    max_frames: int = 20_000
    max_upload_bytes: int = 256 * 1024 * MEBIBYTE
    max_open_jobs: int = 1000
    max_clients: int = 256
    low_disk_bytes: int = 2 * 1024 * MEBIBYTE
    max_jobs_per_user: int = 500
    max_running_per_user: int = 0
    matte_credit_bytes: int = 64 * MEBIBYTE
    write_ahead_bytes: int = 256 * MEBIBYTE
    spool_gigabytes: float = 200.0
    requests_per_second: int = 200
    submits_per_minute: int = 600
    uploads_per_second: int = 2000
    bad_messages_per_minute: int = 100

    def __post_init__(self) -> None:
        lowest = {"max_running_per_user": 0, "spool_gigabytes": 0.001}
        raise_all(
            [
                (name, BadInput(f"{name} is {value}; it must be at least {lowest.get(name, 1)}."))
                for name, value in asdict(self).items()
                if value < lowest.get(name, 1)
            ]
        )


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
        raise_all(
            [
                (name, BadInput(f"{name} is {value}; it must be above 0 seconds."))
                for name, value in asdict(self).items()
                if value <= 0
            ]
        )


@dataclass(frozen=True)
class Log:
    """What a server writes about itself, and where.

    ``format`` is of standard error; the file in the log folder has JSON lines. The file is moved
    aside at ``max_bytes``, and ``files`` such older ones are kept.
    """

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    max_bytes: int = 10 * MEBIBYTE
    files: int = 5

    def __post_init__(self) -> None:
        raise_all(
            [
                (name, BadInput(f"{name} is {value}; it must be at least {least}."))
                for name, value, least in (
                    ("max_bytes", self.max_bytes, 65536),
                    ("files", self.files, 1),
                )
                if value < least
            ]
        )


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
    users who may change everybody's jobs. ``keys`` is the server's key file, ``allow_list`` the
    file of who may use it; an endpoint that leaves this machine needs them, and takes those of
    `smite keys` where they are. ``path_map`` are pairs of a client's folder and the server's.
    ``http`` is where status page and metrics are served, a
    loopback address; empty: nowhere. Raises EndpointRefused, BadPath, BadInput, BadBackbone;
    BadConfig for several errors.
    """

    endpoint: str = DEFAULT_ENDPOINT
    home: Path = field(default_factory=smite_home, metadata=NOT_SETTABLE)
    spool: Path | None = None
    backbone: str = "embedded"
    device: str = "auto"
    roots: tuple[Path, ...] = field(default=(), metadata={"flag": "root"})
    threads: int = 0
    private: bool = field(default=False, metadata=NOT_SETTABLE)
    token: str = field(default="", metadata=SECRET)
    engine: str = "smite_engine"
    admins: tuple[str, ...] = ()
    max_attempts: int = 3
    cache_megabytes: int = 1024
    http: str = ""
    limits: Limits = field(default_factory=Limits)
    timing: Timing = field(default_factory=Timing)
    log: Log = field(default_factory=Log)
    keys: Path | None = None
    allow_list: Path | None = None
    path_map: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())
        for name in ("spool", "keys", "allow_list"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Path(getattr(self, name)).expanduser().absolute())
        problems = []
        for name, settle in self._settlers().items():
            try:
                object.__setattr__(self, name, settle())
            except SmiteError as problem:
                problems.append((name, problem))
        raise_all(problems)

    def _settlers(self) -> dict[str, Callable[[], Any]]:
        """What checks each field and returns it as it is kept; all run before any error is told."""
        return {
            "keys": self._keys_or_default,
            "endpoint": self._checked_endpoint,
            "path_map": self._checked_path_map,
            "roots": self._checked_roots,
            "threads": self._checked_threads,
            "max_attempts": self._checked_attempts,
            "cache_megabytes": self._checked_cache,
            "backbone": self._checked_backbone,
            "device": self._checked_device,
            "http": lambda: check_http_address(self.http),
        }

    def _checked_endpoint(self) -> str:
        return check_endpoint(self.endpoint, any_port=True, encrypted=self.keys is not None)

    def _checked_path_map(self) -> tuple[tuple[str, str], ...]:
        _ = self.path_rules  # rules that cannot be read are told at once
        return tuple((client, server) for client, server in self.path_map)

    def _checked_threads(self) -> int:
        if self.threads < 0:
            raise BadInput(f"threads is {self.threads}; it must be 0 (all cores) or more.")
        return self.threads

    def _checked_attempts(self) -> int:
        if self.max_attempts < 1:
            raise BadInput(f"max_attempts is {self.max_attempts}; it must be at least 1.")
        return self.max_attempts

    def _checked_cache(self) -> int:
        if self.cache_megabytes < 0:
            raise BadInput(f"cache_megabytes is {self.cache_megabytes}; it must be 0 or more.")
        return self.cache_megabytes

    def _checked_backbone(self) -> str:
        if not self.backbone:
            raise BadInput("backbone must not be empty; try 'embedded'.")
        _ = self.backbone_source  # a backbone that is not here is told at once
        return self.backbone

    def _checked_device(self) -> str:
        check_devices(self.device)
        return self.device

    def _keys_or_default(self) -> Path | None:
        """Return the key file: the one given; for other machines, the one of `smite keys`."""
        usual = server_key_file(keys_folder(self.home))
        with suppress(EndpointRefused):  # told by the endpoint's own check
            if self.keys is None and leaves_this_machine(self.endpoint) and usual.exists():
                return usual
        return self.keys

    @property
    def allow_list_file(self) -> Path:
        """The names and public keys of those who may use a server with keys."""
        return (
            self.allow_list
            if self.allow_list is not None
            else allow_list_file(keys_folder(self.home))
        )

    @property
    def path_rules(self) -> tuple[Rule, ...]:
        """The path map's rules. Raises BadInput."""
        return tuple(Rule(client, server) for client, server in self.path_map)

    def _checked_roots(self) -> tuple[Path, ...]:
        if self.private:
            return tuple(Path(root).expanduser().resolve() for root in self.roots)
        found, problems = [], []
        for root in self.roots:
            try:
                found.append(_checked_root(root))
            except BadPath as problem:
                problems.append(problem)
        if len(problems) > 1:
            raise BadPath(" ".join(problem.message for problem in problems))
        if problems:
            raise problems[0]
        return tuple(found)

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
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ServerConfig:
        """Return the configuration of `to_dict`'s data."""
        found: ServerConfig = build(cls, data)
        return found


def _checked_root(root: Path) -> Path:
    found = Path(root).expanduser()
    try:
        resolved = found.resolve(strict=True)
    except (OSError, RuntimeError) as problem:
        raise BadPath(f"The root {root} does not exist; name a folder that does.") from problem
    if not resolved.is_dir():
        raise BadPath(f"The root {root} is not a folder; name the folder that holds it.")
    return resolved
