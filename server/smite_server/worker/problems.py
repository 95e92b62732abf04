"""What went wrong in a job, as the protocol's codes and one sentence."""

from __future__ import annotations

import errno
from types import ModuleType

from smite_protocol import errors as wire
from smite_server import pixel_errors as pixels

PIXEL_CODES: tuple[tuple[type[pixels.PixelError], type[wire.SmiteError]], ...] = (
    (pixels.PlateError, wire.BadPlate),
    (pixels.FullDiskError, wire.DiskFull),
    (pixels.VersionError, wire.VersionTaken),
    (pixels.ChoiceError, wire.BadInput),
    (pixels.MatteError, wire.MatteFailed),
    (pixels.ReferencesError, wire.BadReferences),
    (pixels.ColourError, wire.BadColour),
    (pixels.PixelError, wire.BadInput),
)
"""Wire errors of the pixel errors; the first that fits counts."""

ENGINE_CODES: tuple[tuple[str, type[wire.SmiteError]], ...] = (
    ("Cancelled", wire.JobCancelled),
    ("OutOfDeviceMemoryError", wire.OutOfMemory),
    ("BackboneMismatchError", wire.BackboneMismatch),
    ("BackboneError", wire.BadBackbone),
    ("PartModelError", wire.BadPartModel),
    ("PartSetError", wire.BadParts),
    ("BadReferenceError", wire.BadReferences),
    ("SettingsError", wire.BadSettings),
    ("TrackerError", wire.BadSettings),
    ("ShotStateError", wire.InternalError),
    ("ShapeError", wire.InternalError),
    ("EngineError", wire.JobFailed),
)
"""Wire errors of the engine's errors, by name in its ``errors`` module; the first that fits."""

FULL = (errno.ENOSPC, errno.EDQUOT)


def as_wire_error(problem: BaseException, engine_errors: ModuleType | None) -> wire.SmiteError:
    """Return the wire error of what a job raised; unknown faults become `InternalError`."""
    if isinstance(problem, wire.SmiteError):
        return problem
    message = sentence(str(problem))
    for kind, found in PIXEL_CODES:
        if isinstance(problem, kind):
            return found(message)
    for name, found in ENGINE_CODES:
        engine_kind = getattr(engine_errors, name, None)
        if engine_kind is not None and isinstance(problem, engine_kind):
            return found(message)
    if isinstance(problem, OSError) and problem.errno in FULL:
        return wire.DiskFull(
            f"The disk is full: {problem.filename or 'a file'} could not be written; make room"
            " and run again."
        )
    if isinstance(problem, MemoryError):
        return wire.OutOfMemory("The machine has no memory left; use smaller frames or settings.")
    return wire.InternalError(
        f"The worker failed ({type(problem).__name__}: {str(problem)[:500]}); its log has the"
        " details."
    )


def sentence(text: str) -> str:
    """Return ``text`` on one line, ending with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
