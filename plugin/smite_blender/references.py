"""The references of a scene: pictures and the masks of their parts, rendered into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence, Tuple

from smite_hosts import HostProblem
from smite_hosts.kept_files import copy_file, keep_file
from smite_hosts.mattes_on_disk import file_of, pattern_of
from smite_hosts.reference_plan import Reference, Render
from smite_hosts.slices import in_slice

from . import host, pixels
from .pixels import FILE, IMAGE, MASK, Picture
from .plate import Plate, frame_of_file

PARTIAL = ".part"


def references_of(scene: str) -> Tuple[List[Reference], Optional[str]]:
    """Return the references of a scene and the colour space of their stills. Raises HostProblem.

    The colour space is None where the files say it.
    """
    settings = host.settings(scene)
    if settings is None or not len(settings.references):
        raise HostProblem("no_references", node=scene)
    plate = _plate(scene)
    found: List[Reference] = []
    spaces: List[Optional[str]] = []
    for number, entry in enumerate(settings.references, start=1):
        reference, space = _reference(entry, f"reference {number}", plate)
        found.append(reference)
        spaces.append(space)
    if len(set(spaces)) > 1:
        detail = "the stills have different colour spaces; give all the same"
        raise HostProblem("bad_references", detail=detail)
    return found, spaces[0]


def _plate(scene: str) -> Optional[Plate]:
    try:
        return host.plate_of(scene)
    except HostProblem:
        return None  # references with pictures of their own need none


def _reference(entry: Any, node: str, plate: Optional[Plate]) -> Tuple[Reference, Optional[str]]:
    image, still, space = _image(entry, node, plate)
    on_plate = entry.image is None and plate is not None
    scene_frame = plate.scene_frame_of(entry.frame) if plate and on_plate else entry.frame
    parts: List[Tuple[str, Any]] = []
    for number, part in enumerate(entry.parts, start=1):
        source = _part(part, image, entry.frame, scene_frame)
        name = part.name.strip()
        if source is None and not name:
            continue
        if source is None:
            raise HostProblem("reference_without_parts", node=f"{node}, part {name},")
        if not name:
            raise HostProblem("part_without_name", node=node, input=f"part {number}")
        parts.append((name, source))
    return Reference(node.replace(" ", "_"), entry.frame, image, tuple(parts), still), space


def _image(entry: Any, node: str, plate: Optional[Plate]) -> Tuple[Picture, Path, Optional[str]]:
    """Return the picture, the file that it is or is written like, and its colour space."""
    if entry.image is None:
        still = None if plate is None else plate.still_at(entry.frame)
        if still is None or plate is None:
            raise HostProblem("reference_without_image", node=node)
        return Picture(FILE, still.as_posix()), still, plate.colour_space
    picture = _picture(entry.image, entry.frame)
    if picture.kind == FILE:
        return picture, Path(picture.name), host.space_of(entry.image, picture.name)
    return picture, Path("made.exr" if pixels.is_float(picture.name) else "made.png"), None


def _part(part: Any, image: Picture, frame: int, scene_frame: int) -> Optional[Picture]:
    if part.source == "MASK":
        return None if part.mask is None else Picture(MASK, part.mask.name, image, scene_frame)
    return None if part.image is None else _picture(part.image, frame)


def _picture(image: Any, frame: int) -> Picture:
    """Return an image as the file that it is; else as the data-block."""
    path = host.absolute(image.filepath, image.library)
    on_disk = image.source in ("FILE", "SEQUENCE") and not image.is_dirty
    if not on_disk or image.packed_file is not None or not path:
        return Picture(IMAGE, image.name)
    if image.source == "SEQUENCE":
        number = frame_of_file(path)
        path = path if number is None else file_of(pattern_of(path, number), frame)
    return Picture(FILE, path)


def render_all(renders: Sequence[Render], cancelled: Callable[[], bool]) -> None:
    """Write the files of a plan, in a job's thread; every picture is a slice of Blender's own.

    Raises HostProblem when it is cancelled, or a picture cannot be read.
    """
    for render in renders:
        if cancelled():
            raise HostProblem("render_cancelled")
        picture: Picture = render.source
        if picture.kind == FILE and not Path(picture.name).is_file():
            detail = f"{picture.name} is not there."
            raise HostProblem("render_failed", node=render.node, frame=render.frame, detail=detail)
        if picture.kind == FILE and not render.alpha:
            copy_file(Path(picture.name), render.path)
        else:
            _render(render, picture, cancelled)


def _render(render: Render, picture: Picture, cancelled: Callable[[], bool]) -> None:
    partial = render.path.with_name(render.path.stem + PARTIAL + render.path.suffix)
    save = pixels.save_matte if render.alpha else pixels.save_still
    try:
        in_slice(host.call_in_host, lambda: save(picture, partial), cancelled)
        keep_file(partial, render.path)
    except RuntimeError as problem:
        detail = f"{str(problem).strip().rstrip('.')}."
        raise HostProblem(
            "render_failed", node=render.node, frame=render.frame, detail=detail
        ) from problem
    except OSError as problem:
        raise HostProblem("disk_full", detail=f"{render.path} cannot be written.") from problem
