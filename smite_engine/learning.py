"""Learns a part model from references (SMITE sec. 4.2): embeddings first, then cross-attention."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from smite_engine.backbone import Backbone
from smite_engine.errors import Cancelled
from smite_engine.losses import part_loss, training_was
from smite_engine.noise import frame_noise
from smite_engine.part_model import PartModel
from smite_engine.part_set import PartSet
from smite_engine.references import (
    Augmentation,
    Reference,
    View,
    augmented_view,
    check_references,
    whole_view,
)
from smite_engine.settings import from_mapping, require_range
from smite_engine.text_sides import with_parts

_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_WEAK = 0.4
_CHECK_EVERY = 15


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` steps of ``stage``."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class LearnSettings:
    """Learning settings; None takes the backbone's own value.

    Attributes:
        seed: Of augmentation and noise.
        embedding_steps, weight_steps: Steps of the two phases; 0 leaves a phase out.
        embedding_rate, weight_rate: Adam's rates.
        area: Most pixels of a view.
        timesteps: Range that each step's noise is drawn from, of 1000.
        ldm_weight: Weight of the denoising loss beside the attention losses.
        zoom, rotation, flip, colour, hue, blur, cut_out: See :class:`Augmentation`; ``flip`` None
            mirrors unless part names speak of left and right.
    """

    seed: int = 0
    embedding_steps: int | None = None
    weight_steps: int | None = None
    embedding_rate: float | None = None
    weight_rate: float | None = None
    area: int | None = None
    timesteps: tuple[int, int] = (5, 100)
    ldm_weight: float = 0.005
    zoom: tuple[float, float] = (0.5, 1.2)
    rotation: float = 30.0
    flip: bool | None = None
    colour: float = 0.3
    hue: float = 0.04
    blur: float = 1.0
    cut_out: float = 0.3

    def __post_init__(self) -> None:
        require_range("timesteps", self.timesteps[0], 0, self.timesteps[1])
        require_range("timesteps", self.timesteps[1], 0, 999)
        require_range("zoom", self.zoom[0], 0.05, self.zoom[1])
        require_range("rotation", self.rotation, 0, 180)
        for name in ("embedding_steps", "weight_steps"):
            require_range(name, getattr(self, name) or 0, 0, 100_000)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LearnSettings:
        """Settings from plain values; raises SettingsError on an unknown name."""
        return from_mapping(cls, values)

    def augmentation(self, parts: PartSet) -> Augmentation:
        flip = self.flip
        if flip is None:
            flip = not any(_SIDES.search(name) for name in parts.names)
        names = ("zoom", "rotation", "colour", "hue", "blur", "cut_out")
        return Augmentation(flip=flip, **{name: getattr(self, name) for name in names})


def learn(
    backbone: Backbone,
    references: Sequence[Reference],
    parts: PartSet,
    settings: LearnSettings,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PartModel:
    """Learns the parts that the references show.

    The embeddings (and weights) that are kept are those with the best mean IoU on augmented views
    that the optimiser never saw.

    Args:
        backbone: Is as it was when this returns.
        references: One or more; every part is painted on at least one.
        parts: The part set that the references' labels index.
        settings: See :class:`LearnSettings`.
        progress: Called after each step.
        cancelled: Asked before each step.

    Raises:
        BadReferenceError: If the references do not fit the part set.
        Cancelled: If ``cancelled()`` is true.
        OutOfDeviceMemoryError: If a view does not fit the device.
    """
    check_references(references, parts)
    learner = _Learner(backbone, references, parts, settings)
    total = learner.steps[0] + learner.steps[1]
    with backbone.tuned(backbone.cross_attention_parameters()):
        try:
            for step in range(total):
                if cancelled():
                    raise Cancelled("The learn job was cancelled.")
                learner.step(step)
                if progress:
                    stage = "embeddings" if step < learner.steps[0] else "weights"
                    progress(Progress(stage, step + 1, total))
            return learner.result()
        finally:
            learner.freeze_weights()


class _Learner:
    """The state of one learn job: parameters, optimiser, held-out views, best result."""

    def __init__(
        self,
        backbone: Backbone,
        references: Sequence[Reference],
        parts: PartSet,
        settings: LearnSettings,
    ) -> None:
        self.backbone = backbone
        self.references = references
        self.parts = parts
        self.settings = settings
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.augmentation = settings.augmentation(parts)
        profile = backbone.profile
        self.area = settings.area or profile.learn_area
        self.steps = (
            _first(settings.embedding_steps, profile.embedding_steps),
            _first(settings.weight_steps, profile.weight_steps),
        )
        self.base = backbone.text.base(parts.names).to(backbone.device)
        whole = [whole_view(reference, len(parts), self.area) for reference in references]
        self.embeddings = self._initial(whole).requires_grad_(True)
        self.weights = backbone.cross_attention_parameters()
        self.held_out = self._held_out_views()
        self.optimiser = torch.optim.Adam(
            [self.embeddings], lr=_first(settings.embedding_rate, profile.embedding_rate)
        )
        self.best_score = -1.0
        self._keep_if_best(0)

    def _held_out_views(self) -> list[View]:
        """Views that are never optimised on, at most eight, their own generator."""
        apart = torch.Generator().manual_seed(self.settings.seed ^ 0x5EED)
        milder = replace(self.augmentation, cut_out=0.0)
        count = max(1, min(len(self.references), 6))
        return [
            augmented_view(reference, len(self.parts), self.area, milder, apart)
            for reference in self.references[:count]
        ]

    def _initial(self, views: Sequence[View]) -> torch.Tensor:
        """Where the embeddings start: [P, D], from the references, else from the names."""
        named = self.backbone.text.initial(self.parts.names).to(self.backbone.device)
        if not self.backbone.has_reference_encoder:
            return named.clone()
        total, weight = torch.zeros_like(named), torch.zeros(len(self.parts), 1)
        for index, view in enumerate(views):
            noisy = self._noisy(view, self.backbone.profile.timestep, index)
            found = self.backbone.reference_embeddings(
                noisy, self.backbone.profile.timestep, view.coverage[None, 1:]
            )
            area = view.coverage[1:].sum(dim=(1, 2)).sqrt()[:, None]
            assert found is not None
            total += found[0] * area.to(total.device)
            weight += area
        return (total / weight.to(total.device).clamp_min(1e-6)).clone()

    def _noisy(self, view: View, timestep: int, number: int) -> torch.Tensor:
        latents = self.backbone.encode(view.image[None])
        noise = frame_noise(self.settings.seed, number, tuple(latents.shape[1:]))[None]
        return self.backbone.noisy(latents, noise, timestep)

    def step(self, step: int) -> None:
        """One optimiser step on one augmented view."""
        if step == self.steps[0] and self.steps[1]:
            self._begin_weights()
        pick = step % len(self.references)
        view = augmented_view(
            self.references[pick], len(self.parts), self.area, self.augmentation, self.generator
        )
        low, high = self.settings.timesteps
        timestep = int(torch.randint(low, high + 1, (), generator=self.generator))
        latents = self.backbone.encode(view.image[None])
        noise = frame_noise(self.settings.seed, 1_000_000 + step, tuple(latents.shape[1:]))[None]
        read = self.backbone.read(
            self.backbone.noisy(latents, noise, timestep),
            timestep,
            with_parts(self.base, self.embeddings),
            len(self.parts) + 1,
            want_noise=self.settings.ldm_weight > 0,
        )
        loss = part_loss(read, view.coverage.to(latents.device), view.known.to(latents.device))
        if read.noise is not None:
            error = functional.mse_loss(read.noise, noise.to(latents.device))
            loss = loss + self.settings.ldm_weight * error
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        last = step + 1 == self.steps[0] + self.steps[1]
        if (step + 1) % _CHECK_EVERY == 0 or last:
            self._keep_if_best(step + 1)

    def _begin_weights(self) -> None:
        """The second phase, from the best embeddings of the first."""
        with torch.no_grad():
            self.embeddings.copy_(self.best_embeddings)
        for parameter in self.weights.values():
            parameter.requires_grad_(True)
        profile = self.backbone.profile
        rate = _first(self.settings.weight_rate, profile.weight_rate)
        self.optimiser = torch.optim.Adam(
            [
                {"params": [self.embeddings], "lr": profile.late_embedding_rate},
                {"params": list(self.weights.values()), "lr": rate},
            ]
        )

    def freeze_weights(self) -> None:
        """The UNet's parameters as the backbone keeps them: no gradients."""
        for parameter in self.weights.values():
            parameter.requires_grad_(False)
            parameter.grad = None

    @torch.no_grad()
    def _keep_if_best(self, step: int) -> None:
        ious = self._held_out_iou()
        found = [value for value in ious if value is not None]
        score = sum(found) / len(found) if found else 0.0
        if score > self.best_score:
            self.best_score, self.best_iou, self.best_step = score, ious, step
            self.best_embeddings = self.embeddings.detach().clone()
            self.best_weights = {
                name: parameter.detach().clone()
                for name, parameter in self.weights.items()
                if step > self.steps[0]
            }

    def _held_out_iou(self) -> list[float | None]:
        """IoU of each part over the views that were held out, None where it is in none."""
        both = torch.zeros(len(self.parts) + 1)
        either = torch.zeros(len(self.parts) + 1)
        timestep = self.backbone.profile.timestep
        context = with_parts(self.base, self.embeddings)
        for index, view in enumerate(self.held_out):
            noisy = self._noisy(view, timestep, 2_000_000 + index)
            read = self.backbone.read(noisy, timestep, context, len(self.parts) + 1)
            guess = training_was(read)[0].argmax(dim=0).cpu()
            truth = view.coverage.argmax(dim=0)
            known = view.known > 0
            for part in range(len(self.parts) + 1):
                a, b = (guess == part) & known, (truth == part) & known
                both[part] += (a & b).sum()
                either[part] += (a | b).sum() if b.any() else 0
        return [
            float(both[i] / either[i]) if either[i] else None for i in range(1, len(self.parts) + 1)
        ]

    def result(self) -> PartModel:
        """The best embeddings and weights, as a part model."""
        by_slug = dict(zip(self.parts.slugs, self.best_iou, strict=True))
        weak = tuple(
            f'The part "{part.name}" will be weak: IoU {by_slug[part.slug]:.2f} on held-out views '
            "of the references; paint it on more of them, or larger."
            for part in self.parts.parts
            if (by_slug[part.slug] or 1.0) < _WEAK
        )
        return PartModel(
            parts=self.parts,
            embeddings=self.best_embeddings.cpu(),
            weights=self.best_weights,
            backbone_id=self.backbone.id,
            backbone_hash=self.backbone.hash,
            settings={**asdict(self.settings), "best_step": self.best_step},
            held_out_iou=by_slug,
            warnings=weak,
        )


def _first(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else given
