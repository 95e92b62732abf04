"""What the benchmarks measure on: clips with masks, photographs with part masks, the demo shot.

Everything is read by the server's own readers, so that the pixels and labels are those of `smite
learn` and `smite evaluate`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smite_engine import Reference
from smite_server.colour import ToDisplay
from smite_server.frame_ranges import format_frames
from smite_server.images import read_image
from smite_server.label_maps import read_label_map, read_labels_json, translate
from smite_server.plates import engine_view, open_plate
from smite_server.references import read_references
from smite_server.truth import Truth, read_truth

REPO = Path(__file__).resolve().parents[1]
EXAMPLE = REPO / "examples" / "rocket"
DEMO = "demo"
SUBJECT = "object"
"""The one part of clips with a binary mask."""

DAVIS = tuple(
    f"davis/{name}"
    for name in (
        "blackswan", "bmx-trees", "breakdance", "car-roundabout", "drift-chicane",
        "goat", "horsejump-high", "kite-surf", "libby", "parkour",
    )
)  # fmt: skip
CHAIR = "pumavos/chair"
CLIPS = (*DAVIS, CHAIR)
MASK_VALUES = {"davis": 255, "pumavos": 1}

MOST_REFERENCES = 10
TEST_STILLS = 20
SMALLEST_PART = 5e-4
"""Share of the first reference that each part has at least, so that one reference can do."""

NEVER_DRAWN = frozenset({"0536", "0594", "0722"})
"""Photographs of ccp that neither teach nor test."""

STILLS: dict[str, dict[str, tuple[str, ...]]] = {
    "ccp": {
        "hair": ("hair",),
        "skin": ("skin",),
        "shoes": (
            "boots", "clogs", "flats", "heels", "loafers",
            "pumps", "sandals", "shoes", "sneakers", "wedges",
        ),
        "legs": (
            "jeans", "leggings", "pants", "shorts", "skirt", "socks", "stockings", "tights",
        ),
        "upper": (
            "blazer", "blouse", "bodysuit", "bra", "cape", "cardigan", "coat", "dress", "hoodie",
            "intimate", "jacket", "jumper", "romper", "shirt", "suit", "sweater", "sweatshirt",
            "swimwear", "t-shirt", "top", "vest",
        ),
        "bag": ("bag", "purse", "wallet"),
    },
    "celebamask": {
        "skin": ("skin",),
        "nose": ("nose",),
        "eyes": ("left_eye", "right_eye"),
        "brows": ("left_brow", "right_brow"),
        "mouth": ("mouth", "upper_lip", "lower_lip"),
        "hair": ("hair",),
        "neck": ("neck",),
    },
    "carparts": {
        "doors": ("back_left_door", "back_right_door", "front_left_door", "front_right_door"),
        "glass": ("back_glass", "front_glass"),
        "lights": ("back_left_light", "back_right_light", "front_left_light", "front_right_light"),
        "bumpers": ("back_bumper", "front_bumper"),
        "lids": ("hood", "trunk", "tailgate"),
        "wheels": ("wheel",),
    },
}  # fmt: skip
"""Set -> part -> the set's own labels that are merged into it; the other labels are background."""


@dataclass(frozen=True)
class Picture:
    """One picture to be segmented.

    Attributes:
        number: Frame number.
        image: float32 [H, W, 3], display sRGB 0..1.
        truth: uint8 [H, W], 0 background, i part i, 255 ignored; None where it is not scored.
    """

    number: int
    image: np.ndarray
    truth: np.ndarray | None


@dataclass(frozen=True)
class Material:
    """References and pictures of one row.

    Attributes:
        row: ``davis/libby``, ``demo``, ``stills/ccp``.
        parts: Names of the parts, in the order of the labels.
        references: What is learned from.
        pictures: What is segmented.
        moving: Whether the pictures are the frames of a shot, in order; else each stands alone.
    """

    row: str
    parts: tuple[str, ...]
    references: tuple[Reference, ...]
    pictures: tuple[Picture, ...]
    moving: bool


def shared_folder() -> Path:
    """The folder of footage that cannot be shipped: ``$SMITE_SHARED``, else ``../shared``."""
    folder = Path(os.environ.get("SMITE_SHARED", REPO.parent / "shared")).resolve()
    if not folder.is_dir():
        raise SystemExit(f"There is no footage at {folder}; SMITE_SHARED names its folder.")
    return folder


def load(
    row: str, references: int, pictures: int, seed: int, manifest: Mapping[str, Any]
) -> Material:
    """The material of a row: the first ``pictures`` frames of a shot, or that many stills.

    ``manifest`` is that of the weights: stills that it says were trained on are not drawn.
    """
    if row == DEMO:
        return _demo(pictures)
    if row.startswith("stills/"):
        return _stills(row, references, pictures, seed, manifest)
    return _clip(row, pictures)


def reference_count(row: str) -> tuple[int, ...]:
    """How many references a row is measured with."""
    if row == DEMO:
        return (4,)
    return (1, 5, 10) if row.startswith("stills/") else (1,)


def clip_labels(row: str) -> dict[int, str]:
    """Mask value -> part of a clip with a binary mask; the demo's mattes have names."""
    return {} if row == DEMO else {MASK_VALUES[row.split("/")[0]]: SUBJECT}


def copy_short(row: str, frames: int, folder: Path) -> tuple[Path, Path]:
    """Copies a shot's first frames below ``folder``: (its references, the short clip)."""
    stills, clip = folder / "references", folder / "clip"
    if row == DEMO:
        for part in ("plate", *(f"truth/{path.name}" for path in (EXAMPLE / "truth").iterdir())):
            for file in _files(EXAMPLE / part)[:frames]:
                _copy(file, clip / part)
        return EXAMPLE / "references", clip
    source = shared_folder() / "clips" / row
    pairs = zip(_files(source / "JPEGImages"), _files(source / "Annotations"), strict=True)
    for index, (picture, mask) in enumerate(list(pairs)[:frames]):
        _copy(picture, clip / "JPEGImages")
        _copy(mask, clip / "Annotations")
        if index == 0:
            _copy(picture, stills / "images")
            _copy(mask, stills / "masks")
    (stills / "labels.json").write_text(json.dumps(clip_labels(row)), encoding="utf-8")
    return stills, clip


def was_trained_on(row: str, manifest: Mapping[str, Any]) -> str:
    """What the manifest of the weights says about a row, for the tables.

    Clips are "yes" or "no"; stills of a set that was trained on are "other photos", and are drawn
    from what the manifest leaves out.
    """
    group, _, name = row.partition("/")
    sources = manifest.get("sources", ())
    if group == "stills":
        return "other photos" if any(source["name"] == name for source in sources) else "no"
    return "yes" if any(name and name in source.get("clips", ()) for source in sources) else "no"


def draw_stills(
    stems: Iterable[str], complete: Iterable[str], seed: str
) -> tuple[list[str], list[str]]:
    """(references, test photographs), a function of the seed alone.

    Args:
        stems: All there are to choose from.
        complete: Those that show every part; the first reference is one of them.
        seed: Text.

    Returns:
        Ten references, of which the first k are those of k references, and all the others.
    """
    shuffled = sorted(stems)
    random.Random(seed).shuffle(shuffled)
    whole = frozenset(complete)
    first = next(stem for stem in shuffled if stem in whole)
    rest = [stem for stem in shuffled if stem != first]
    return [first, *rest[: MOST_REFERENCES - 1]], rest[MOST_REFERENCES - 1 :]


def candidates(name: str, stems: Iterable[str], manifest: Mapping[str, Any]) -> list[str]:
    """The photographs of a set, less those that the manifest does not hold out."""
    left = set(stems) - NEVER_DRAWN
    for source in manifest.get("sources", ()):
        if source["name"] == name:
            left &= set(source["held_out"])
    return sorted(left)


def merged_table(names: Mapping[int, str], parts: Mapping[str, Sequence[str]]) -> dict[int, int]:
    """Mask value -> label of the merged part, from 1; values of no part are left out."""
    values = {name: value for value, name in names.items()}
    return {
        values[name]: label for label, merged in enumerate(parts.values(), 1) for name in merged
    }


def _clip(row: str, frames: int) -> Material:
    truth = read_truth(
        shared_folder() / "clips" / row, [(SUBJECT, SUBJECT)], labels=clip_labels(row)
    )
    numbers = truth.numbers[:frames]
    with tempfile.TemporaryDirectory(prefix="smite-clip-") as folder:
        stills, _ = copy_short(row, 1, Path(folder))
        raw, names = read_references(stills)
    references = tuple(Reference(found.image, found.labels, found.name) for found in raw)
    pictures = _shot(truth, numbers, skip=numbers[:1])
    return Material(row, tuple(names), references, pictures, moving=True)


def _demo(frames: int) -> Material:
    raw, names = read_references(EXAMPLE / "references")
    truth = read_truth(EXAMPLE, [(name, name) for name in names])
    references = tuple(Reference(found.image, found.labels, found.name) for found in raw)
    pictures = _shot(truth, truth.numbers[:frames], skip=())
    return Material(DEMO, tuple(names), references, pictures, moving=True)


def _shot(truth: Truth, numbers: Sequence[int], skip: Sequence[int]) -> tuple[Picture, ...]:
    with open_plate(truth.plate_path, frames=format_frames(numbers)) as plate:
        to_display = ToDisplay(plate.colour_space, plate.format_hint)
        return tuple(
            Picture(
                frame.number,
                engine_view(frame, to_display.apply(frame.pixels)),
                None if frame.number in skip else truth.labels(frame.number, frame.geometry),
            )
            for frame in plate
        )


def _stills(
    row: str, references: int, tests: int, seed: int, manifest: Mapping[str, Any]
) -> Material:
    name = row.removeprefix("stills/")
    folder = shared_folder() / "stills" / name
    parts = STILLS[name]
    table = merged_table(read_labels_json(folder / "labels.json"), parts)
    stems = candidates(name, (path.stem for path in _files(folder / "masks")), manifest)
    complete = [stem for stem in stems if _is_complete(folder, stem, table)]
    teach, test = draw_stills(stems, complete, f"{name} {seed}")
    return Material(
        row,
        tuple(parts),
        tuple(Reference(*_still(folder, stem, table), name=stem) for stem in teach[:references]),
        tuple(
            Picture(index, *_still(folder, stem, table)) for index, stem in enumerate(test[:tests])
        ),
        moving=False,
    )


def _is_complete(folder: Path, stem: str, table: Mapping[int, int]) -> bool:
    labels = translate(read_label_map(folder / "masks" / f"{stem}.png"), table)
    shares = np.bincount(labels.ravel(), minlength=max(table.values()) + 1) / labels.size
    return bool((shares[1:] >= SMALLEST_PART).all())


def _still(folder: Path, stem: str, table: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(image, labels) of one photograph."""
    path = folder / "images" / f"{stem}.jpg"
    found = read_image(path)
    image = ToDisplay(found.header.colour_space, str(path)).apply(found.pixels)
    return image, translate(read_label_map(folder / "masks" / f"{stem}.png"), table)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _copy(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
