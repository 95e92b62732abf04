"""One run of learning (SMITE sec. 4.2): both phases over a set of references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.augmentation import Still, augmented_view
from smite_engine.backbone import Backbone
from smite_engine.errors import Cancelled
from smite_engine.hold_out import HeldOut, Tally
from smite_engine.key_fit import Cells, balanced_cells, fit_keys
from smite_engine.learn_settings import LearnSettings, Plan
from smite_engine.losses import part_loss
from smite_engine.noise import frame_noise
from smite_engine.part_set import PartSet
from smite_engine.references import View
from smite_engine.text_sides import with_parts
from smite_engine.tuned_parameters import MasterWeights, is_self_attention

CHECK_EVERY = 15

_STEP_NUMBER = 1_000_000  # Noise of the steps is that of no frame.
_KEY_NUMBER = 3_000_000
_PHASES = ("embeddings", "weights")


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` steps of the job, in ``stage``. ``total`` falls where a phase stops."""

    stage: str
    done: int
    total: int


class Watcher:
    """Tells the caller of steps, and asks it whether to go on."""

    def __init__(
        self,
        total: int,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self.stage = ""
        self._done, self._total = 0, total
        self._told: Progress | None = None
        self._progress, self._cancelled = progress, cancelled

    def begin_step(self) -> None:
        """Raises Cancelled if the caller wants it."""
        if self._cancelled():
            raise Cancelled("The learn job was cancelled.")

    def end_step(self) -> None:
        """Tells of one step more."""
        self._done += 1
        self._tell()

    def leave_out(self, steps: int) -> None:
        """Takes steps that are not needed off the total, before the next one is told."""
        self._total -= steps

    def finish(self) -> None:
        """Tells that all is done, unless the last step did, or there was none."""
        if self._told and self._told.done != self._told.total:
            self._tell()

    def _tell(self) -> None:
        self._told = Progress(self.stage, self._done, self._total)
        if self._progress:
            self._progress(self._told)


@dataclass(frozen=True)
class Check:
    """What the held-out views said after ``at`` steps of both phases."""

    at: Plan
    tally: Tally


@dataclass(frozen=True)
class Learned:
    """What a run came to.

    Attributes:
        embeddings: float32 [P, D].
        weights: The tuned parameters by name; empty where the first phase was best.
        at: Steps of both phases that made them.
        checks: Every check of the run, in order; empty without held-out views.
        tally: Of the kept state; None without held-out views.
    """

    embeddings: torch.Tensor
    weights: Mapping[str, torch.Tensor]
    at: Plan
    checks: Sequence[Check]
    tally: Tally | None


@dataclass(frozen=True)
class Lesson:
    """What a run learns from: references as stills and whole views, in the same order."""

    stills: Sequence[Still]
    whole: Sequence[View]

    def without(self, index: int) -> Lesson:
        """All but one reference."""
        kept = [i for i in range(len(self.stills)) if i != index]
        return Lesson([self.stills[i] for i in kept], [self.whole[i] for i in kept])


class Learner:
    """The state of one run: parameters, optimiser, and the best that the held-out views saw."""

    def __init__(
        self,
        backbone: Backbone,
        lesson: Lesson,
        parts: PartSet,
        settings: LearnSettings,
        held_out: HeldOut | None,
    ) -> None:
        """Starts from the references' own embeddings, else from the parts' names.

        Args:
            backbone: Its tuned parameters are changed; see :meth:`Backbone.tuned`.
            lesson: What is learned from.
            parts: The part set.
            settings: See :class:`LearnSettings`.
            held_out: What the best state is found on; None keeps the last one.
        """
        self.backbone, self.lesson, self.parts, self.settings = backbone, lesson, parts, settings
        self.held_out = held_out
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.augmentation = settings.augmentation(parts)
        self.rates = settings.rates(backbone.profile)
        self.base = backbone.text.base(parts.names).to(backbone.device)
        self.embeddings = self._initial().requires_grad_(True)
        self.optimiser = torch.optim.Adam([self.embeddings], lr=self.rates.embeddings)
        self.weights = MasterWeights(backbone.tunable_parameters(settings.tune))
        self.done = 0
        self.checks: list[Check] = []
        self.best_score = -1.0
        self._check(Plan(0, 0))

    def run(self, plan: Plan, watcher: Watcher, stage: str = "") -> Learned:
        """Both phases, each from the best state of the one before, of at most ``plan`` steps."""
        try:
            watcher.stage = _PHASES[0] + stage
            self._phase(plan.embeddings, lambda step: Plan(step, 0), watcher)
            if plan.weights:
                watcher.stage = _PHASES[1] + stage
                self._restore_best_embeddings()
                before = self.best_at.embeddings
                fitted = self._fit_keys(before, watcher)
                self._begin_weights()
                rest = plan.weights - fitted
                self._phase(rest, lambda step: Plan(before, step + fitted), watcher)
            return Learned(
                self.best_embeddings, self.best_weights, self.best_at, self.checks, self.best_tally
            )
        finally:
            self.weights.require_gradients(False)

    def _initial(self) -> torch.Tensor:
        """Where the embeddings start: [P, D], from the references, else from the names."""
        named = self.backbone.text.initial(self.parts.names).to(self.backbone.device)
        if not self.backbone.has_reference_encoder:
            return named.clone()
        timestep = self.backbone.profile.timestep
        total, weight = torch.zeros_like(named), torch.zeros(len(self.parts), 1)
        for index, view in enumerate(self.lesson.whole):
            noisy, _ = self._noisy(view, timestep, index)
            found = self.backbone.reference_embeddings(noisy, timestep, view.coverage[None, 1:])
            area = view.coverage[1:].sum(dim=(1, 2)).sqrt()[:, None]
            assert found is not None
            total += found[0] * area.to(total.device)
            weight += area
        return (total / weight.to(total.device).clamp_min(1e-6)).clone()

    def _noisy(self, view: View, timestep: int, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """z_t of a view and its noise, both [1, C, h, w]."""
        latents = self.backbone.encode(view.image[None])
        noise = frame_noise(self.settings.seed, number, tuple(latents.shape[1:]))[None]
        return self.backbone.noisy(latents, noise, timestep), noise.to(latents.device)

    def _phase(self, steps: int, at: Callable[[int], Plan], watcher: Watcher) -> None:
        """At most ``steps`` steps, checked every so often, until patience is at its end."""
        waited = 0
        for step in range(1, steps + 1):
            watcher.begin_step()
            self._step()
            if step == steps or (self.held_out and self.done % CHECK_EVERY == 0):
                waited = 0 if self._check(at(step)) else waited + 1
            enough = 0 < self.settings.patience <= waited
            if enough:
                watcher.leave_out(steps - step)
            watcher.end_step()
            if enough:
                return

    def _step(self) -> None:
        """One optimiser step on one augmented view."""
        view, noisy, noise, timestep = self._drawn_view(self.done, _STEP_NUMBER + self.done)
        read = self.backbone.read(
            noisy,
            timestep,
            with_parts(self.base, self.embeddings),
            len(self.parts) + 1,
            want_noise=self.settings.ldm_weight > 0,
        )
        loss = part_loss(read, view.coverage.to(noise.device), view.known.to(noise.device))
        if read.noise is not None:
            loss = loss + self.settings.ldm_weight * functional.mse_loss(read.noise, noise)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.weights.take_gradients()
        self.optimiser.step()
        self.weights.give_values()
        self.done += 1

    def _drawn_view(self, turn: int, number: int) -> tuple[View, torch.Tensor, torch.Tensor, int]:
        """An augmented view of the reference whose turn it is: (view, z_t, its noise, t)."""
        still = self.lesson.stills[turn % len(self.lesson.stills)]
        view = augmented_view(still, self.augmentation, self.generator)
        low, high = self.settings.timesteps
        timestep = int(torch.randint(low, high + 1, (), generator=self.generator))
        return view, *self._noisy(view, timestep, number), timestep

    def _fit_keys(self, before: int, watcher: Watcher) -> int:
        """Fits the keys of the layers that R is read from; see key_fit.

        Counts as the first step of the second phase, after ``before`` of the first; returns the
        steps that it was: 1, or 0 where the backbone does without.
        """
        fit = self.settings.key_fit(self.backbone.profile)
        if not fit.steps:
            return 0
        cells = Cells.joined([self._cells(turn, watcher) for turn in range(fit.views)])
        names = [f"{name}.to_k.weight" for name in self.backbone.read_layers()]
        masters = [self.weights.masters[name] for name in names]
        embeddings, fitted = fit_keys(
            cells,
            self.base,
            self.embeddings,
            masters,
            fit.steps,
            self.rates.keys,
            self.generator,
        )
        with torch.no_grad():
            self.embeddings.copy_(embeddings)
            for master, weight in zip(masters, fitted, strict=True):
                master.copy_(weight)
        self.weights.give_values()
        self.done += 1
        self._check(Plan(before, 1))
        watcher.end_step()
        return 1

    @torch.no_grad()
    def _cells(self, turn: int, watcher: Watcher) -> Cells:
        """Cells of one augmented view, as the UNet sees it with the embeddings there are."""
        watcher.begin_step()
        view, noisy, _, timestep = self._drawn_view(turn, _KEY_NUMBER + turn)
        context = with_parts(self.base, self.embeddings)
        read = self.backbone.read(noisy, timestep, context, len(self.parts) + 1)
        return balanced_cells(view, self.backbone.joined_queries(read)[0], self.generator)

    def _restore_best_embeddings(self) -> None:
        with torch.no_grad():
            self.embeddings.copy_(self.best_embeddings)

    def _begin_weights(self) -> None:
        """The optimiser of the second phase."""
        self.weights.require_gradients(True)
        selves: list[torch.Tensor] = []
        crosses: list[torch.Tensor] = []
        for name, master in self.weights.masters.items():
            (selves if is_self_attention(name) else crosses).append(master)
        groups = (
            ([self.embeddings], self.rates.late_embeddings),
            (crosses, self.rates.cross_attention),
            (selves, self.rates.self_attention),
        )
        self.optimiser = torch.optim.Adam(
            [{"params": params, "lr": rate} for params, rate in groups if params]
        )

    def _check(self, at: Plan) -> bool:
        """Measures the state as it is; keeps it, and says so, where it is the best."""
        tally = None
        if self.held_out:
            tally = self.held_out.measure(with_parts(self.base, self.embeddings.detach()))
            self.checks.append(Check(at, tally))
        score = tally.score if tally else None
        # What cannot be measured is kept as it comes.
        better = score is None or score > self.best_score
        if better:
            self.best_score = -1.0 if score is None else score
            self.best_at, self.best_tally = at, tally
            self.best_embeddings = self.embeddings.detach().clone()
            self.best_weights = self.weights.values() if at.weights else {}
        return better
