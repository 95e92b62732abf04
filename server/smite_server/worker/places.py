"""Where a job may write."""

from __future__ import annotations

from pathlib import Path

from smite_protocol.errors import PathRefused
from smite_protocol.specs import BUILT_IN_CONFIGS
from smite_server.paths import check_again
from smite_server.worker.session import Task


def out_folder(task: Task) -> Path:
    """Return where the job writes: its output folder, or the spool when the bytes go back."""
    out = task.run.resolved.get("out")
    return Path(out) if out is not None else task.session.options.spool / task.job / "out"


def check_inside(task: Task, out: Path, path: Path) -> None:
    """Raise PathRefused when links below the output folder lead out of the server's roots."""
    allowed = [out.resolve(), *(Path(root) for root in task.run.resolved.get("roots", ()))]
    resolved = path.resolve()
    if not any(resolved.is_relative_to(folder) for folder in allowed):
        raise PathRefused(
            f"{path} leads to {resolved}, outside the folders this server may touch; remove the"
            " link, or choose another output folder."
        )


def check_inputs(task: Task) -> None:
    """Check the inputs that the client named by path once more: a link may have come between.

    Raises PathRefused, PathMissing.
    """
    spec = task.run.spec
    named = {
        name: what
        for name, what in (("refs", "the references"), ("plate", "the plate"), ("clip", "the clip"))
        if spec.get(name)
    }
    if "/" in (spec.get("model") or "") and task.run.resolved.get("model"):
        named["model"] = "the part model"
    if not (spec.get("ocio") or BUILT_IN_CONFIGS).startswith(BUILT_IN_CONFIGS):
        named["ocio"] = "the OpenColorIO config"
    if named:
        check_again(task.run.resolved, named)
