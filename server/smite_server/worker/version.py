"""Which version of a shot a job writes: said once, and then the job's own until it has ended."""

from __future__ import annotations

from dataclasses import replace

from smite_protocol.specs import NEXT_VERSION, SegmentSpec
from smite_server.durable import make_synced_folder, replace_synced, write_synced
from smite_server.exr_attributes import settings_hash
from smite_server.output_names import OutputNames
from smite_server.plates import Plate
from smite_server.versions import claim_next_version, claim_version
from smite_server.worker.session import Task

FILE = "version"


def claimed(task: Task, spec: SegmentSpec, names: OutputNames, plate: Plate) -> OutputNames:
    """Return ``names`` of the version that the job writes; a job that goes on keeps its own.

    Raises MatteError where the version is there already, made by other work.
    """
    path = task.state_folder / FILE
    if path.is_file():
        return replace(names, version=int(path.read_text(encoding="ascii")))
    work = settings_hash({"spec": task.run.spec, "inputs": task.run.resolved.get("inputs", {})})
    if spec.version == NEXT_VERSION:
        names = claim_next_version(names, work)
    else:
        claim_version(names, plate.numbers, work, overwrite=spec.overwrite)
    make_synced_folder(path.parent)
    draft = path.with_name(f".{FILE}")
    write_synced(draft, str(names.version).encode("ascii"))
    replace_synced(draft, path)
    return names
