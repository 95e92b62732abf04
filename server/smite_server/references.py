"""Reference stills and their masks, in both layouts that `smite learn` reads.

- `images/` + `masks/` (label maps with the same stems) + `labels.json` (value -> name);
- one folder of stills and per-part mattes: `still.exr`, `still.left_eye.exr`, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smite_server.colour import ToDisplay
from smite_server.geometry import Floats
from smite_server.images import UnreadableError, read_image
from smite_server.label_maps import MAX_PARTS, Labels
from smite_server.naming import loose_key
from smite_server.pixel_errors import ReferencesError
from smite_server.plates import square_pixels
from smite_server.reference_stills import Still, find_stills

__all__ = ["RawReference", "read_references"]

Groups = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class RawReference:
    """One still with its parts painted.

    Attributes:
        name: file stem, for messages.
        image: float32 [H, W, 3], display sRGB 0..1, square pixels.
        labels: uint8 [H, W], 0 background, i the i-th part (from 1).
    """

    name: str
    image: Floats
    labels: Labels


@dataclass(frozen=True)
class _Plan:
    """Which painted names become which part.

    Attributes:
        parts: names of the parts, in their order.
        label_of: `loose_key` of a painted name -> label from 1.
    """

    parts: tuple[str, ...]
    label_of: Mapping[str, int]


def read_references(
    folder: str | Path,
    *,
    parts: Sequence[str] | None = None,
    groups: Groups = (),
    colour_space: str | None = None,
    ocio: str | None = None,
    notes: list[str] | None = None,
) -> tuple[list[RawReference], list[str]]:
    """Reads every still of `folder` that has a mask.

    Args:
        folder: either layout.
        parts: picks and orders the parts; the others become background. None or empty takes
            every part that is painted in some still, in the order of `labels.json` (or of the
            alphabet).
        groups: (new name, names to merge) pairs; a group takes the place of its first member.
        colour_space: of the stills; None takes what each file says, else what is usual.
        ocio: the OpenColorIO config that it is a name of; see `ToDisplay`.
        notes: gets one sentence for each thing worth knowing, such as stills without masks.

    Returns:
        The references, and the names of their parts.

    Raises:
        ReferencesError: nothing usable; sizes that differ; empty masks; values without a name; a
            part that no still has.
        ColourError: an unknown colour space.
    """
    root = Path(folder)
    notes = notes if notes is not None else []
    stills, names = find_stills(root, notes)
    _refuse_empty(stills, root)
    painted = {key for still in stills for key in still.painted}
    plan = _plan(_Names(root, names, painted), tuple(parts or ()), groups)
    references = []
    for still in stills:
        if not any(key in plan.label_of for key in still.painted):
            notes.append(f"{still.image.name} shows none of the parts and is left out")
            continue
        references.append(_read(still, plan, colour_space, ocio))
    return references, list(plan.parts)


def _refuse_empty(stills: Iterable[Still], root: Path) -> None:
    empty = [still.image.name for still in stills if not still.painted]
    if empty:
        raise ReferencesError(
            f"nothing is painted in the mask of {', '.join(empty[:5])}"
            + (f" and {len(empty) - 5} more" if len(empty) > 5 else ""),
            root,
            "paint at least one part, or take the still away",
        )


def _read(still: Still, plan: _Plan, colour_space: str | None, ocio: str | None) -> RawReference:
    try:
        image = read_image(still.image)
    except UnreadableError as fault:
        raise ReferencesError(f"a still cannot be read ({fault})", still.image) from None
    geometry = image.header.geometry
    labels = still.labels(plan.label_of, geometry)
    to_display = ToDisplay(colour_space or image.header.colour_space, str(still.image), ocio)
    rgb = to_display.apply(image.pixels)
    return RawReference(
        still.image.stem,
        square_pixels(rgb, geometry.pixel_aspect),
        square_pixels(labels, geometry.pixel_aspect, labels=True),
    )


class _Names:
    """The names a user may write for parts: those of the folder, and those of groups."""

    def __init__(self, root: Path, names: Sequence[str], painted: set[str]) -> None:
        self.root = root
        self.names = list(names)
        self.painted = painted
        self._by_key = {loose_key(name): name for name in names}

    def has(self, name: str) -> bool:
        """Whether the folder knows the name."""
        return loose_key(name) in self._by_key

    def find(self, name: str) -> str:
        """The key of a name that the folder knows. Raises ReferencesError."""
        key = loose_key(name)
        if key not in self._by_key:
            raise ReferencesError(
                f"there is no part {name!r} in the references",
                self.root,
                f"there are {_listing(self.names)}",
            )
        return key

    def refuse_unpainted(self, name: str, keys: Sequence[str]) -> None:
        """Raises ReferencesError where none of `keys` is painted anywhere."""
        if not self.painted.intersection(keys):
            there = [known for known in self.names if loose_key(known) in self.painted]
            raise ReferencesError(
                f"the part {name!r} is painted in no reference",
                self.root,
                f"painted are {_listing(there)}",
            )


def _plan(known: _Names, parts: tuple[str, ...], groups: Groups) -> _Plan:
    """Which painted name gets which label. Raises ReferencesError."""
    members = _group_members(known, groups)
    group_of = {key: group for group, keys in members.items() for key in keys}
    if parts:
        chosen = [_choose(known, name, members, group_of) for name in parts]
    else:
        chosen = []
        for name in known.names:
            key = loose_key(name)
            group = group_of.get(key)
            entry = (group, members[group]) if group is not None else (name, (key,))
            if known.painted.intersection(entry[1]) and entry not in chosen:
                chosen.append(entry)
    label_of: dict[str, int] = {}
    for label, (name, keys) in enumerate(chosen, start=1):
        known.refuse_unpainted(name, keys)
        if label > MAX_PARTS:
            raise ReferencesError(f"over {MAX_PARTS} parts", known.root, "pick some by --parts")
        for key in keys:
            if key in label_of:
                raise ReferencesError(f"the part {name!r} is named twice", known.root)
            label_of[key] = label
    return _Plan(tuple(name for name, _ in chosen), label_of)


def _group_members(known: _Names, groups: Groups) -> dict[str, tuple[str, ...]]:
    """Group name -> keys of its members. Raises ReferencesError.

    A group named as a part that the references have takes this part in, so that no two parts of
    the model share a name.
    """
    members: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for group, names in groups:
        if not names:
            raise ReferencesError(f"the group {group!r} is empty", known.root)
        own = [group] if known.has(group) else []
        keys = tuple(dict.fromkeys(known.find(name) for name in [*names, *own]))
        for key in keys:
            if key in seen:
                raise ReferencesError(
                    f"the part {key!r} is in two groups, {seen[key]!r} and {group!r}", known.root
                )
            seen[key] = group
        members[group] = keys
    return members


def _choose(
    known: _Names,
    name: str,
    members: Mapping[str, tuple[str, ...]],
    group_of: Mapping[str, str],
) -> tuple[str, tuple[str, ...]]:
    """(part name, keys it is made of) for one name of `--parts`. Raises ReferencesError."""
    for group, keys in members.items():
        if loose_key(group) == loose_key(name):
            return group, keys
    key = known.find(name)
    if key in group_of:
        raise ReferencesError(
            f"the part {name!r} is already merged into the group {group_of[key]!r}", known.root
        )
    spelled = next(known_name for known_name in known.names if loose_key(known_name) == key)
    return spelled, (key,)


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"
