"""Learns a part model from references (SMITE sec. 4.2), and chooses how far to go.

The method's authors pick the best step on a labelled validation set. Here it is found on what the
references themselves hold: augmented views that the optimiser never sees, or whole references that
are left out in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from smite_engine.augmentation import Still
from smite_engine.backbone import Backbone
from smite_engine.errors import SettingsError
from smite_engine.hold_out import HeldOut, Tally, held_out_views, left_out_references
from smite_engine.learn_settings import LearnSettings, Plan
from smite_engine.learner import Learned, Learner, Lesson, Progress, Watcher
from smite_engine.part_model import PartModel
from smite_engine.part_set import PartSet
from smite_engine.references import (
    Reference,
    View,
    check_references,
    parts_shown,
    whole_view,
)
from smite_engine.weak_parts import warn_of_parts

__all__ = ["LearnSettings", "Progress", "learn"]

_VIEW_SEED = 0x5EED


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

    Args:
        backbone: Is as it was when this returns.
        references: 1 to 64; every part is painted on at least one.
        parts: The part set that the references' labels index.
        settings: See :class:`LearnSettings`.
        progress: Called after each step.
        cancelled: Asked before each step.

    Raises:
        BadReferenceError: If the references do not fit the part set.
        SettingsError: If references are to be left out and there are too few.
        Cancelled: If ``cancelled()`` is true.
        OutOfDeviceMemoryError: If a view does not fit the device.
    """
    check_references(references, parts)
    shown = [parts_shown(reference) for reference in references]
    left_out = _left_out(shown, settings)
    plan = settings.plan(backbone.profile, len(references))
    area = settings.view_area(backbone.profile, len(references))
    lesson = Lesson(
        [Still.of(reference, len(parts), area) for reference in references],
        [whole_view(reference, len(parts), area) for reference in references],
    )
    watcher = Watcher(plan.total * (len(left_out) + 1), progress, cancelled)
    job = _Job(backbone, parts, settings, plan, watcher)
    if left_out:
        learned, tally = job.on_references(lesson, shown, left_out)
    else:
        learned, tally = job.on_views(lesson, shown)
    watcher.finish()
    ious = tally.ious()
    names = [reference.name for reference in references]
    selected_on = "references" if left_out else "views"
    return PartModel(
        parts=parts,
        embeddings=learned.embeddings.cpu(),
        weights=learned.weights,
        backbone_id=backbone.id,
        backbone_hash=backbone.hash,
        settings={**asdict(settings), "best_step": learned.at.total},
        tune=settings.tune,
        selected_on=selected_on,
        held_out_iou=dict(zip(parts.slugs, ious, strict=True)),
        warnings=warn_of_parts(parts, ious, lesson.whole, names, selected_on),
    )


def _left_out(shown: Sequence[frozenset[int]], settings: LearnSettings) -> list[int]:
    """Which references are left out in turn; none where views are held out instead.

    Raises:
        SettingsError: If ``references`` is asked for and no two references share a part.
    """
    if settings.hold_out == "views":
        return []
    left_out = left_out_references(shown, settings.folds, settings.seed)
    if not left_out and settings.hold_out == "references":
        there = "one is given" if len(shown) == 1 else f"of the {len(shown)} given no two share one"
        raise SettingsError(
            'The setting "hold_out" is references, which needs a part that is painted on two '
            f"references, but {there}; paint another, or set it to views."
        )
    return left_out


@dataclass(frozen=True)
class _Job:
    """What the runs of one learn job share."""

    backbone: Backbone
    parts: PartSet
    settings: LearnSettings
    plan: Plan
    watcher: Watcher

    def on_views(self, lesson: Lesson, shown: Sequence[frozenset[int]]) -> tuple[Learned, Tally]:
        """The state that does best on augmented views which the optimiser never sees."""
        apart = torch.Generator().manual_seed(self.settings.seed ^ _VIEW_SEED)
        milder = replace(self.settings.augmentation(self.parts), cut_out=0.0)
        views = held_out_views(lesson.stills, lesson.whole, shown, milder, apart)
        learned = self._run(lesson, self.plan, self._held_out(views))
        assert learned.tally is not None
        return learned, learned.tally

    def on_references(
        self, lesson: Lesson, shown: Sequence[frozenset[int]], left_out: Sequence[int]
    ) -> tuple[Learned, Tally]:
        """The mean of the steps that do best on references left out, learned on all of them.

        The tally is that of the left-out references after about so many steps, each by a run that
        never saw it.
        """
        folds = []
        for number, index in enumerate(left_out, 1):
            others = [parts for i, parts in enumerate(shown) if i != index]
            held_out = self._held_out([lesson.whole[index]], frozenset[int]().union(*others))
            stage = f" without reference {number} of {len(left_out)}"
            folds.append(self._run(lesson.without(index), self.plan, held_out, stage))
        steps = mean_plan([fold.at for fold in folds])
        self.watcher.leave_out(self.plan.total - steps.total)
        tally = Tally.empty(len(self.parts) + 1)
        for fold in folds:
            tally = tally + tally_near(fold, steps)
        return self._run(lesson, steps, None), tally

    def _held_out(self, views: Sequence[View], learnable: frozenset[int] | None = None) -> HeldOut:
        tokens = len(self.parts) + 1
        return HeldOut(self.backbone, views, tokens, self.settings.seed, learnable)

    def _run(
        self, lesson: Lesson, plan: Plan, held_out: HeldOut | None, stage: str = ""
    ) -> Learned:
        """One run; the backbone's weights are taken back after it."""
        with self.backbone.tuned(self.backbone.tunable_parameters(self.settings.tune)):
            learner = Learner(self.backbone, lesson, self.parts, self.settings, held_out)
            return learner.run(plan, self.watcher, stage)


def mean_plan(plans: Sequence[Plan]) -> Plan:
    """Mean steps of each phase, rounded."""
    return Plan(
        round(sum(plan.embeddings for plan in plans) / len(plans)),
        round(sum(plan.weights for plan in plans) / len(plans)),
    )


def tally_near(fold: Learned, steps: Plan) -> Tally:
    """What a fold's left-out reference said nearest to ``steps``, in the phase they end in.

    Not the fold's own best: that was chosen on the reference it would be measured on.
    """
    weights = [check for check in fold.checks if check.at.weights]
    if steps.weights and weights:
        return min(weights, key=lambda check: abs(check.at.weights - steps.weights)).tally
    first = [check for check in fold.checks if not check.at.weights]
    return min(first, key=lambda check: abs(check.at.embeddings - steps.embeddings)).tally
