"""A folder of references, planned: which node is rendered at which frame into which file.

The folder has one still per reference and one matte per painted part, ``ref_1001.exr`` with
``ref_1001.left_eye.exr``, as `smite learn` reads them; the spec gives the parts their names.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from smite_protocol.part_names import loose_key
from smite_protocol.specs import LearnSpec

from .sentences import HostProblem, detail_of

RESERVED = ("background", "rgb", "rgba", "alpha", "depth", "mask", "motion")
COLOURS = ".colours"
"""Hidden, so that it is no reference: the colour space of rendered stills."""
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Reference:
    """One still with its painted parts; ``image`` and the parts' values are the host's nodes.

    ``parts`` are pairs of the name and the node whose alpha is painted; ``still`` is the picture's
    own file, where the picture is a file as it is: then it is copied, not rendered, so that its
    colours are read as those of a plate are.
    """

    node: str
    frame: int
    image: Any
    parts: Tuple[Tuple[str, Any], ...]
    still: Optional[Path] = None


@dataclass(frozen=True)
class Render:
    """One file to render: a node, at a frame, its picture or its alpha, of which reference.

    With ``copy`` that file is taken instead.
    """

    source: Any
    frame: int
    path: Path
    alpha: bool
    node: str
    copy: Optional[Path] = None


@dataclass(frozen=True)
class ReferencePlan:
    """What to render for a learn, and the names of the parts in order."""

    folder: Path
    renders: Tuple[Render, ...]
    parts: Tuple[str, ...]

    def spec(self, model: str, settings: Mapping[str, Any], colour_space: str = "") -> LearnSpec:
        """Return the job that learns from the folder, whose path is this machine's."""
        slugs = [(name, slug_of(name)) for name in self.parts]
        return LearnSpec(
            name=model,
            refs=str(self.folder),
            parts=self.parts,
            groups=tuple((name, (slug,)) for name, slug in slugs if name != slug),
            settings=dict(settings),
            colour_space=colour_space or None,
        )


@dataclass
class _Names:
    """Names that are taken, so that two stills do not share a file."""

    taken: Dict[str, int] = field(default_factory=dict)

    def still(self, node: str, frame: int) -> str:
        stem = re.sub(r"[^A-Za-z0-9_]+", "_", node).strip("_") or "ref"
        name = f"{stem}_{frame}".replace("-", "m")
        count = self.taken.get(name, 0)
        self.taken[name] = count + 1
        return f"{name}_{count}" if count else name


def slug_of(name: str) -> str:
    """Return what files call a part. Raises HostProblem for a name that gives no slug."""
    slug = loose_key(name)
    if not _SLUG.fullmatch(slug) or slug in RESERVED:
        raise HostProblem("bad_part_name", name=repr(name), reserved=", ".join(RESERVED))
    return slug


def plan_references(
    references: Sequence[Reference], folder: Path, node: str, also: Sequence[str] = ()
) -> ReferencePlan:
    """Return what to render; ``also`` are parts that the folder has already.

    Raises HostProblem: no references, a reference without parts, names that cannot be used.
    """
    if not references:
        raise HostProblem("no_references", node=node)
    names = _Names()
    renders: List[Render] = []
    parts: Dict[str, str] = {slug_of(name): name for name in also}
    for reference in references:
        if reference.image is None:
            raise HostProblem("reference_without_image", node=reference.node)
        if not reference.parts:
            raise HostProblem("reference_without_parts", node=reference.node)
        stem = names.still(reference.node, reference.frame)
        still = reference.still
        image = folder / f"{stem}{'.exr' if still is None else still.suffix.lower()}"
        renders.append(
            Render(reference.image, reference.frame, image, False, reference.node, still)
        )
        slugs: List[str] = []
        for name, source in reference.parts:
            slug = slug_of(name)
            if slug in slugs:
                raise HostProblem("part_twice", node=reference.node, name=repr(name))
            slugs.append(slug)
            parts.setdefault(slug, name.strip())
            path = folder / f"{stem}.{slug}.exr"
            renders.append(Render(source, reference.frame, path, True, reference.node))
    return ReferencePlan(folder, tuple(renders), tuple(parts.values()))


def copy_references(source: Path, target: Path, model: str) -> int:
    """Put an old model's reference files into a new folder; return how many. Raises HostProblem."""
    files = reference_files(source)
    if not files:
        raise HostProblem("references_gone", model=model)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            _link_or_copy(file, target / file.name)
    except OSError as problem:
        raise HostProblem("disk_full", detail=f"{target}: {detail_of(problem)}.") from problem
    return len(files)


def colours_of(folder: Path) -> str:
    """Return the colour space that a folder's stills are in; empty: each as its file says."""
    try:
        return (folder / COLOURS).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def keep_colours(folder: Path, colours: str) -> None:
    """Note the colour space of a folder's stills, for a later fix."""
    with suppress(OSError):
        (folder / COLOURS).write_text(colours, encoding="utf-8")


def reference_files(folder: Path) -> List[Path]:
    """Return the files of a reference folder; none where there is no folder."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file for file in found if file.is_file() and not file.name.startswith(".")]


def _link_or_copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    with suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
