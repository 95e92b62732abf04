"""Learns and segments a row in this process, and scores it.

The engine is called as the worker calls it, on pixels read by the same readers, and scored by the
class that scores `smite evaluate`; `quality --check-commands` holds both against each other.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

import numpy as np
import torch
from torch.nn import functional

import smite_engine
from benchmarks.footage import Material, Picture
from smite_engine import (
    Backbone,
    Frame,
    FrameMaps,
    LearnSettings,
    PartModel,
    PartSet,
    SegmentSettings,
    labels_at,
    learn,
    load_backbone,
    mattes_at,
    segment,
)
from smite_engine.evaluate import Evaluator
from smite_engine.loading import EMBEDDED_FOLDER
from smite_engine.metrics import iou
from smite_server.contact_sheet import ContactSheet
from smite_server.worker.pictures import small_copy

T = TypeVar("T")
Settings = Mapping[str, Any]
DIGITS = 5
SHEET_SIDE = 512


@dataclass
class Bench:
    """The backbone that is measured, and the part models that were learned on it.

    Attributes:
        folder: Of the backbone.
        backbone: It, loaded.
        manifest: What it was trained on.
        models: Folder that part models are kept in between runs, or None.
        sheets: Folder for contact sheets, or None.
    """

    folder: Path
    backbone: Backbone
    manifest: Mapping[str, Any]
    models: Path | None = None
    sheets: Path | None = None
    _kept: dict[str, tuple[PartModel, float]] = field(default_factory=dict)

    @classmethod
    def open(cls, source: str, models: Path | None, sheets: Path | None) -> Bench:
        """Loads ``embedded``, or the backbone of a folder."""
        folder = EMBEDDED_FOLDER if source == "embedded" else Path(source)
        own = folder / "manifest.json"
        manifest = own if own.is_file() else EMBEDDED_FOLDER / "manifest.json"
        told = json.loads(manifest.read_text(encoding="utf-8"))
        for made in (models, sheets):
            if made is not None:
                made.mkdir(parents=True, exist_ok=True)
        return cls(folder, load_backbone(source), told, models, sheets)

    @property
    def profile(self) -> str:
        """Hash of the backbone's own settings."""
        return _digest(json.dumps(asdict(self.backbone.profile), sort_keys=True).encode())

    def made_by(self) -> dict[str, Any]:
        """What made a row, besides what it is keyed by."""
        return {
            "engine": engine_digest(),
            "machine": f"{platform.system()} {platform.machine()}, {self.backbone.device.type}",
            "threads": torch.get_num_threads(),
        }

    def learned(
        self, material: Material, seed: int, settings: Settings, backbone: Backbone | None = None
    ) -> tuple[PartModel, float]:
        """The part model of a row, and the seconds it took; learned once for each seed.

        ``backbone`` stands in for the bench's own.
        """
        chosen = backbone or self.backbone
        about = [material.row, len(material.references), seed, dict(settings), chosen.hash]
        key = _digest(json.dumps([*about, self.profile, engine_digest()]).encode())
        if key not in self._kept:
            self._kept.clear()
            self._kept[key] = self._read(key) or self._learn(key, chosen, material, seed, settings)
        return self._kept[key]

    def _learn(
        self, key: str, backbone: Backbone, material: Material, seed: int, settings: Settings
    ) -> tuple[PartModel, float]:
        chosen = LearnSettings.from_dict({"seed": seed, **settings})
        begun = time.monotonic()
        parts = PartSet.from_names(material.parts)
        model = learn(backbone, material.references, parts, chosen)
        seconds = time.monotonic() - begun
        if self.models is not None:
            model.save(self.models / f"{key}.safetensors")
            (self.models / f"{key}.json").write_text(json.dumps({"seconds": seconds}))
        return model, seconds

    def _read(self, key: str) -> tuple[PartModel, float] | None:
        if self.models is None or not (self.models / f"{key}.json").is_file():
            return None
        told = json.loads((self.models / f"{key}.json").read_text())
        return PartModel.load(self.models / f"{key}.safetensors"), told["seconds"]


def segmented(
    backbone: Backbone, model: PartModel, material: Material, seed: int, settings: Settings
) -> Iterator[FrameMaps]:
    """The engine's maps of every picture: of one shot, or of each still as a shot of its own."""
    chosen = SegmentSettings.from_dict({"seed": seed, **settings})
    frames = [Frame(picture.number, picture.image) for picture in material.pictures]
    shots = [frames] if material.moving else [[frame] for frame in frames]
    for shot in shots:
        yield from segment(backbone, model, shot, chosen)


def scored(
    material: Material, maps: Iterable[FrameMaps], sheet: ContactSheet | None = None
) -> dict[str, Any]:
    """The figures of a row, fractions 0..1, and the seconds per picture without the scoring.

    ``miou_foreground``, ``miou``, ``f_measure``, ``flicker`` (None for stills), ``parts`` and
    ``frames`` are those of `smite evaluate`; ``subject_iou`` is of all parts taken as one.
    """
    evaluators = [Evaluator(material.parts)]
    subject: list[float] = []
    watch = Stopwatch()
    for picture, found in zip(material.pictures, watch.over(maps), strict=True):
        height, width = picture.image.shape[:2]
        with watch:
            labels = labels_at(found, height, width)
        if sheet is not None:
            _add_to_sheet(sheet, picture, found)
        if picture.truth is None:
            continue
        if not material.moving and evaluators[-1].frames:
            evaluators.append(Evaluator(material.parts))
        seen = small_copy(picture.image) if material.moving else None
        evaluators[-1].add(labels, picture.truth, seen)
        share = iou(labels > 0, picture.truth > 0)
        subject += [] if share is None else [share]
    result = evaluators[0].result() if material.moving else mean_of_pictures(evaluators)
    return {
        **{name: result[name] for name in ("miou_foreground", "miou", "f_measure", "flicker")},
        "subject_iou": fmean(subject) if subject else None,
        "parts": {name: entry["iou"] for name, entry in result["parts"].items()},
        "frames": result["frames"],
        "seconds_per_frame": watch.seconds / len(material.pictures),
    }


def mean_of_pictures(evaluators: Iterable[Evaluator]) -> dict[str, Any]:
    """The figures over pictures of any size, each in an :class:`Evaluator` of its own.

    It counts as one Evaluator over all of them would: the IoU of a part is the mean over the
    pictures where it is in either map, the mIoU the mean over parts.
    """
    results = [evaluator.result() for evaluator in evaluators]
    names = list(results[0]["parts"])
    parts = {
        name: {
            "iou": _mean(result["parts"][name]["iou"] for result in results),
            "f_measure": _mean(result["parts"][name]["f_measure"] for result in results),
        }
        for name in names
    }
    background = _mean(_background(result) for result in results)
    ious = [entry["iou"] for entry in parts.values()]
    return {
        "miou_foreground": _mean(ious),
        "miou": _mean([background, *ious]),
        "f_measure": _mean(entry["f_measure"] for entry in parts.values()),
        "flicker": None,
        "parts": parts,
        "frames": sum(result["frames"] for result in results),
    }


def _background(result: Mapping[str, Any]) -> float | None:
    """IoU of the background, from the mean over all classes and those of the parts."""
    there = [entry["iou"] for entry in result["parts"].values() if entry["iou"] is not None]
    mean = result["miou"]
    return None if mean is None else float(mean * (len(there) + 1) - sum(there))


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


class Stopwatch:
    """Adds up the seconds spent in ``with`` blocks, and in making the items of iterables."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def __enter__(self) -> Stopwatch:
        self._begun = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._begun

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each one's making timed."""
        rest = iter(items)
        while True:
            with self:
                try:
                    item = next(rest)
                except StopIteration:
                    return
            yield item


def _add_to_sheet(sheet: ContactSheet, picture: Picture, maps: FrameMaps) -> None:
    """Adds a picture, letterboxed to a square so that stills of any shape line up."""
    height, width = picture.image.shape[:2]
    scale = SHEET_SIDE / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    mattes = torch.from_numpy(mattes_at(maps, *size))
    image = torch.from_numpy(picture.image).permute(2, 0, 1)[None]
    small = functional.interpolate(image.float(), size=size, mode="bilinear", antialias=True)[0]
    room = (0, SHEET_SIDE - size[1], 0, SHEET_SIDE - size[0])
    rgb, planes = functional.pad(small, room), functional.pad(mattes, room)
    sheet.add(picture.number, rgb.permute(1, 2, 0).numpy(), planes.numpy())


def rounded(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The figures with as many digits as mean something."""
    return {
        name: rounded(value)
        if isinstance(value, Mapping)
        else round(value, DIGITS)
        if isinstance(value, float | np.floating)
        else value
        for name, value in measured.items()
    }


def engine_digest() -> str:
    """Hash of the engine's source files: rows that differ in it were made by different code."""
    engine = Path(smite_engine.__file__).parent
    return _digest(b"".join(path.read_bytes() for path in sorted(engine.glob("*.py"))))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
