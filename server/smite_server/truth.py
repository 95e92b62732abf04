"""The annotations that a clip is measured against.

A clip folder has `JPEGImages/` + `Annotations/` (label maps, same stems), or `plate/` +
`truth/<slug>/*.exr` (soft mattes, by frame number).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smite_server.frame_ranges import format_frames
from smite_server.geometry import Geometry, place
from smite_server.images import IMAGE_SUFFIXES, UnreadableError, read_header
from smite_server.label_maps import (
    Labels,
    labels_of_mattes,
    read_label_map,
    read_labels_json,
    translate,
)
from smite_server.naming import loose_key
from smite_server.pixel_errors import PlateError, TruthError
from smite_server.sequences import find_sequence

__all__ = ["IGNORED", "Truth", "read_truth"]

IGNORED = 255
"""Label of the pixels that count for nothing."""


@dataclass(frozen=True)
class Truth:
    """Ground truth of one clip, read frame by frame.

    Attributes:
        plate_path: what `open_plate` reads.
        numbers: ascending numbers of the frames that have annotations, as `open_plate` numbers
            them.
        stems: file stems of these frames.
    """

    plate_path: str
    numbers: tuple[int, ...]
    stems: tuple[str, ...]
    _frames: Mapping[int, Path]
    _files: Mapping[int, Mapping[int, Path]]
    _table: Mapping[int, int] | None
    _ignore: frozenset[int]

    def labels(self, number: int, geometry: Geometry | None = None) -> Labels:
        """uint8 [H, W] of the plate's data window: 0 background, i part i, 255 ignored.

        `geometry` is that of the open plate; None looks at the frame's own file.
        Raises TruthError: no annotation, a value without a name, a size that differs.
        """
        if number not in self._files:
            raise TruthError(f"frame {number} has no annotation", self.plate_path)
        geometry = geometry or self._geometry(number)
        if self._table is None:
            try:
                return labels_of_mattes(
                    self._files[number].items(), geometry.data, geometry.display
                )
            except UnreadableError as fault:
                raise TruthError(
                    f"a truth matte of frame {number} cannot be used ({fault})", self.plate_path
                ) from None
        return self._label_map(self._files[number][0], geometry)

    def without(self, skip: Collection[int]) -> tuple[int, ...]:
        """The numbers to be evaluated when `skip` is left out.

        Raises TruthError where a frame to be skipped is not in the clip, or none remains.
        """
        unknown = [number for number in skip if number not in self.numbers]
        if unknown:
            raise TruthError(
                f"--skip-frames {format_frames(unknown)} is not in the clip",
                self.plate_path,
                f"annotated are {format_frames(self.numbers)}",
            )
        rest = tuple(number for number in self.numbers if number not in set(skip))
        if not rest:
            raise TruthError("--skip-frames leaves no frame to measure", self.plate_path)
        return rest

    def _geometry(self, number: int) -> Geometry:
        path = self._frames[number]
        try:
            return read_header(path).geometry
        except UnreadableError as fault:
            raise TruthError(f"frame {number} cannot be read ({fault})", path) from None

    def _label_map(self, path: Path, geometry: Geometry) -> Labels:
        assert self._table is not None
        try:
            values = read_label_map(path)
        except UnreadableError as fault:
            raise TruthError(f"an annotation cannot be read ({fault})", path) from None
        present = {int(value) for value in np.unique(values)}
        unnamed = sorted(present - self._table.keys() - self._ignore - {0})
        if unnamed:
            raise TruthError(
                f"an annotation has the value {unnamed[0]}, which stands for no part",
                path,
                f"say which by labels.json or --labels {unnamed[0]}=part, or --ignore {unnamed[0]}",
            )
        labels = translate(values, {**self._table, **dict.fromkeys(self._ignore, IGNORED)})
        if labels.shape == geometry.data.shape:
            return labels
        if labels.shape == geometry.display.shape:
            return place(labels, geometry.display, geometry.data)
        height, width = labels.shape
        raise TruthError(
            f"an annotation is {width}x{height} but the plate is {geometry.display}", path
        )


def read_truth(
    clip: str | Path,
    parts: Sequence[tuple[str, str]],
    labels: Mapping[int, str] | None = None,
    ignore: Iterable[int] = (),
) -> Truth:
    """Opens the annotations of a clip.

    Args:
        clip: the clip folder.
        parts: (slug, name) of the model's parts, in order; part i gets label i + 1.
        labels: mask value -> part (slug or name); wins over the clip's labels.json where both
            name a value. Names of parts that the model lacks are background.
        ignore: mask values that count for nothing.

    Raises:
        TruthError: neither layout; no annotation; values mapped to nothing the model has.
    """
    root = Path(clip)
    if not root.is_dir():
        raise TruthError("the clip folder does not exist", root)
    if (root / "Annotations").is_dir() and (root / "JPEGImages").is_dir():
        return _label_map_truth(root, parts, labels or {}, frozenset(ignore))
    if (root / "truth").is_dir() and (root / "plate").is_dir():
        return _matte_truth(root, parts)
    raise TruthError(
        "this is no clip to evaluate",
        root,
        "give a folder with JPEGImages/ and Annotations/, or with plate/ and truth/<part>/",
    )


def _label_map_truth(
    root: Path,
    parts: Sequence[tuple[str, str]],
    labels: Mapping[int, str],
    ignore: frozenset[int],
) -> Truth:
    names = _clip_labels(root)
    names.update(labels)
    table = _table(root, names, parts, strictly=frozenset(labels))
    plate = root / "JPEGImages"
    frames = _sequence_files(plate)
    annotations = {
        path.stem: path
        for path in sorted((root / "Annotations").iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    }
    files = {
        number: {0: annotations[path.stem]}
        for number, path in frames.items()
        if path.stem in annotations
    }
    if not files:
        raise TruthError("no frame has an annotation of the same stem", root / "Annotations")
    stems = tuple(frames[number].stem for number in files)
    return Truth(str(plate), tuple(files), stems, frames, files, table, ignore)


def _clip_labels(root: Path) -> dict[int, str]:
    path = root / "labels.json"
    if not path.is_file():
        return {}
    try:
        return read_labels_json(path)
    except UnreadableError as fault:
        raise TruthError(f"labels.json cannot be used: {fault}", path) from None


def _table(
    root: Path,
    names: Mapping[int, str],
    parts: Sequence[tuple[str, str]],
    strictly: frozenset[int],
) -> dict[int, int]:
    """Mask value -> label. Raises TruthError where nothing maps, or `--labels` names no part."""
    index = {
        loose_key(word): i for i, words in reversed(list(enumerate(parts, 1))) for word in words
    }
    table = {value: index.get(loose_key(name), 0) for value, name in names.items()}
    has = "the model has " + ", ".join(slug for slug, _ in parts)
    for value in sorted(strictly):
        if not table[value] and loose_key(names[value]) not in ("background", "bg"):
            raise TruthError(f"--labels {value}={names[value]} names no part", "", has)
    if not names:
        raise TruthError(
            "nothing says which mask value is which part", root, f"give --labels 255=part; {has}"
        )
    if not any(table.values()):
        raise TruthError("labels.json names none of the model's parts", root, has)
    return table


def _matte_truth(root: Path, parts: Sequence[tuple[str, str]]) -> Truth:
    plate = root / "plate"
    frames = _sequence_files(plate)
    folders = {
        loose_key(folder.name): folder
        for folder in sorted((root / "truth").iterdir())
        if folder.is_dir()
    }
    found: dict[int, Mapping[int, Path]] = {}
    for label, words in enumerate(parts, 1):
        keys = [loose_key(word) for word in words if loose_key(word) in folders]
        if keys:
            found[label] = _sequence_files(folders[keys[0]])
    if not found:
        raise TruthError(
            "truth/ has no folder of the model's parts",
            root / "truth",
            f"it has {', '.join(sorted(folders)) or 'nothing'}; the model has "
            + ", ".join(slug for slug, _ in parts),
        )
    files = {
        number: {label: mattes[number] for label, mattes in found.items()}
        for number in frames
        if all(number in mattes for mattes in found.values())
    }
    if not files:
        raise TruthError("no frame of the plate has a matte of every part", root / "truth")
    stems = tuple(frames[number].stem for number in files)
    return Truth(str(plate), tuple(files), stems, frames, files, None, frozenset())


def _sequence_files(folder: Path) -> Mapping[int, Path]:
    try:
        return find_sequence(str(folder)).files
    except PlateError as error:
        raise TruthError(error.what, error.where, error.remedy) from None
