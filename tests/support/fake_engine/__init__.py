"""A fast stand-in for `smite_engine`: the same API, parts told apart by their mean colour.

Its settings have knobs to misbehave with: ``delay`` (seconds per frame), ``crash_at`` (frame at
which the process kills itself, with ``crash_signal``), ``deaf`` (cancelling is not asked for),
``memory`` (largest window that fits), ``fail_at`` (frame at which an unforeseen error is raised),
``hold_at`` (frame at which it waits until it is cancelled), ``once`` (a file that misbehaving
makes; where it is there already, nothing misbehaves), ``log`` (a file that gets a line for each
window).

A window's maps depend on its frames and on the window before, as the engine's do: a shot that goes
on elsewhere than it stopped shows it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from smite_engine.part_set import Part, PartSet
from smite_engine.windows import windows

from .errors import (
    BackboneError,
    BackboneMismatchError,
    Cancelled,
    OutOfDeviceMemoryError,
    PartModelError,
    SettingsError,
    ShotStateError,
)

SHRINK = 2


@dataclass(frozen=True)
class Profile:
    good_for: str = "squares of one colour"


@dataclass(frozen=True)
class Backbone:
    id: str
    hash: str
    device: str
    profile: Profile = Profile()


@dataclass(frozen=True)
class Reference:
    image: np.ndarray
    labels: np.ndarray
    name: str


@dataclass(frozen=True)
class Progress:
    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Frame:
    number: int
    image: np.ndarray


@dataclass(frozen=True)
class FrameMaps:
    number: int
    probabilities: np.ndarray
    confidence: float


class _Settings:
    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Any:
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        for name in values:
            if name not in known:
                raise SettingsError(f'There is no setting "{name}"; known: {sorted(known)}.')
        return cls(**values)


@dataclass(frozen=True)
class LearnSettings(_Settings):
    seed: int = 0
    steps: int = 5
    delay: float = 0.0


@dataclass(frozen=True)
class SegmentSettings(_Settings):
    quality: str = "standard"
    seed: int = 0
    window: int | None = None
    delay: float = 0.0
    crash_at: int | None = None
    crash_signal: int = signal.SIGKILL
    fail_at: int | None = None
    hold_at: int | None = None
    memory: int = 1000
    deaf: bool = False
    overlap: int = 0
    once: str = ""
    log: str = ""


@dataclass(frozen=True)
class PartModel:
    parts: PartSet
    colours: np.ndarray  # float32 [K, 3], background first
    backbone_id: str
    backbone_hash: str
    held_out_iou: Mapping[str, float | None]
    warnings: tuple[str, ...] = ()
    selected_on: str = "views"

    @property
    def hash(self) -> str:
        return hashlib.sha256(self._bytes()).hexdigest()

    def _bytes(self) -> bytes:
        about = {
            "parts": [{"name": part.name, "slug": part.slug} for part in self.parts.parts],
            "backbone_id": self.backbone_id,
            "backbone_hash": self.backbone_hash,
        }
        return save({"colours": self.colours}, {"smite": json.dumps(about)})

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part")
        part.write_bytes(self._bytes())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> PartModel:
        try:
            with safe_open(os.fspath(path), framework="numpy") as file:
                about = json.loads(file.metadata()["smite"])
                colours = file.get_tensor("colours")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as problem:
            raise PartModelError(f"The part model {path} is damaged; learn it again.") from problem
        parts = PartSet(tuple(Part(entry["name"], entry["slug"]) for entry in about["parts"]))
        return cls(parts, colours, about["backbone_id"], about["backbone_hash"], {})


def load_backbone(source: str, *, device: str = "auto") -> Backbone:
    if Path(source).name == "missing":
        raise BackboneError("There is no backbone at missing; give embedded or a folder.")
    digest = hashlib.sha256(source.encode()).hexdigest()
    return Backbone(source, digest, "cpu" if device == "auto" else device)


def learn(
    backbone: Backbone,
    references: Sequence[Reference],
    parts: PartSet,
    settings: LearnSettings,
    *,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool],
) -> PartModel:
    for step in range(settings.steps):
        if cancelled():
            raise Cancelled("stopped")
        time.sleep(settings.delay)
        if progress is not None:
            progress(Progress("colours", step + 1, settings.steps))
    colours = []
    for label in range(len(parts.parts) + 1):
        pixels = [found.image[found.labels == label] for found in references]
        joined = np.concatenate(pixels)
        colours.append(joined.mean(axis=0) if len(joined) else np.full(3, 9.0))
    iou = {part.slug: None if len(references) == 1 else 1.0 for part in parts.parts}
    return PartModel(parts, np.float32(colours), backbone.id, backbone.hash, iou)


@dataclass(frozen=True)
class ShotState:
    after: int
    held: tuple[int, ...]
    probabilities: np.ndarray  # float32 [V, K, h, w]

    def shortened(self, most: int) -> ShotState:
        return ShotState(self.after, self.held[:most], self.probabilities[:most])

    def save(self, path: Path, also: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
        about = {"after": self.after, "held": self.held}
        tensors = {**also, "probabilities": self.probabilities}
        path.write_bytes(save(tensors, {**notes, "state": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path) -> ShotState:
        try:
            with safe_open(os.fspath(path), framework="numpy") as file:
                about = json.loads(file.metadata()["state"])
                held = tuple(about["held"])
                return cls(about["after"], held, file.get_tensor("probabilities"))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as problem:
            raise ShotStateError(f"The state in {path} cannot be read ({problem}).") from problem


@dataclass(frozen=True)
class Quality:
    window: int


@dataclass(frozen=True)
class Plan:
    quality: Quality


def plan(settings: SegmentSettings, backbone: Backbone) -> Plan:
    return Plan(Quality(settings.window or 4))


def segment(
    backbone: Backbone,
    model: PartModel,
    frames: Iterable[Frame],
    settings: SegmentSettings,
    *,
    resume: ShotState | None = None,
    finished: Callable[[ShotState], None] = lambda _: None,
    progress: Callable[[Any], None] = lambda _: None,
    cancelled: Callable[[], bool],
) -> Iterator[FrameMaps]:
    if model.backbone_hash != backbone.hash:
        raise BackboneMismatchError(f"This part model was learned on {model.backbone_id}.")
    length = plan(settings, backbone).quality.window
    overlap = min(settings.overlap, length - 1)
    state = resume.shortened(length - 1) if resume else None
    stream = iter(frames)
    held = [next(stream) for _ in state.held] if state else []
    for window in windows(stream, length, overlap, already=held):
        if len(window.frames) > settings.memory:
            raise OutOfDeviceMemoryError(f"A window of {len(window.frames)} frames does not fit.")
        _note(window, settings)
        shared = np.float32(np.mean([frame.image.mean() for frame in window.frames]))
        maps = []
        for place, frame in enumerate(window.frames):
            if place < len(window.final):
                _misbehave(frame.number, settings)
            while settings.hold_at == frame.number and not cancelled():
                time.sleep(0.01)
            if cancelled() and not settings.deaf:
                raise Cancelled("stopped")
            found = _maps(model, frame, shared)
            if state is not None and place < len(state.held):
                found = replace(
                    found, probabilities=(found.probabilities + state.probabilities[place]) / 2
                )
            maps.append(found)
            if place < len(window.final):
                yield found
        if not window.last:
            kept = maps[len(window.final) :]
            state = ShotState(
                window.final[-1].number,
                tuple(found.number for found in kept),
                np.stack([found.probabilities for found in kept])
                if kept
                else np.zeros((0, 1, 1, 1), np.float32),
            )
            finished(state)


def _note(window: Any, settings: SegmentSettings) -> None:
    if settings.log:
        with Path(settings.log).open("a") as file:
            file.write(f"{window.frames[0].number}-{window.frames[-1].number}\n")


def _misbehave(number: int, settings: SegmentSettings) -> None:
    faulty = number in (settings.crash_at, settings.fail_at)
    if faulty and settings.once:
        if Path(settings.once).exists():
            return
        Path(settings.once).touch()
    if settings.crash_at == number:
        time.sleep(0.3)  # What was told before the crash leaves the process first.
        os.kill(os.getpid(), settings.crash_signal)
    if settings.fail_at == number:
        raise RuntimeError("something nobody thought of")
    end = time.monotonic() + settings.delay
    while time.monotonic() < end:
        time.sleep(0.01)


def _maps(model: PartModel, frame: Frame, shared: np.float32) -> FrameMaps:
    height, width = frame.image.shape[:2]
    size = (max(1, width // SHRINK), max(1, height // SHRINK))
    small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    distance = ((small[None] - model.colours[:, None, None]) ** 2).sum(axis=-1)
    weights = np.exp((shared - 40.0) * (distance - distance.min(axis=0)))
    return FrameMaps(frame.number, np.float32(weights / weights.sum(axis=0)), 0.9)


@dataclass(frozen=True)
class EdgeSettings(_Settings):
    edges: str = "soft"
    band: float = 2.0


class ShotEdges:
    """Mattes grown bilinearly; a trace of the frame before makes a lost state show."""

    def __init__(self, settings: EdgeSettings, device: str = "cpu") -> None:
        self._hard = settings.edges == "hard"
        self._last: np.ndarray | None = None

    def mattes(self, maps: FrameMaps, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        found = np.stack([cv2.resize(plane, (width, height)) for plane in maps.probabilities[1:]])
        if self._last is not None and self._last.shape == found.shape:
            found = 0.99 * found + 0.01 * self._last
        self._last = found
        return np.round(found) if self._hard else found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return ({}, {}) if self._last is None else ({"there": True}, {"last": self._last})

    def restore(self, notes: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self._last = arrays["last"] if notes else None


def labels_at(maps: FrameMaps, height: int, width: int) -> np.ndarray:
    planes = [cv2.resize(plane, (width, height)) for plane in maps.probabilities]
    return np.argmax(planes, axis=0).astype(np.uint8)


def describe_devices() -> list[dict[str, Any]]:
    return [{"name": "cpu", "ok": True, "detail": "fake"}]


def describe_trackers() -> list[dict[str, Any]]:
    return [{"name": "flow", "ok": False, "licence": "MIT", "remedy": "install it"}]
