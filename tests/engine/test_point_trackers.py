"""The adapters, against models that hold them to their documented signatures.

The fakes move every point with one known velocity. Nothing here proves that real weights track
well: the adapters were never run with any.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smite_engine.cotracker_adapter import BYTES_PER_PAIR, BYTES_PER_QUERY, CoTrackerModel
from smite_engine.errors import OutOfDeviceMemoryError, TrackerError
from smite_engine.flow_tracker import FlowTracker
from smite_engine.point_trackers import PointTracker, chunk_size, in_chunks, resized
from smite_engine.raft_adapter import RaftFlow
from smite_engine.tapir_adapter import BYTES_PER_PAIR as TAPIR_BYTES
from smite_engine.tapir_adapter import TapirModel
from smite_engine.tapnext_adapter import BYTES_PER_QUERY as TAPNEXT_BYTES
from smite_engine.tapnext_adapter import TapNextModel
from smite_engine.tracking import Tracks, make_tracker
from smite_engine.tracks import cell_centres, distances, inside

CPU = torch.device("cpu")
PLENTY = 2**40
GRID = (3, 5)
HEIGHT, WIDTH = 54, 90
VELOCITY = torch.tensor([0.05, -0.04])  # of the picture, a frame


def window(*numbers: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    """Frames whose red is number / 10, over a ramp from black to white in green."""
    frames = []
    for number in numbers:
        frame = np.zeros((height, width, 3), np.float32)
        frame[..., 0] = number / 10
        frame[..., 1] = np.linspace(0, 1, width)
        frames.append(frame)
    return frames


def numbers_in(red: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """The frame numbers that the red of a video [F, h, w] in low..high says."""
    return ((red.flatten(1).mean(dim=1) - low) / (high - low) * 10).round()


def expected_tracks(count: int, reach: int) -> Tracks:
    """Where the fakes' points are, by the interface's definition."""
    numbers = torch.arange(float(count))
    step = VELOCITY * torch.tensor([GRID[1], GRID[0]])
    near = (distances(count) <= reach)[..., None]
    moved = (numbers[None] - numbers[:, None])[..., None] * step * near
    positions = cell_centres(GRID) + moved[:, :, None]
    return Tracks(positions, inside(positions, GRID) & near)


def assert_same(tracks: Tracks, expected: Tracks) -> None:
    assert tracks.positions.dtype == torch.float32
    assert torch.allclose(tracks.positions, expected.positions, atol=1e-4)
    assert torch.equal(tracks.visible, expected.visible)


class FakeCoTracker:
    """``CoTrackerPredictor.forward`` with queries: (t, x, y) in, tracks [1, T, N, 2] out."""

    def __init__(self) -> None:
        self.queries: list[torch.Tensor] = []
        self.numbers: list[float] = []

    def __call__(
        self, video: torch.Tensor, queries: torch.Tensor, backward_tracking: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert backward_tracking
        assert video.dtype == queries.dtype == torch.float32
        count, channels, height, width = video.shape[1:]
        assert (video.shape[0], queries.shape[0], queries.shape[2]) == (1, 1, 3)
        assert channels == 3
        assert float(video[:, :, 1].max()) == pytest.approx(255, abs=3)
        assert float(video.min()) == 0
        self.numbers = numbers_in(video[0, :, 0], 0, 255).tolist()
        self.queries.append(queries[0])
        times, places = queries[0, :, 0], queries[0, :, 1:]
        assert bool(((times >= 0) & (times < count) & (times == times.round())).all())
        assert bool((places >= 0).all())
        assert bool((places <= torch.tensor([width - 1, height - 1])).all())
        steps = torch.arange(float(count))[:, None] - times
        tracks = places + steps[..., None] * VELOCITY * torch.tensor([width, height])
        return tracks[None], torch.ones(1, count, len(times), dtype=torch.bool)


class FakeTapir:
    """``TAPIR.forward``: (t, y, x) in raster pixels, tracks [1, N, T, 2] as (x, y), logits."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.queries: list[torch.Tensor] = []
        self.doubt = -9.0

    def __call__(
        self, video: torch.Tensor, query_points: torch.Tensor, query_chunk_size: int = 64
    ) -> dict[str, torch.Tensor]:
        assert video.dtype == query_points.dtype == torch.float32
        count = video.shape[1]
        assert video.shape == (1, count, 256, 256, 3)
        assert float(video.min()) == -1
        assert float(video[..., 1].max()) == pytest.approx(1, abs=0.02)
        self.numbers = numbers_in(video[0, ..., 0], -1, 1).tolist()
        self.chunks.append(query_chunk_size)
        self.queries.append(query_points[0])
        times, places = query_points[0, :, 0], query_points[0, :, 1:].flip(-1)
        steps = torch.arange(float(count))[None] - times[:, None]
        tracks = places[:, None] + steps[..., None] * VELOCITY * 256
        logits = torch.full((1, len(times), count), -9.0)
        return {"tracks": tracks[None], "occlusion": logits, "expected_dist": logits + self.doubt}


class FakeTapNext:
    """``TAPNext.forward``, frame by frame: knows nothing of a point before its own frame."""

    def __init__(self) -> None:
        self.passes: list[list[float]] = []
        self.queries: list[torch.Tensor] = []

    def __call__(
        self, video: torch.Tensor, query_points: torch.Tensor | None = None, state: Any = None
    ) -> tuple[Any, ...]:
        assert video.shape == (1, 1, 256, 256, 3)
        number = float(numbers_in(video[0, ..., 0], -1, 1))
        if state is None:
            assert query_points is not None
            self.passes.append([])
            self.queries.append(query_points[0])
            state = (0, query_points[0])
        else:
            assert query_points is None
        self.passes[-1].append(number)
        step, queries = state
        direction = 1 if len(self.passes) % 2 else -1  # forwards, then the window reversed
        steps = step - queries[:, 0]
        places = queries[:, 1:] + direction * steps[:, None] * VELOCITY.flip(0) * 256
        places[steps < 0] = -1000.0
        seen = torch.where(steps < 0, -5.0, 5.0)
        return places[None, None], None, seen[None, None, :, None], (step + 1, queries)


def trackers(memory: int = PLENTY) -> dict[str, tuple[PointTracker, Any]]:
    """name -> (tracker, fake)."""
    cotracker, tapir, tapnext = FakeCoTracker(), FakeTapir(), FakeTapNext()
    return {
        "cotracker": (PointTracker("cotracker", CoTrackerModel(cotracker, CPU, memory)), cotracker),
        "tapir": (PointTracker("tapir", TapirModel(tapir, CPU, memory)), tapir),
        "tapnext": (PointTracker("tapnext", TapNextModel(tapnext, CPU, memory)), tapnext),
    }


NAMES = ("cotracker", "tapir", "tapnext")


@pytest.mark.parametrize("reach", [1, 2, 9])
@pytest.mark.parametrize("name", NAMES)
def test_tracks_are_those_of_the_model(name: str, reach: int) -> None:
    tracker, fake = trackers()[name]
    tracks = tracker.track(window(0, 1, 2, 3), GRID, reach)
    assert_same(tracks, expected_tracks(4, reach))
    if name == "tapnext":
        assert fake.passes == [[0, 1, 2, 3], [3, 2, 1, 0]]
    else:
        assert fake.numbers == [0, 1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
def test_queries_of_all_frames_go_in_one_call(name: str) -> None:
    tracker, fake = trackers()[name]
    tracker.track(window(0, 1, 2), GRID, 2)
    assert len(fake.queries) == (2 if name == "tapnext" else 1)
    assert fake.queries[0][:, 0].tolist() == [t for t in (0.0, 1.0, 2.0) for _ in range(15)]


def test_query_coordinates_are_those_of_each_model() -> None:
    made = trackers()
    for tracker, _ in made.values():
        tracker.track(window(0, 1), GRID, 1)
    # the second cell of frame 1: u = 1.5 / 5, v = 0.5 / 3
    assert made["cotracker"][1].queries[0][16].tolist() == pytest.approx([1, 26.5, 8.5])
    for name in ("tapir", "tapnext"):
        assert made[name][1].queries[0][16].tolist() == pytest.approx([1, 256 / 6, 256 * 0.3])
    assert made["tapnext"][1].queries[1][16].tolist() == pytest.approx([0, 256 / 6, 256 * 0.3])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 854), (288, 512)),
        ((854, 480), (512, 288)),
        ((54, 90), (54, 90)),
        ((1, 700), (2, 512)),
    ],
)
def test_pictures_for_cotracker_keep_their_aspect(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    video = CoTrackerModel(FakeCoTracker(), CPU, PLENTY).prepare(
        window(1, 2, height=size[0], width=size[1])
    )
    assert video.shape == (1, 2, 3, *expected)
    assert numbers_in(video[0, :, 0], 0, 255).tolist() == [1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_known_pairs_are_copied_and_old_frames_ask_only_where_needed(name: str) -> None:
    tracker, fake = trackers()[name]
    known = tracker.track(window(0, 1, 2), GRID, 2)
    known.positions[0, 1] = 0.125
    known.visible[2, 1] = False
    fake.queries.clear()
    tracks = tracker.track(window(0, 1, 2, 3), GRID, 2, known)
    # frame 0 reaches frames 1 and 2, both known
    assert fake.queries[0][:, 0].unique().tolist() == [1, 2, 3]
    assert torch.equal(tracks.positions[:3, :3], known.positions)
    assert torch.equal(tracks.visible[:3, :3], known.visible)
    expected = expected_tracks(4, 2)
    assert torch.allclose(tracks.positions[:, 3], expected.positions[:, 3], atol=1e-4)
    assert torch.equal(tracks.visible[3], expected.visible[3])


@pytest.mark.parametrize("name", NAMES)
def test_windows_without_an_unknown_pair_do_not_run_the_model(name: str) -> None:
    tracker, fake = trackers()[name]
    single = tracker.track(window(0), GRID, 15)
    assert_same(single, expected_tracks(1, 15))
    tracker.track(window(0, 1, 2), GRID, 0)
    known = expected_tracks(3, 2)
    assert_same(tracker.track(window(0, 1, 2), GRID, 2, known), known)
    assert fake.queries == []


@pytest.mark.parametrize(
    ("memory", "frames", "per_pair", "per_query", "expected"),
    [(1000, 10, 10, 0, 10), (1099, 10, 10, 0, 10), (1000, 10, 5, 50, 10), (1, 10, 10, 10, 1)],
)
def test_chunks_are_as_large_as_memory_allows(
    memory: int, frames: int, per_pair: int, per_query: int, expected: int
) -> None:
    assert chunk_size(memory, frames, per_pair, per_query) == expected


def test_chunks_join_to_the_whole() -> None:
    sizes = []

    def follow(some: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sizes.append(len(some))
        return some[:, None, 1:], some[:, :1] > 4

    queries = torch.arange(33.0).reshape(11, 3)
    places, seen = in_chunks(queries, 4, follow)
    assert sizes == [4, 4, 3]
    assert torch.equal(places[:, 0], queries[:, 1:])
    assert torch.equal(seen, queries[:, :1] > 4)


def test_memory_parts_the_queries_of_cotracker() -> None:
    memory = 20 * (3 * BYTES_PER_PAIR + BYTES_PER_QUERY)
    tracker, fake = trackers(memory)["cotracker"]
    assert_same(tracker.track(window(0, 1, 2), GRID, 2), expected_tracks(3, 2))
    assert [len(queries) for queries in fake.queries] == [15, 15, 15]
    assert all(len(queries) <= 20 for queries in fake.queries)


def test_memory_parts_the_queries_of_tapnext() -> None:
    tracker, fake = trackers(23 * TAPNEXT_BYTES)["tapnext"]
    assert_same(tracker.track(window(0, 1, 2), GRID, 2), expected_tracks(3, 2))
    assert [len(queries) for queries in fake.queries] == [23, 23, 22, 22]


def test_memory_is_handed_to_tapir_which_parts_its_queries_itself() -> None:
    tracker, fake = trackers(7 * 3 * TAPIR_BYTES)["tapir"]
    tracker.track(window(0, 1, 2), GRID, 2)
    assert fake.chunks == [7]


def test_tapir_points_of_doubt_are_not_seen() -> None:
    tracker, fake = trackers()["tapir"]
    fake.doubt = 9.5  # sigmoid(0.5) > 0.5
    tracks = tracker.track(window(0, 1), GRID, 1)
    assert torch.equal(tracks.visible.any(dim=2), torch.eye(2, dtype=torch.bool))


class Answers:
    """A point model that answers what it is told."""

    def __init__(self, places: Any, seen: Any = None) -> None:
        self.places, self.seen = places, seen

    def prepare(self, frames: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.zeros(len(frames))

    def follow(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if isinstance(self.places, Exception):
            raise self.places
        shape = (len(queries), len(video))
        seen = torch.ones(shape, dtype=torch.bool) if self.seen is None else self.seen
        return torch.full((*shape, 2), self.places), seen


def test_points_that_are_nowhere_are_invisible_and_finite() -> None:
    tracks = PointTracker("x", Answers(float("nan"))).track(window(0, 1), GRID, 1)
    assert torch.equal(tracks.visible.any(dim=2), torch.eye(2, dtype=torch.bool))
    assert torch.equal(tracks.positions[0, 1], cell_centres(GRID))


def test_tracks_may_be_written_to() -> None:
    tracks = PointTracker("x", Answers(0.5)).track(window(0, 1), GRID, 1)
    tracks.positions.requires_grad_().sum().backward()
    tracks.visible.fill_(False)


def test_failures_of_a_model_are_the_engines_errors() -> None:
    for problem in (RuntimeError("bad\nsize"), AssertionError(), KeyError("tracks")):
        with pytest.raises(TrackerError, match='The tracker "x" failed: '):
            PointTracker("x", Answers(problem)).track(window(0, 1), GRID, 1)
    with pytest.raises(OutOfDeviceMemoryError, match='the tracker "x"'):
        PointTracker("x", Answers(torch.OutOfMemoryError())).track(window(0, 1), GRID, 1)
    with pytest.raises(TrackerError, match=r"visibility \[3\].*another version"):
        PointTracker("x", Answers(0.0, torch.zeros(3))).track(window(0, 1), GRID, 1)


def test_a_model_that_draws_random_numbers_disturbs_nobody() -> None:
    class Random(Answers):
        def follow(
            self, video: torch.Tensor, queries: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            torch.manual_seed(5)
            return super().follow(video, queries)

    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    PointTracker("x", Random(0.5)).track(window(0, 1), GRID, 1)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("size", [(27, 45), (108, 180), (54, 90)])
def test_videos_are_resized_and_bounded(size: tuple[int, int]) -> None:
    frames = window(3)
    frames[0][0, 0] = (np.nan, 7.0, -7.0)
    video = resized(frames, size)
    assert video.shape == (1, *size, 3)
    assert torch.isfinite(video).all()
    assert float(video.min()) >= 0
    assert float(video.max()) <= 1
    assert float(video[..., 0].mean()) == pytest.approx(0.3, abs=0.01)


class FakeRaft:
    """``RAFT.forward``: moves by (3, -2) pixels from the earlier frame to the later."""

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
        assert a.dtype == b.dtype == torch.float32
        assert a.shape == b.shape
        assert a.shape[:2] == (1, 3)
        height, width = a.shape[2:]
        assert min(height, width) >= 128
        assert height % 8 == width % 8 == 0
        assert float(a[:, 1].min()) == -1
        assert float(a[:, 1].max()) == 1
        sign = 1.0 if float(b[0, 0].mean()) > float(a[0, 0].mean()) else -1.0
        flow = sign * torch.tensor([3.0, -2.0]).reshape(1, 2, 1, 1).expand(1, 2, height, width)
        return [torch.full_like(flow, 99.0), flow]


@pytest.mark.parametrize(("height", "width"), [(54, 90), (150, 333), (300, 700)])
def test_raft_is_a_flow_like_any_other(height: int, width: int) -> None:
    tracker = FlowTracker("raft", RaftFlow(FakeRaft(), CPU))
    tracks = tracker.track(window(0, 1, 2, height=height, width=width), GRID, 2)
    small = min(1.0, 480 / max(height, width))
    share = torch.tensor([3 / round(width * small), -2 / round(height * small)])
    moved = (torch.arange(3.0)[None] - torch.arange(3.0)[:, None])[..., None] * share
    expected = cell_centres(GRID) + (moved * torch.tensor([5.0, 3.0]))[:, :, None]
    assert torch.allclose(tracks.positions, expected, atol=1e-4)
    assert torch.equal(tracks.visible, inside(expected, GRID))


def test_failures_of_raft_are_the_engines_errors() -> None:
    def fails(a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
        raise ValueError("too small")

    with pytest.raises(TrackerError, match='The tracker "raft" failed: too small'):
        FlowTracker("raft", RaftFlow(fails, CPU)).track(window(0, 1), GRID, 1)


class Net(torch.nn.Module):
    """A module with one weight of a given name, that remembers how it was made."""

    def __init__(self, name: str, shape: tuple[int, ...], made: dict[str, Any]) -> None:
        super().__init__()
        self.made = made
        holder: torch.nn.Module = self
        *path, last = name.split(".")
        for part in path:
            holder.add_module(part, torch.nn.Module())
            holder = getattr(holder, part)
        holder.register_parameter(last, torch.nn.Parameter(torch.zeros(shape)))


def package(monkeypatch: pytest.MonkeyPatch, path: str, **members: Any) -> None:
    """Installs a fake module, and its parents."""
    names = path.split(".")
    for end in range(1, len(names) + 1):
        name = ".".join(names[:end])
        if not isinstance(sys.modules.get(name), types.ModuleType) or end == len(names):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        if end > 1:
            parent = sys.modules[".".join(names[: end - 1])]
            monkeypatch.setattr(parent, names[end - 1], sys.modules[name], raising=False)
    for name, value in members.items():
        setattr(sys.modules[path], name, value)


def inner(tracker: Any) -> Any:
    """The network that a tracker made by :func:`make_tracker` holds."""
    if isinstance(tracker, FlowTracker):
        return tracker._flow._model
    adapter = tracker._model
    return adapter._predictor if isinstance(adapter, CoTrackerModel) else adapter._model


def test_cotracker_is_made_without_a_checkpoint_and_given_its_tensors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Predictor(Net):
        def __init__(self, **made: Any) -> None:
            super().__init__("model.weight", (2,), made)

    package(monkeypatch, "cotracker.predictor", CoTrackerPredictor=Predictor)
    file = tmp_path / "scaled_offline.pth"
    torch.save({"weight": torch.ones(2)}, file)
    found = inner(make_tracker("cotracker", device="cpu", weights=file))
    assert found.made == {"checkpoint": None, "offline": True, "v2": False, "window_len": 60}
    assert found.model.weight.tolist() == [1, 1]
    assert not found.training
    torch.save({"other": torch.ones(2)}, file)
    with pytest.raises(TrackerError, match=r'"cotracker" \(CoTracker 3\) cannot be loaded'):
        make_tracker("cotracker", device="cpu", weights=file)
    torch.save({"weight": Path("x")}, file)
    with pytest.raises(TrackerError, match="Weights only load failed"):
        make_tracker("cotracker", device="cpu", weights=file)


@pytest.mark.parametrize(("extra", "levels"), [(True, 1), (False, 0)])
def test_tapir_is_made_with_the_layers_of_its_checkpoint(
    extra: bool, levels: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inputs = 388 + (levels + 2) * 49
    name = "torch_pips_mixer.linear.weight"

    class TAPIR(Net):
        def __init__(self, **made: Any) -> None:
            super().__init__(name, (4, inputs), made)
            if made["extra_convs"]:
                self.extra_convs = torch.nn.Linear(1, 1, bias=False)

    package(monkeypatch, "tapnet.torch.tapir_model", TAPIR=TAPIR)
    state = {name: torch.ones(4, inputs)}
    if extra:
        state["extra_convs.weight"] = torch.ones(1, 1)
    torch.save(state, tmp_path / "tapir.pt")
    monkeypatch.setenv("SMITE_TAPIR_WEIGHTS", str(tmp_path / "tapir.pt"))
    found = inner(make_tracker("tapir", device="cpu"))
    assert found.made == {"pyramid_level": levels, "extra_convs": extra}
    assert float(found.torch_pips_mixer.linear.weight.detach().min()) == 1


def test_tapnext_reads_both_kinds_of_checkpoints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class TAPNext(Net):
        def __init__(self, **made: Any) -> None:
            super().__init__("mask.token", (2,), made)

    def restore(model: Net, path: str) -> Net:
        model.made["restored"] = Path(path).name
        return model

    for name in ("torchvision", "einops"):
        package(monkeypatch, name)
    package(monkeypatch, "tapnet.tapnext.tapnext_torch", TAPNext=TAPNext)
    utils = "tapnet.tapnext.tapnext_torch_utils"
    package(monkeypatch, utils, restore_model_from_jax_checkpoint=restore)
    torch.save({"state_dict": {"tapnext.mask.token": torch.ones(2)}}, tmp_path / "plus.ckpt")
    found = inner(make_tracker("tapnext", device="cpu", weights=tmp_path / "plus.ckpt"))
    assert found.made == {"image_size": (256, 256)}
    assert found.mask.token.tolist() == [1, 1]
    (tmp_path / "first.npz").touch()
    found = inner(make_tracker("tapnext", device="cpu", weights=tmp_path / "first.npz"))
    assert found.made["restored"] == "first.npz"


@pytest.mark.parametrize(("channels", "name"), [(32, "raft_small"), (64, "raft_large")])
def test_raft_is_the_model_its_checkpoint_is_of(
    channels: int, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layer = "feature_encoder.convnormrelu.0.weight"

    def maker(kind: str, width: int) -> Any:
        return lambda **made: Net(layer, (width, 3), {**made, "kind": kind})

    package(
        monkeypatch,
        "torchvision.models.optical_flow",
        raft_small=maker("raft_small", 32),
        raft_large=maker("raft_large", 64),
    )
    torch.save({layer: torch.ones(channels, 3)}, tmp_path / "raft.pth")
    found = inner(make_tracker("raft", device="cpu", weights=tmp_path / "raft.pth"))
    assert found.made == {"weights": None, "kind": name}
    assert not found.training
    torch.save({layer: torch.ones(5, 3)}, tmp_path / "raft.pth")
    with pytest.raises(TrackerError, match="cannot be loaded"):
        make_tracker("raft", device="cpu", weights=tmp_path / "raft.pth")
