"""Finding stills and what is painted on them, in both layouts of a reference folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from smite_server.geometry import Geometry, place
from smite_server.images import IMAGE_SUFFIXES, UnreadableError, read_matte
from smite_server.label_maps import (
    Labels,
    Values,
    labels_of_mattes,
    read_label_map,
    read_labels_json,
    translate,
)
from smite_server.naming import loose_key
from smite_server.pixel_errors import ReferencesError

__all__ = ["Still", "find_stills"]


class Still(ABC):
    """One still on disk and the parts painted on it.

    Attributes:
        image: the picture.
        painted: `loose_key` of every part that has at least one pixel -> its name.
    """

    image: Path

    @property
    @abstractmethod
    def painted(self) -> Mapping[str, str]:
        """Raises ReferencesError where a mask cannot be read."""

    @abstractmethod
    def labels(self, label_of: Mapping[str, int], geometry: Geometry) -> Labels:
        """uint8 [H, W] of the data window: 0, or the label of the part that is painted there.

        Args:
            label_of: `loose_key` of a painted name -> label; what it lacks is background.
            geometry: of the still.

        Raises:
            ReferencesError: a mask of another size than the still.
        """


def find_stills(folder: Path, notes: list[str]) -> tuple[list[Still], list[str]]:
    """The stills of `folder` that have masks, and the names of their parts in order.

    The order is that of `labels.json`, or of the alphabet. Raises ReferencesError.
    """
    if not folder.is_dir():
        raise ReferencesError("the reference folder does not exist", folder)
    if (folder / "images").is_dir():
        names = _names(folder)
        stills = _label_map_stills(folder, names, notes)
        return stills, [name for name in names.values() if name]
    found = _matte_stills(folder, notes)
    names_found = {name for still in found for name in still.painted.values()}
    return list(found), sorted(names_found)


class _LabelMapStill(Still):
    """A still whose parts are numbers in one mask."""

    def __init__(self, image: Path, mask: Path, names: Mapping[int, str]) -> None:
        self.image = image
        self._mask = mask
        self._names = names

    @cached_property
    def _values(self) -> Values:
        try:
            return read_label_map(self._mask)
        except UnreadableError as fault:
            raise ReferencesError(f"a mask cannot be read ({fault})", self._mask) from None

    @cached_property
    def painted(self) -> Mapping[str, str]:
        values = [int(value) for value in np.unique(self._values)]
        unnamed = [value for value in values if value and value not in self._names]
        if unnamed:
            raise ReferencesError(
                f"a mask has the value {unnamed[0]}, which labels.json does not name",
                self._mask,
                f"name it there, or paint with {_listed(self._names)}",
            )
        found = [self._names.get(value, "") for value in values]
        return {loose_key(name): name for name in found if name}

    def labels(self, label_of: Mapping[str, int], geometry: Geometry) -> Labels:
        table = {
            value: label_of.get(loose_key(name), 0) for value, name in self._names.items() if name
        }
        labels = translate(self._values, table)
        if labels.shape == geometry.data.shape:
            return labels
        if labels.shape == geometry.display.shape:
            return place(labels, geometry.display, geometry.data)
        height, width = labels.shape
        raise ReferencesError(
            f"the mask is {width}x{height} but its still {self.image.name} is {geometry.display}",
            self._mask,
            "paint it at the size of the still",
        )


class _MatteStill(Still):
    """A still with one matte file per part."""

    def __init__(self, image: Path, mattes: Mapping[str, Path]) -> None:
        self.image = image
        self._mattes = mattes

    @cached_property
    def painted(self) -> Mapping[str, str]:
        found = {}
        for slug, path in sorted(self._mattes.items()):
            try:
                matte, _ = read_matte(path)
            except UnreadableError as fault:
                raise ReferencesError(f"a matte cannot be read ({fault})", path) from None
            if matte.size and matte.max() > 0.5:
                found[loose_key(slug)] = slug
        return found

    def labels(self, label_of: Mapping[str, int], geometry: Geometry) -> Labels:
        files = [
            (label_of[loose_key(slug)], path)
            for slug, path in sorted(self._mattes.items())
            if loose_key(slug) in label_of
        ]
        try:
            return labels_of_mattes(files, geometry.data, geometry.display)
        except UnreadableError as fault:
            raise ReferencesError(
                f"a matte does not fit its still ({fault})",
                self.image,
                "paint it at the size of the still",
            ) from None


def _names(folder: Path) -> dict[int, str]:
    path = folder / "labels.json"
    if not path.is_file():
        raise ReferencesError(
            "the references have no labels.json", folder, 'write one, as {"1": "left eye"}'
        )
    try:
        names = read_labels_json(path)
    except UnreadableError as fault:
        raise ReferencesError(f"labels.json cannot be used: {fault}", path) from None
    if not any(names.values()):
        raise ReferencesError("labels.json names no part", path)
    return names


def _pictures(folder: Path) -> dict[str, Path]:
    """Stem -> picture file. Raises ReferencesError where two have the same stem."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise ReferencesError(
                f"{found[path.stem].name} and {path.name} have the same stem", folder
            )
        found[path.stem] = path
    return found


def _label_map_stills(folder: Path, names: Mapping[int, str], notes: list[str]) -> list[Still]:
    images, masks = _pictures(folder / "images"), _pictures(folder / "masks")
    both = [stem for stem in images if stem in masks]
    if not both:
        what = "no still has a mask" if images else "there are no stills in images/"
        raise ReferencesError(what, folder, "masks/ holds one label map per still, same stem")
    without = [stem for stem in images if stem not in masks]
    if without:
        notes.append(f"{_count(without, 'still')} without a mask left out ({_first(without)})")
    alone = [stem for stem in masks if stem not in images]
    if alone:
        notes.append(f"{_count(alone, 'mask')} without a still left out ({_first(alone)})")
    return [_LabelMapStill(images[stem], masks[stem], names) for stem in both]


def _matte_stills(folder: Path, notes: list[str]) -> list[_MatteStill]:
    """`still.left_eye.exr` is a matte of `still.*`; everything else is a still."""
    pictures = _pictures(folder)
    mattes: dict[str, dict[str, Path]] = {}
    for stem, path in pictures.items():
        owner, dot, slug = stem.rpartition(".")
        if dot and owner in pictures and slug:
            mattes.setdefault(owner, {})[slug] = path
    taken = {path for files in mattes.values() for path in files.values()}
    stills = {stem: path for stem, path in pictures.items() if path not in taken}
    used = {stem: path for stem, path in stills.items() if stem in mattes}
    if not used:
        raise ReferencesError(
            "there are no references" if not stills else "no still has a mask",
            folder,
            "give images/, masks/ and labels.json, or still.exr with still.left_eye.exr and so on",
        )
    without = [stem for stem in stills if stem not in mattes]
    if without:
        notes.append(f"{_count(without, 'still')} without a mask left out ({_first(without)})")
    return [_MatteStill(path, mattes[stem]) for stem, path in used.items()]


def _count(items: list[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _first(items: list[str]) -> str:
    return ", ".join(items[:3]) + (" ..." if len(items) > 3 else "")


def _listed(names: Mapping[int, str]) -> str:
    shown = [f"{value} ({name or 'background'})" for value, name in names.items()]
    return _first(shown)
