"""The maps of one window of frames: one pass, or guided denoising (SMITE sec. 4.3 and 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from smite_engine.attention_maps import reference_was
from smite_engine.backbone import AttentionRead, Backbone
from smite_engine.chunking import ChunkSize, chunks
from smite_engine.errors import Cancelled
from smite_engine.guidance import Energy, LatentDescent, energy
from smite_engine.losses import training_was
from smite_engine.noise import frame_noise
from smite_engine.segment_settings import Plan, SegmentSettings
from smite_engine.sizing import WorkingSize, on_picture, to_canvas, working_size
from smite_engine.tracking import Tracks
from smite_engine.voting import vote


@dataclass(frozen=True)
class WindowPass:
    """What every window of a shot is passed through with.

    Attributes:
        context: [T, D], the part tokens in front.
        tokens: K.
        cancelled: Asked before each pass of the UNet.
    """

    backbone: Backbone
    context: torch.Tensor
    tokens: int
    settings: SegmentSettings
    plan: Plan
    cancelled: Callable[[], bool]
    reading: ChunkSize = field(init=False)
    guiding: ChunkSize = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reading", ChunkSize(self.backbone.device))
        object.__setattr__(self, "guiding", ChunkSize(self.backbone.device))

    def size(self, height: int, width: int) -> WorkingSize:
        """How pictures of this size lie on the canvas."""
        return working_size(height, width, self.plan.quality.area)

    def maps(
        self,
        images: Sequence[np.ndarray],
        numbers: Sequence[int],
        tracks: Tracks | None,
        carried: torch.Tensor | None,
        ticked: Callable[[int, int], None],
    ) -> torch.Tensor:
        """S of the window, [F, K, h, w] on the picture's latent grid.

        Args:
            images: F arrays float32 [H, W, 3], display sRGB 0..1, of one size.
            numbers: Their frame numbers, which the noise depends on.
            tracks: Of these frames on the grid; None leaves voting out.
            carried: S [V, K, h, w] of the window before for the first V frames, which takes the
                place of their reference maps; None for the first window.
            ticked: Called with the updates that are done, and their number.

        Raises:
            Cancelled: Within one pass of the UNet after the caller wants to stop.
        """
        size = self.size(*images[0].shape[:2])
        latents = torch.cat([self.backbone.encode(_canvas(image, size)) for image in images])
        shape = tuple(latents.shape[1:])
        noise = torch.stack([frame_noise(self.settings.seed, n, shape) for n in numbers])
        steps = self.plan.quality.timesteps
        noisy = self.backbone.noisy(latents, noise, steps[0])
        reference: torch.Tensor | None = None
        for index, timestep in enumerate(steps):
            if index < self.plan.quality.guided:
                maps = self._read(noisy, timestep, size)
                if reference is None:
                    reference = maps if carried is None else _carry_over(maps, carried)
                noisy = self._guide(noisy, index, size, maps, reference, tracks, ticked)
            if index + 1 < len(steps):
                noisy = self._step_down(noisy, timestep, steps[index + 1])
        last = self._read(noisy, steps[-1], size)
        if tracks is None or not self.plan.quality.vote_last:
            return last
        return vote(last, tracks.positions, tracks.visible, self.plan.guidance.voting_window)

    def _guide(
        self,
        noisy: torch.Tensor,
        index: int,
        size: WorkingSize,
        maps: torch.Tensor,
        reference: torch.Tensor,
        tracks: Tracks | None,
        ticked: Callable[[int, int], None],
    ) -> torch.Tensor:
        """The latents after the guidance of the denoising step ``index`` (eq. 8)."""
        quality, guidance = self.plan.quality, self.plan.guidance
        timestep = quality.timesteps[index]
        first_of_several = index == 0 and quality.guided > 1
        weights = Energy(
            guidance.tracking if tracks else 0.0,
            guidance.regular,
            self.settings.first_lowpass if first_of_several else self.settings.lowpass,
        )
        labels = None
        if tracks is not None:
            voted = vote(maps, tracks.positions, tracks.visible, guidance.voting_window)
            labels = voted.argmax(dim=1)
        alpha = self.backbone.signal(timestep)
        descent = LatentDescent(alpha, quality.step, noisy.shape, noisy.device)
        for update in range(quality.updates):
            gradients = [
                self._gradient(noisy, timestep, size, weights, labels, reference, chunk)
                for chunk in self._chunks(len(noisy), self.guiding)
            ]
            gradient = torch.cat(gradients)
            if not gradient.any():  # E is at its least, and would stay there.
                break
            noisy = descent.update(noisy, gradient)
            ticked(index * quality.updates + update + 1, quality.guided * quality.updates)
        return noisy

    def _gradient(
        self,
        noisy: torch.Tensor,
        timestep: int,
        size: WorkingSize,
        weights: Energy,
        labels: torch.Tensor | None,
        reference: torch.Tensor,
        chunk: slice,
    ) -> torch.Tensor:
        """Gradient of eq. 7 with respect to the latents of one chunk; each span has its own E."""
        self._stop_if_cancelled()
        with torch.enable_grad(), self.guiding.measured():
            latents = noisy[chunk].detach().requires_grad_(True)
            maps = self._maps_of(self._pass(latents, timestep), size)
            logits = self._logits_of(maps)
            total = latents.new_zeros(())
            for span in chunks(len(latents), self.plan.quality.span, 1):
                place = slice(chunk.start + span.start, chunk.start + span.stop)
                wanted = None if labels is None else labels[place]
                total = total + energy(weights, maps[span], logits[span], wanted, reference[place])
            (gradient,) = torch.autograd.grad(total, latents)
        self.backbone.counter.backward_frames += len(latents)
        return gradient

    @torch.no_grad()
    def _read(self, noisy: torch.Tensor, timestep: int, size: WorkingSize) -> torch.Tensor:
        """S of every frame."""
        found = []
        for chunk in self._chunks(len(noisy), self.reading):
            self._stop_if_cancelled()
            with self.reading.measured():
                found.append(self._maps_of(self._pass(noisy[chunk], timestep), size))
        return torch.cat(found)

    @torch.no_grad()
    def _step_down(self, noisy: torch.Tensor, timestep: int, lower: int) -> torch.Tensor:
        """One denoising step of every frame."""
        lowered = []
        for chunk in self._chunks(len(noisy), self.reading):
            self._stop_if_cancelled()
            read = self._pass(noisy[chunk], timestep, want_noise=True)
            assert read.noise is not None
            lowered.append(self.backbone.step_down(noisy[chunk], read.noise, timestep, lower))
        return torch.cat(lowered)

    def _pass(
        self, noisy: torch.Tensor, timestep: int, *, want_noise: bool = False
    ) -> AttentionRead:
        return self.backbone.read(
            noisy,
            timestep,
            self.context,
            self.tokens,
            span=min(self.plan.quality.span, len(noisy)),
            want_noise=want_noise,
        )

    def probabilities(self, maps: torch.Tensor) -> torch.Tensor:
        """S as probabilities [F, K, h, w], sums over K of 1, with the same arg-max."""
        if self.backbone.profile.rescaled_maps:
            return maps.softmax(dim=1)
        return maps / maps.sum(dim=1, keepdim=True)

    def _maps_of(self, read: AttentionRead, size: WorkingSize) -> torch.Tensor:
        if self.backbone.profile.rescaled_maps:
            return on_picture(reference_was(read.selves, read.cross, read.scale), size)
        return on_picture(training_was(read), size).clamp_min(1e-8)

    def _logits_of(self, maps: torch.Tensor) -> torch.Tensor:
        """S as the logits of a cross-entropy."""
        return maps if self.backbone.profile.rescaled_maps else maps.log()

    def _chunks(self, frames: int, at_once: ChunkSize) -> Iterator[slice]:
        done = 0
        while done < frames:  # The first chunk may find that more spans fit.
            chunk = next(chunks(frames - done, self.plan.quality.span, at_once.spans))
            yield slice(done, done + chunk.stop)
            done += chunk.stop

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise Cancelled("The segment job was cancelled.")


def _carry_over(maps: torch.Tensor, carried: torch.Tensor) -> torch.Tensor:
    """The reference maps of a window: the last maps of the window before come first."""
    return torch.cat([carried.to(maps), maps[len(carried) :]])


def _canvas(image: np.ndarray, size: WorkingSize) -> torch.Tensor:
    return to_canvas(torch.from_numpy(image).permute(2, 0, 1)[None], size)
