"""TAPNext and TAPNext++ (Zholus et al. 2025) as a tracker, by the torch code of ``tapnet``.

Written against the source of the revision that :mod:`smite_engine.tapir_adapter` pins; never run
with real weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from smite_engine.point_trackers import PointTracker, chunk_size, in_chunks, own_randomness
from smite_engine.tapir_adapter import INSTALL, SIDE, SquareModel, to_tyx
from smite_engine.tracker_description import TrackerDescription, read_state

DESCRIPTION = TrackerDescription(
    name="tapnext",
    title="TAPNext",
    licence="Apache-2.0, weights too",
    packages=("tapnet", "torchvision", "einops"),
    install=INSTALL,
    variable="SMITE_TAPNEXT_WEIGHTS",
    weights="https://storage.googleapis.com/dm-tapnet/tapnext/bootstapnext_ckpt.npz",
)

BYTES_PER_QUERY = 384 * 1024
"""Of a query, from the layer sizes: the recurrent state of 12 layers, 4 x 768 numbers each, before
and after a frame (288 KiB), and the work of one layer (about 80 KiB)."""

Model = Callable[..., tuple[Any, ...]]
"""``model(video=..., query_points=...)`` for the first frame, ``model(video=..., state=...)`` for
each further one: video float32 [1, 1, 256, 256, 3] in -1..1, query_points float32 [1, N, 3]
(t, y, x) -> tracks [1, 1, N, 2] (y, x), logits, visible logits [1, 1, N, 1], state. The picture's
outer edges are at 0 and 256. Queries of later frames wait in the state for their time."""


class TapNextModel(SquareModel):
    """A :class:`smite_engine.point_trackers.PointModel` around TAPNext.

    The model looks forward only, so the window is passed in both directions, and each point's
    frames before its own come from the second. N queries of one pass are taken for
    N * BYTES_PER_QUERY, however many frames there are.
    """

    def follow(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`smite_engine.point_trackers.PointModel`."""
        size = chunk_size(self._memory, 1, 0, BYTES_PER_QUERY)
        return in_chunks(queries, size, lambda some: self._both_ways(video, some))

    def _both_ways(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        last = video.shape[1] - 1
        mirrored = torch.cat([last - queries[:, :1], queries[:, 1:]], dim=1)
        after, seen_after = self._forwards(video, queries)
        before, seen_before = self._forwards(video.flip(1), mirrored)
        earlier = torch.arange(last + 1)[None] < queries[:, :1]
        return (
            torch.where(earlier[..., None], before.flip(1), after),
            torch.where(earlier, seen_before.flip(1), seen_after),
        )

    def _forwards(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(u, v) float32 [N, F, 2] and bool [N, F]; without meaning before a point's own frame."""
        places, seen = [], []
        given: dict[str, Any] = {"query_points": to_tyx(queries).to(self._device)}
        for index in range(video.shape[1]):
            tracks, _, visible, state = self._model(video=video[:, index : index + 1], **given)
            given = {"state": state}
            places.append(tracks[0, 0].flip(-1).cpu().float() / SIDE)
            seen.append(visible[0, 0, :, 0].cpu() > 0)
        return torch.stack(places, dim=1), torch.stack(seen, dim=1)


def make(weights: Path, device: torch.device, memory: int) -> PointTracker:
    """The tracker; raises TrackerError if package or weights are of another kind."""
    return PointTracker(DESCRIPTION.name, TapNextModel(_load(weights, device), device, memory))


def _load(weights: Path, device: torch.device) -> Model:
    """TAPNext with the weights of an ``.npz`` (the first release) or of a torch checkpoint.

    The ``.npz`` is read by the package, with numpy's default of no pickled objects.
    """
    try:
        with own_randomness():
            from tapnet.tapnext.tapnext_torch import TAPNext

            model = TAPNext(image_size=(SIDE, SIDE))
        if weights.suffix == ".npz":
            from tapnet.tapnext.tapnext_torch_utils import restore_model_from_jax_checkpoint

            model = restore_model_from_jax_checkpoint(model, str(weights))
        else:
            state = read_state(weights)
            model.load_state_dict({key.removeprefix("tapnext."): state[key] for key in state})
        return model.to(device).eval()  # type: ignore[no-any-return]
    except Exception as problem:  # strangers' code and files raise what they like
        raise DESCRIPTION.broken(problem) from problem
