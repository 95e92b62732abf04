"""A doctor job: what works in this worker, each line ok or how to fix it."""

from __future__ import annotations

from typing import Any

from smite_server.worker.problems import as_wire_error
from smite_server.worker.session import Task


def run(task: Task) -> dict[str, Any]:
    """Look at engine, devices, backbone and trackers; return ``{"checks": [...]}``.

    A check has ``name``, ``ok``, ``detail``, ``fix``, ``licence`` and ``required``.
    """
    task.progress.tell("looking at the engine")
    try:
        engine = task.session.engine
    except ImportError as problem:
        fix = 'install the server: pip install "smite-comp[server]"'
        return {"checks": [check("engine", False, f"cannot be imported ({problem})", fix)]}
    checks = [
        check(
            f"device {found['name']}",
            bool(found.get("ok")),
            str(found.get("detail", "")),
            str(found.get("remedy", "")),
            required=found["name"] == "cpu",
        )
        for found in engine.describe_devices()
    ]
    task.progress.tell("loading the backbone")
    checks.append(_backbone(task))
    checks += [
        check(
            f"tracker {found['name']}",
            bool(found.get("ok")),
            "" if found.get("ok") else "package or weights missing",
            str(found.get("remedy", "")),
            required=False,
            licence=str(found.get("licence", "")),
        )
        for found in engine.describe_trackers()
    ]
    return {"checks": checks}


def _backbone(task: Task) -> dict[str, Any]:
    try:
        backbone = task.session.backbone
    except Exception as problem:  # noqa: BLE001  (the report says what is wrong with it)
        error = as_wire_error(problem, task.session.errors)
        fix = "start the server with --backbone embedded, or a complete diffusers folder"
        return check("backbone", False, error.message, fix)
    loaded = f"{backbone.id} on {backbone.device}"
    expected = backbone.profile.good_for
    return check("backbone", True, f"{loaded}; {expected}" if expected else loaded)


def check(
    name: str,
    ok: bool,
    detail: str,
    fix: str = "",
    *,
    required: bool = True,
    licence: str = "",
) -> dict[str, Any]:
    """Return one line of the report."""
    return {
        "name": name,
        "ok": ok,
        "detail": detail,
        "fix": "" if ok else fix,
        "required": required,
        "licence": licence,
    }
