"""Checkpoints of a segment job: after each window, all that the rest of the shot needs, in a file.

The file is the engine's shot state with arrays and notes of ours beside it: report, contact sheet,
the frame that the next edges are held to, and what quality control goes on from. It belongs to one
job, part model and plate.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from safetensors import SafetensorError, safe_open

from smite_server.durable import make_synced_folder, replace_synced, sync_file
from smite_server.report import FrameReport
from smite_server.worker.shot import Shot
from smite_server.worker_messages import CHECKPOINT_SUFFIX

log = structlog.get_logger(__name__)

FORMAT = "smite-checkpoint-1"
_OURS = ("sheet.", "edges.", "quality.")
_UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError)


def save(shot: Shot, state: Any) -> str | None:
    """Write the checkpoint of the frames that are written; return its name.

    One that cannot be written, on a full disk, costs no mattes: the job goes on, the checkpoint
    before stays, and None is returned.
    """
    folder, name = shot.task.state_folder, f"frames-{shot.written:07d}{CHECKPOINT_SUFFIX}"
    draft = folder / f".{name}.{os.getpid()}"  # a killed server's worker may still be at it
    notes, arrays = _kept(shot)
    try:
        make_synced_folder(folder)
        state.save(draft, also=arrays, notes=notes)
        sync_file(draft)
        replace_synced(draft, folder / name)
    except (OSError, SafetensorError) as problem:
        for left in folder.glob(f"{draft.name}*"):
            left.unlink(missing_ok=True)
        log.warning("checkpoint not written", job=shot.task.job, problem=str(problem))
        return None
    return name


def restore(shot: Shot) -> None:
    """Bring a fresh shot to the job's checkpoint, if it has one that is whole and its own."""
    name = shot.task.run.checkpoint
    if not name:
        return
    path = shot.task.state_folder / name
    session = shot.task.session
    state_error = getattr(session.errors, "ShotStateError")  # noqa: B009  (any engine module)
    try:
        state = session.engine.ShotState.load(path)
        notes, arrays = _read(path)
        if notes["of"] != _identity(shot):
            raise ValueError("it belongs to another job, part model or plate")
        _take(shot, json.loads(notes["shot"]), arrays)
    except (*_UNREADABLE, state_error) as problem:
        log.warning(
            "checkpoint is of no use; the shot starts over", job=shot.task.job, problem=str(problem)
        )
        return
    shot.state = state
    log.info("shot goes on", job=shot.task.job, after=state.after, written=shot.written)


def _kept(shot: Shot) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the notes and arrays that `_take` reads."""
    sheet, arrays = shot.sheet.state()
    edges, edge_arrays = shot.edges.state()
    kept: dict[str, Any] = {f"sheet.{name}": array for name, array in arrays.items()}
    kept |= {f"edges.{name}": array for name, array in edge_arrays.items()}
    quality, quality_arrays = shot.quality.state()
    kept |= {f"quality.{name}": array for name, array in quality_arrays.items()}
    about = {
        "written": shot.written,
        "overwrote": shot.overwrote,
        "window": shot.window,
        "seconds": shot.seconds_taken,
        "missing": list(shot.plate.missing),
        "frames": [asdict(frame) for frame in shot.report.frames],
        "sheet": sheet,
        "edges": edges,
        "quality": quality,
    }
    return {"of": _identity(shot), "shot": json.dumps(about)}, kept


def _take(shot: Shot, about: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Bring ``shot`` to what `_kept` returned; nothing is changed when something is wrong."""
    frames = [FrameReport.read(frame) for frame in about["frames"]]
    counts = int(about["written"]), int(about["overwrote"]), int(about["window"])
    seconds, missing = float(about["seconds"]), {int(number) for number in about["missing"]}
    shot.edges.restore(about["edges"], _under("edges.", arrays))
    shot.sheet.restore(about["sheet"], _under("sheet.", arrays))
    shot.quality.restore(list(frames), about["quality"], _under("quality.", arrays))
    shot.report.frames = frames
    shot.written, shot.overwrote, shot.window = counts
    shot.seconds = seconds
    shot.plate.missing = tuple(sorted(missing | set(shot.plate.missing)))


def _under(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays whose names begin so, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _identity(shot: Shot) -> str:
    """What must be the same for a checkpoint to be of use, in one line."""
    plate, engine = shot.plate, shot.task.session.engine
    parts = {
        "format": FORMAT,
        "engine": getattr(engine, "__version__", ""),
        "job": shot.task.job,
        "spec": shot.task.run.spec,
        "model": shot.report.model["hash"],
        "frames": plate.numbers,
        "geometry": str(plate.geometry),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    with safe_open(path, framework="numpy") as file:
        names = [name for name in file.keys() if name.startswith(_OURS)]  # noqa: SIM118
        return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in names}
