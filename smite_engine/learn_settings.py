"""Settings of learning, and what they come to on a backbone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smite_engine.augmentation import Augmentation
from smite_engine.errors import SettingsError
from smite_engine.part_set import PartSet
from smite_engine.profiles import BackboneProfile
from smite_engine.settings import from_mapping, given_or, require_number, require_range
from smite_engine.tuned_parameters import require_tune

HOLD_OUTS = ("views", "references", "auto")

_SIDES = frozenset({"left", "right", "lft", "rgt", "l", "r"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True)
class Plan:
    """Optimiser steps of the two phases: embeddings alone, then embeddings and weights."""

    embeddings: int
    weights: int

    @property
    def total(self) -> int:
        return self.embeddings + self.weights


@dataclass(frozen=True)
class KeyFit:
    """How the second phase begins: ``steps`` (0: not so) on the cells of ``views`` views."""

    steps: int
    views: int


@dataclass(frozen=True)
class Rates:
    """Adam's rates: embeddings in each phase, keys, cross-attention, self-attention."""

    embeddings: float
    keys: float
    late_embeddings: float
    cross_attention: float
    self_attention: float


@dataclass(frozen=True)
class LearnSettings:
    """Learning settings; None takes the backbone's own value.

    Attributes:
        seed: Of augmentation and noise.
        tune: What is learned: ``embeddings`` of the parts alone; ``cross-attention``, its keys and
            values too; ``self-attention``, its queries and keys as well.
        hold_out: What steps are chosen on. ``views``: augmented views of the references that the
            optimiser never saw. ``references``: each of ``folds`` references is left out in turn,
            which takes as much longer and says how the parts do on stills that are new.
            ``auto``: ``references`` where there are two or more.
        folds: Most references that are left out in turn.
        patience: Checks (one every 15 steps) without a better held-out IoU that end a phase; 0
            never ends one early.
        embedding_steps, weight_steps: Most steps of the two phases; 0 leaves a phase out.
        key_steps: Steps of the fit that begins the second phase, see :mod:`smite_engine.key_fit`;
            0 leaves it out.
        key_views: Augmented views that it fits.
        embedding_rate, weight_rate, self_attention_rate: Adam's rates.
        area: Most pixels of a view.
        timesteps: Range that each step's noise is drawn from, of 1000.
        ldm_weight: Weight of the denoising loss beside the attention losses.
        zoom, rotation, flip, stretch, colour, hue, blur, cut_out: See :class:`Augmentation`;
            ``flip`` None mirrors unless a part's name says left or right.
    """

    seed: int = 0
    tune: str = "cross-attention"
    hold_out: str = "views"
    folds: int = 3
    patience: int = 6
    embedding_steps: int | None = None
    weight_steps: int | None = None
    key_steps: int | None = None
    key_views: int | None = None
    embedding_rate: float | None = None
    weight_rate: float | None = None
    self_attention_rate: float | None = None
    area: int | None = None
    timesteps: tuple[int, int] = (5, 100)
    ldm_weight: float = 0.005
    zoom: tuple[float, float] = (0.5, 1.2)
    rotation: float = 30.0
    flip: bool | None = None
    stretch: float = 0.0
    colour: float = 0.3
    hue: float = 0.04
    blur: float = 1.0
    cut_out: float = 0.3

    def __post_init__(self) -> None:
        require_tune(self.tune)
        if self.hold_out not in HOLD_OUTS:
            raise SettingsError(
                f'The setting "hold_out" is {", ".join(HOLD_OUTS)}, not {self.hold_out!r}.'
            )
        _require_pair("timesteps", self.timesteps, 0, 999)
        _require_pair("zoom", self.zoom, 0.05, 4)
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None:
                require_number(name, value)
                require_range(name, value, low, high)
        if self.tune == "embeddings" and self.weight_steps:
            raise SettingsError(
                'The setting "tune" is embeddings, which leaves no weights to learn in '
                f'{self.weight_steps} "weight_steps"; set one of the two otherwise.'
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LearnSettings:
        """Settings from plain values; raises SettingsError on an unknown name."""
        return from_mapping(cls, values)

    def augmentation(self, parts: PartSet) -> Augmentation:
        """How views of references with these parts are made."""
        flip = self.flip
        if flip is None:
            flip = not any(names_a_side(name) for name in parts.names)
        names = ("zoom", "rotation", "stretch", "colour", "hue", "blur", "cut_out")
        return Augmentation(flip=flip, **{name: getattr(self, name) for name in names})

    def view_area(self, profile: BackboneProfile, references: int) -> int:
        """Most pixels of a view."""
        return given_or(self.area, profile.course(references).area)

    def plan(self, profile: BackboneProfile, references: int) -> Plan:
        """Most steps of both phases."""
        weights = given_or(self.weight_steps, profile.course(references).weight_steps)
        return Plan(
            given_or(self.embedding_steps, profile.embedding_steps),
            0 if self.tune == "embeddings" else weights,
        )

    def key_fit(self, profile: BackboneProfile) -> KeyFit:
        """The fit of keys."""
        return KeyFit(
            given_or(self.key_steps, profile.key_steps), given_or(self.key_views, profile.key_views)
        )

    def rates(self, profile: BackboneProfile) -> Rates:
        """Rates of both phases."""
        return Rates(
            embeddings=given_or(self.embedding_rate, profile.embedding_rate),
            keys=profile.key_rate,
            late_embeddings=profile.late_embedding_rate,
            cross_attention=given_or(self.weight_rate, profile.weight_rate),
            self_attention=given_or(self.self_attention_rate, profile.self_attention_rate),
        )


_RANGES = (
    ("folds", 1, 64),
    ("patience", 0, 10_000),
    ("embedding_steps", 0, 100_000),
    ("weight_steps", 0, 100_000),
    ("key_steps", 0, 100_000),
    ("key_views", 1, 1000),
    ("embedding_rate", 0, 10),
    ("weight_rate", 0, 10),
    ("self_attention_rate", 0, 10),
    ("area", 64 * 64, 2048 * 2048),
    ("ldm_weight", 0, 1000),
    ("rotation", 0, 180),
    ("stretch", 0, 1),
    ("colour", 0, 1),
    ("hue", 0, 0.5),
    ("blur", 0, 64),
    ("cut_out", 0, 1),
)


def names_a_side(name: str) -> bool:
    """Whether a part's name has a word for left or right: "left eye", "eye_L", "RightWheel"."""
    return any(word.lower() in _SIDES for word in _WORD.findall(name))


def _require_pair(name: str, value: object, low: float, high: float) -> None:
    """Raises SettingsError unless ``value`` is two rising numbers in the range."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise SettingsError(f'The setting "{name}" is two numbers, lowest first, not {value!r}.')
    for number in value:
        require_number(name, number)
    require_range(name, value[1], low, high)
    require_range(name, value[0], low, value[1])
