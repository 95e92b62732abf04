"""Settings of segmenting, and what they come to on a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smite_engine.backbone import Backbone
from smite_engine.crops import MARGIN
from smite_engine.errors import SettingsError
from smite_engine.focus import Focus
from smite_engine.profiles import SUBJECTS, Quality, Subject
from smite_engine.settings import from_mapping, given_or, require_number, require_range
from smite_engine.tracking import tracker_names

QUALITIES = ("draft", "standard", "paper")
FOCUSES = ("auto", *Focus)
NO_TRACKER = "none"
WHOLE_NUMBERS = frozenset(
    {"voting_window", "window", "overlap", "span", "guided", "updates", "area"}
)


@dataclass(frozen=True)
class SegmentSettings:
    """Segmentation settings; None takes the value of the quality or subject preset.

    Attributes:
        quality: ``draft`` (small, one pass), ``standard`` (guided), ``paper`` (the schedule of the
            method's authors: several times slower).
        subject: Preset of the guidance's weights: ``default``, ``faces``, ``horses``, ``cars``.
        seed: Of the noise.
        tracker: Point tracker; ``none`` segments without voting.
        tracker_weights: The tracker's weights file, where it needs one.
        lambda_tracking, lambda_reg: Weights of eq. 7; 0 leaves an energy out.
        lowpass, first_lowpass: Share of the spatial frequencies that eq. 6 compares, from the
            second guided denoising step on and in the first of several.
        voting_window: Frames that vote on a point (algorithm 1).
        window: Most frames that are guided together.
        overlap: Frames that a window shares with the one before.
        span: Frames that self-attention joins.
        guided: Denoising steps with guidance, at most one less than the preset's steps; 1 takes the
            last step alone.
        updates: Updates of the latents in each guided denoising step.
        step: Factor of an update's size; 10 is the authors'.
        vote_last: Whether the maps after the last step are voted along the tracks once more.
        area: Most pixels of the canvas.
        contrast: Power that probabilities are raised to; higher has harder edges.
        focus: ``whole`` picture; ``crop`` around the subject, in a second pass; overlapping
            ``tiles``; ``auto`` chooses by the subject's size.
        margin: Room around the subject in a crop, share of the crop's sides.
    """

    quality: str = "standard"
    subject: str = "default"
    seed: int = 0
    tracker: str = "dis"
    tracker_weights: str = ""
    lambda_tracking: float | None = None
    lambda_reg: float | None = None
    lowpass: float = 0.4
    first_lowpass: float = 0.999
    voting_window: int | None = None
    window: int | None = None
    overlap: int | None = None
    span: int | None = None
    guided: int | None = None
    updates: int | None = None
    step: float | None = None
    vote_last: bool | None = None
    area: int | None = None
    contrast: float | None = None
    focus: str = "auto"
    margin: float = MARGIN

    def __post_init__(self) -> None:
        _require_one_of("quality", self.quality, QUALITIES)
        _require_one_of("subject", self.subject, tuple(SUBJECTS))
        _require_one_of("tracker", self.tracker, (*tracker_names(), NO_TRACKER))
        _require_one_of("focus", self.focus, FOCUSES)
        ranges: dict[str, tuple[float, float]] = {
            "lambda_tracking": (0, 1000),
            "lambda_reg": (0, 10_000),
            "lowpass": (0.05, 1),
            "first_lowpass": (0.05, 1),
            "voting_window": (1, 64),
            "window": (1, 64),
            "overlap": (0, 63),
            "span": (1, 64),
            "guided": (1, 3),
            "updates": (1, 100),
            "step": (0.1, 1000),
            "area": (64 * 64, 2048 * 2048),
            "contrast": (0.5, 16),
            "margin": (0, 0.4),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None:
                require_number(name, value, whole=name in WHOLE_NUMBERS)
                require_range(name, value, low, high)
        if self.vote_last not in (None, True, False):
            raise SettingsError(
                f'The setting "vote_last" is true or false, not {self.vote_last!r}.'
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentSettings:
        """Settings from plain values; raises SettingsError on an unknown name."""
        return from_mapping(cls, values)


@dataclass(frozen=True)
class Plan:
    """Every setting decided, for one backbone.

    Attributes:
        quality: Sizes and schedule; spans divide the way from one window to the next.
        guidance: Weights of the guidance; ``quality.guided`` is 0 where both are 0.
        track: Whether a tracker is needed.
        contrast: As in :class:`SegmentSettings`.
    """

    quality: Quality
    guidance: Subject
    track: bool
    contrast: float


def plan(settings: SegmentSettings, backbone: Backbone) -> Plan:
    """The plan of ``settings`` on ``backbone``.

    Without guidance windows do not depend on each other and do not overlap, and one pass serves.
    With it a window advances by whole spans, so that the frames of an overlap meet the same
    neighbours in both windows.
    """
    profile = backbone.profile
    preset: Quality = getattr(profile, settings.quality)
    subject = SUBJECTS[settings.subject]
    guidance = Subject(
        tracking=given_or(settings.lambda_tracking, subject.tracking),
        regular=given_or(settings.lambda_reg, subject.regular),
        voting_window=given_or(settings.voting_window, subject.voting_window),
    )
    if settings.tracker == NO_TRACKER:
        guidance = Subject(0.0, guidance.regular, guidance.voting_window)
    window = given_or(settings.window, preset.window)
    span = min(given_or(settings.span, preset.span), window)
    wanted = given_or(settings.guided, preset.guided) if preset.guided else 0
    guided = wanted if guidance.tracking or guidance.regular else 0
    overlap = min(given_or(settings.overlap, preset.overlap), window - 1) if guided else 0
    advance = max(span, (window - overlap) // span * span)
    quality = Quality(
        area=given_or(settings.area, preset.area),
        window=window,
        overlap=max(0, window - advance),
        span=span,
        timesteps=preset.timesteps[-(guided + 1) :] if guided > 1 else preset.timesteps[-1:],
        guided=guided,
        updates=given_or(settings.updates, preset.updates),
        step=given_or(settings.step, preset.step),
        vote_last=given_or(settings.vote_last, preset.vote_last),
    )
    contrast = given_or(settings.contrast, profile.contrast)
    return Plan(quality, guidance, bool(guided and guidance.tracking), contrast)


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f'The setting "{name}" is one of {", ".join(known)}, not "{value}".')
