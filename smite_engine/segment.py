"""Segments a shot window by window; each frame leaves as soon as no later window touches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from smite_engine.backbone import Backbone
from smite_engine.boxes import crop_image
from smite_engine.focus import Focus
from smite_engine.frame_maps import Frame, FrameMaps, frame_maps, sharpen
from smite_engine.part_model import PartModel
from smite_engine.regions import Layout, in_picture, joined, lay_out
from smite_engine.segment_settings import Plan, SegmentSettings, plan
from smite_engine.shot_state import Region, ShotState
from smite_engine.text_sides import with_parts
from smite_engine.tracking import Tracker, Tracks, make_tracker
from smite_engine.window_pass import WindowPass
from smite_engine.windows import Window, blend, windows


@dataclass(frozen=True)
class GuidanceProgress:
    """How far the guidance of a window has come.

    Attributes:
        first: Number of the window's first frame.
        region, regions: Which region of the picture of how many, counted from 1.
        done, total: Updates of the latents.
    """

    first: int
    region: int
    regions: int
    done: int
    total: int


def segment(
    backbone: Backbone,
    model: PartModel,
    frames: Iterable[Frame],
    settings: SegmentSettings,
    *,
    resume: ShotState | None = None,
    finished: Callable[[ShotState], None] = lambda _: None,
    progress: Callable[[GuidanceProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[FrameMaps]:
    """Yields the maps of each frame, in order; memory does not grow with the shot.

    Args:
        backbone: The one that ``model`` was learned on; is as it was when the iteration ends.
        model: The part model.
        frames: In the shot's order; all of one size. Read one window and one frame ahead.
        settings: See :class:`SegmentSettings`.
        resume: What ``finished`` was given after the last window of an earlier run with the same
            arguments; ``frames`` then begins after the frame ``resume.after``. Only the
            ``window`` may be smaller than it was.
        finished: Called when all final frames of a window have been taken, with all that the next
            window needs. Not called after the last one.
        progress: Called after each update of the latents.
        cancelled: Asked before each pass of the UNet.

    Raises:
        BackboneMismatchError: If the model belongs to another backbone.
        TrackerError: If the tracker that the settings name is not there.
        Cancelled: If ``cancelled()`` is true.
        OutOfDeviceMemoryError: If a span of frames does not fit the device.
    """
    model.require_backbone(backbone.id, backbone.hash)
    if settings.focus == "auto" and not backbone.profile.looks_closer:
        settings = replace(settings, focus=Focus.WHOLE.value)
    decided = plan(settings, backbone)
    base = backbone.text.base(model.parts.names).to(backbone.device)
    passes = WindowPass(
        backbone=backbone,
        context=with_parts(base, model.embeddings.to(backbone.device)),
        tokens=len(model.parts) + 1,
        settings=settings,
        plan=decided,
        cancelled=cancelled,
    )
    shot = _Shot(
        settings, decided, passes, progress, trackers=_Trackers(settings, decided, backbone)
    )
    if resume is not None:
        resume = resume.shortened(decided.quality.window - 1)
    shot.state = resume
    stream = iter(frames)
    held = [next(stream) for _ in resume.held] if resume else []
    with backbone.tuned(model.weights):
        for window in windows(
            stream, decided.quality.window, decided.quality.overlap, already=held
        ):
            yield from shot.segment(window)
            if not window.last and shot.state is not None:
                finished(shot.state)


@dataclass
class _Shot:
    """The way through one shot: what stays, and the state that one window hands to the next."""

    settings: SegmentSettings
    plan: Plan
    passes: WindowPass
    progress: Callable[[GuidanceProgress], None]
    trackers: _Trackers
    state: ShotState | None = None

    def segment(self, window: Window[Frame]) -> list[FrameMaps]:
        """The final frames of the window."""
        images = [frame.image for frame in window.frames]
        numbers = [frame.number for frame in window.frames]
        quality = self.plan.quality
        layout = lay_out(
            self.settings,
            quality.area,
            images,
            self.state,
            lambda known: self._first_pass(images[known:], numbers[known:]),
        )
        maps = [
            self._region(window, index, layout, images, numbers)
            for index in range(len(layout.boxes))
        ]
        probabilities = joined(layout, [self.passes.probabilities(each) for each in maps])
        if self.state is not None and layout.continues and window.overlap:
            old, shared = self.state.probabilities.to(probabilities), window.overlap
            joint = blend(old, probabilities[:shared])
            probabilities = torch.cat([joint, probabilities[shared:]])
        final = len(window.final)
        self.state = ShotState(
            after=numbers[final - 1],
            focus=layout.focus,
            held=tuple(numbers[final:]),
            probabilities=probabilities[final:],
            regions=tuple(
                Region(boxes[final:], each[final:])
                for boxes, each in zip(layout.boxes, maps, strict=True)
            ),
        )
        sharp = sharpen(probabilities[:final], self.plan.contrast)
        shown = in_picture(layout, sharp, self.settings.margin)
        return [frame_maps(number, found) for number, found in zip(numbers, shown, strict=False)]

    def _region(
        self,
        window: Window[Frame],
        index: int,
        layout: Layout,
        images: list[np.ndarray],
        numbers: list[int],
    ) -> torch.Tensor:
        """S of one region, [F, K, h, w]."""
        boxes = layout.boxes[index]
        views = _alike([crop_image(*pair) for pair in zip(images, boxes, strict=True)])
        shared = window.overlap if layout.continues else 0
        carried = self.state.regions[index].maps if self.state and shared else None
        size = self.passes.size(*views[0].shape[:2])
        return self.passes.maps(
            views,
            numbers,
            self.trackers.track(index, views, size.grid, shared),
            carried,
            lambda done, total: self.progress(
                GuidanceProgress(numbers[0], index + 1, len(layout.boxes), done, total)
            ),
        )

    def _first_pass(self, images: list[np.ndarray], numbers: list[int]) -> torch.Tensor:
        """Probabilities [F, K, h, w] of one small pass over the whole picture."""
        quick = self.passes.backbone.profile.draft
        area = min(quick.area, self.plan.quality.area)
        one_pass = replace(self.plan, quality=replace(quick, area=area))
        passes = replace(self.passes, plan=one_pass)
        return passes.probabilities(passes.maps(images, numbers, None, None, lambda *_: None))


def _alike(views: list[np.ndarray]) -> list[np.ndarray]:
    """Views [H_i, W_i, 3] of one size, that of the last: a crop may change its size at a join."""
    height, width = views[-1].shape[:2]
    return [
        view
        if view.shape[:2] == (height, width)
        else cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR)
        for view in views
    ]


class _Trackers:
    """A tracker for each region, and the tracks that the next window reuses."""

    def __init__(self, settings: SegmentSettings, decided: Plan, backbone: Backbone) -> None:
        self._settings, self._backbone = settings, backbone
        # At the ends of a window of frames the voters are all on one side.
        self._reach = decided.guidance.voting_window - 1
        self._made: list[Tracker] = []
        self._last: dict[int, Tracks] = {}
        self._wanted = decided.track
        if decided.track:
            self._tracker(0)  # A tracker that is missing is told before any work.

    def track(
        self, region: int, views: list[np.ndarray], grid: tuple[int, int], shared: int
    ) -> Tracks | None:
        """Tracks of a region's frames, of which the first ``shared`` are known; None if unused."""
        if not self._wanted:
            return None
        known = self._last.get(region) if shared else None
        if known is not None:
            known = Tracks(
                known.positions[-shared:, -shared:].clone(),
                known.visible[-shared:, -shared:].clone(),
            )
        found = self._tracker(region).track(views, grid, self._reach, known)
        self._last[region] = found
        return found

    def _tracker(self, region: int) -> Tracker:
        while len(self._made) <= region:
            self._made.append(
                make_tracker(
                    self._settings.tracker,
                    device=self._backbone.device,
                    weights=self._settings.tracker_weights or None,
                )
            )
        return self._made[region]
