"""`smite doctor`: what works here, each line ok or how to fix it.

The libraries are tried in a process of their own (`doctor_probe`) and the devices, the backbone
and the trackers in the server's worker, so that this process imports no array library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from smite_protocol.client import Client
from smite_protocol.endpoints import DEFAULT_ENDPOINT
from smite_protocol.errors import ServerUnreachable, SmiteError
from smite_protocol.specs import DoctorSpec

from .backbones import PUBLISHED, fetched_backbone, fetched_backbones
from .cli import OLDEST
from .cli_connect import server_for_work
from .cli_options import Backbone, Device, Json, Server
from .cli_output import busy, print_json, print_table, say
from .config import smite_home

PROBE_SECONDS = 120
FREE_BYTES = 2 * 1024**3
REACH_SECONDS = 1.0


@dataclass(frozen=True)
class Check:
    """One line of the report.

    ``required`` says whether something that does not work here makes SMITE unusable; ``fix`` is
    what to do about it.
    """

    name: str
    ok: bool
    detail: str = ""
    fix: str = ""
    required: bool = True
    licence: str = ""


def doctor(
    server: Server = None,
    backbone: Backbone = "embedded",
    device: Device = "auto",
    json_wanted: Json = False,
) -> None:
    """Check what works here; each line is ok, or says how to fix it."""
    with busy("trying the libraries", quiet=json_wanted):
        checks = [_python(), *_packages(), _ocio_variable(), _disk(smite_home()), _server(server)]
    checks += _weights(smite_home())
    with busy("asking the worker for devices, backbone and trackers", quiet=json_wanted):
        checks += _worker(server, backbone, device)
    broken = [check for check in checks if check.required and not check.ok]
    if json_wanted:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    else:
        print_table(["", "what", "found", "how to fix it"], [_row(check) for check in checks])
    if broken:
        names = ", ".join(check.name for check in broken)
        say(f"Not everything that SMITE needs works here: {names}.")
        raise typer.Exit(1)


def _row(check: Check) -> list[str]:
    mark = "ok" if check.ok else ("FIX" if check.required else "-")
    detail = f"{check.detail} ({check.licence})" if check.licence else check.detail
    return [mark, check.name, detail.strip(), "" if check.ok else check.fix]


def _python() -> Check:
    found = sys.version.split()[0]
    wanted = ".".join(str(number) for number in OLDEST)
    return Check("python", sys.version_info >= OLDEST, found, f"use Python {wanted} or newer")


def _packages() -> list[Check]:
    """Try every library of the server in a process of its own."""
    command = [sys.executable, "-m", "smite_server.doctor_probe"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True
        )
        found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as problem:
        fix = 'install again: pip install --force-reinstall "smite-comp[server]"'
        return [Check("packages", False, f"they cannot be tried ({problem})", fix)]
    return [
        Check(
            name,
            entry["ok"],
            entry["detail"],
            f'pip install --force-reinstall "{entry["package"]}"',
        )
        for name, entry in found.items()
    ]


def _ocio_variable() -> Check:
    """Say which OpenColorIO config is used; that it loads is tried in the probe."""
    config = os.environ.get("OCIO", "")
    if not config or config.startswith("ocio://"):
        return Check("OCIO config", True, config or "built in ($OCIO is not set)")
    there = Path(config).is_file()
    detail = config if there else f"$OCIO names {config}, which does not exist"
    return Check("OCIO config", there, detail, "point $OCIO at a config, or unset it")


def _disk(home: Path) -> Check:
    """Say how much space the folder of jobs and part models has, and that it can be written."""
    there = next(step for step in (home, *home.parents) if step.exists())
    if not os.access(there, os.W_OK):
        return Check("disk", False, f"{there} cannot be written to", "set SMITE_HOME elsewhere")
    free = shutil.disk_usage(there).free
    detail = f"{free / 1024**3:.1f} GiB free for {home}"
    return Check("disk", free >= FREE_BYTES, detail, "free 2 GiB, or set SMITE_HOME elsewhere")


def _weights(home: Path) -> list[Check]:
    """Say which backbones are fetched and whole, and how to get those that are not."""
    found = []
    for known in PUBLISHED:
        if fetched_backbone(home, known.name) is None:
            fix = f"smite models fetch {known.name}"
            name, licence = f"weights {known.name}", known.licence
            found.append(Check(name, False, "not fetched", fix, required=False, licence=licence))
    for backbone in fetched_backbones(home):
        damaged = backbone.damaged_files()
        at = (
            f"{backbone.id} at {backbone.commit[:12]}" if backbone.files else "not fetched by smite"
        )
        detail = f"{damaged[0]} is missing or of another size" if damaged else at
        fix = f"smite models fetch {backbone.id} --name {backbone.name} --force"
        name, licence = f"weights {backbone.name}", backbone.licence
        found.append(Check(name, not damaged, detail, fix, required=False, licence=licence))
    return found


def _server(server: str | None) -> Check:
    """Say whether a server answers; only one that was named has to."""
    endpoint = server or DEFAULT_ENDPOINT
    try:
        with Client(endpoint, timeout=REACH_SECONDS) as client:
            told = client.server
            return Check("server", True, f"{endpoint} answers, version {told.server_version}")
    except ServerUnreachable as problem:
        if server is None:
            detail = f"none at {endpoint}; commands start a private one"
            return Check("server", True, detail, required=False)
        return Check("server", False, problem.message, f"smite serve --endpoint {endpoint}")
    except SmiteError as problem:
        return Check("server", False, problem.message, "name another with --server", bool(server))


def _worker(server: str | None, backbone: str, device: str) -> list[Check]:
    """Ask the worker for its devices, backbone and trackers, through the protocol."""
    try:
        with server_for_work(server, [], backbone=backbone, device=device) as client:
            finished = client.wait(client.submit(DoctorSpec()))
    except SmiteError as problem:
        fix = "see the sentence; the worker's log is in " + str(smite_home() / "logs")
        return [Check("worker", False, problem.message, fix)]
    return [_from_worker(entry) for entry in finished.result.get("checks", ())]


def _from_worker(entry: dict[str, Any]) -> Check:
    return Check(
        name=str(entry.get("name", "")),
        ok=bool(entry.get("ok")),
        detail=str(entry.get("detail", "")),
        fix=str(entry.get("fix") or entry.get("how_to_fix") or ""),
        required=bool(entry.get("required", True)),
        licence=str(entry.get("licence") or ""),
    )
