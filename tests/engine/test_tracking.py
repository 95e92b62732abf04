"""Tracks, the list of trackers, and the sentences where one is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from smite_engine import describe_trackers
from smite_engine.errors import SettingsError, ShapeError, TrackerError
from smite_engine.flow_tracker import FlowTracker
from smite_engine.tracker_description import TrackerDescription, read_state
from smite_engine.tracking import Tracks, make_tracker, tracker_names
from smite_engine.tracks import cell_centres, check_window, inside, start

NEEDY = ("raft", "tapir", "tapnext", "cotracker")


def frames(count: int, height: int = 8, width: int = 10) -> list[np.ndarray]:
    return [np.zeros((height, width, 3), np.float32) for _ in range(count)]


def blank(count: int, cells: int) -> Tracks:
    return Tracks(
        torch.zeros(count, count, cells, 2), torch.zeros(count, count, cells, dtype=torch.bool)
    )


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDY:
        monkeypatch.delenv(f"SMITE_{name.upper()}_WEIGHTS", raising=False)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("cotracker", "tapnet", "torchvision", "einops"):
        monkeypatch.setitem(sys.modules, package, None)


def test_points_start_at_the_cells_row_by_row() -> None:
    assert cell_centres((2, 3)).tolist() == [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]


def test_the_picture_ends_half_a_cell_beyond_the_outer_centres() -> None:
    points = torch.tensor(
        [[-0.5, 0.0], [-0.51, 0.0], [2.49, 1.49], [2.5, 0.0], [0.0, 1.5], [float("nan"), 0.0]]
    )
    assert inside(points, (2, 3)).tolist() == [True, False, True, False, False, False]


def test_points_inside_round_to_a_cell() -> None:
    size = (5, 7)
    near = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)) * 9 - 1
    cells = near[inside(near, size)].round()
    assert len(cells) > 500
    assert cells.min() >= 0
    assert cells[:, 0].max() == 6
    assert cells[:, 1].max() == 4


def test_unfilled_tracks_stay_at_their_start_and_are_seen_only_there() -> None:
    tracks = start(3, (2, 2), None)
    assert torch.equal(tracks.positions[2, 0], cell_centres((2, 2)))
    assert torch.equal(tracks.visible.all(dim=2), torch.eye(3, dtype=torch.bool))
    assert torch.equal(tracks.visible.any(dim=2), torch.eye(3, dtype=torch.bool))


def test_known_tracks_are_copied_and_stay_as_they_are() -> None:
    known = blank(2, 4)
    known.positions[0, 1] = 0.25
    tracks = start(3, (2, 2), known)
    assert torch.equal(tracks.positions[:2, :2], known.positions)
    assert not tracks.visible[:2, :2].any()
    tracks.positions.fill_(7)
    assert float(known.positions.max()) == 0.25


def test_tracks_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"visible has shape \[2, 3, 4\], but \[F, F, P\]"):
        Tracks(torch.zeros(2, 3, 4, 2), torch.zeros(2, 3, 4, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"positions has shape \[2, 2, 4, 3\]"):
        Tracks(torch.zeros(2, 2, 4, 3), torch.zeros(2, 2, 4, dtype=torch.bool))


def test_windows_that_cannot_be_tracked_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least one frame"):
        check_window([], (2, 2), 1, None)
    with pytest.raises(SettingsError, match="not 0 x 2"):
        check_window(frames(1), (0, 2), 1, None)
    with pytest.raises(SettingsError, match="0 frames or more, not -1"):
        check_window(frames(1), (2, 2), -1, None)
    with pytest.raises(ShapeError, match=r"Frame 1 of the window has shape \[8, 11, 3\]"):
        check_window([*frames(1), *frames(1, width=11)], (2, 2), 1, None)
    with pytest.raises(ShapeError, match=r"Frame 0 of the window has shape \[8, 10\]"):
        check_window([np.zeros((8, 10), np.float32)], (2, 2), 1, None)


@pytest.mark.parametrize(("count", "cells"), [(3, 4), (2, 5)])
def test_known_tracks_of_another_window_or_grid_are_refused(count: int, cells: int) -> None:
    with pytest.raises(ShapeError, match=r"known tracks.*\[n, n, 4\] with n of at most 2"):
        check_window(frames(2), (2, 2), 1, blank(count, cells))


def test_the_default_needs_nothing_and_the_others_are_named() -> None:
    assert tracker_names() == ("dis", *NEEDY)
    tracker = make_tracker("dis", device="cpu", weights="no-such-file")
    assert isinstance(tracker, FlowTracker)
    assert tracker.name == "dis"
    with pytest.raises(SettingsError, match='no tracker "optical"; use dis, raft, tapir'):
        make_tracker("optical", device="cpu")


@pytest.mark.usefixtures("nothing_installed")
def test_the_report_names_licence_and_remedy_of_each() -> None:
    found = {entry["name"]: entry for entry in describe_trackers()}
    assert all(set(entry) == {"name", "ok", "licence", "remedy"} for entry in found.values())
    assert [entry["ok"] for entry in found.values()] == [True, False, False, False, False]
    assert all("pip install" in entry["remedy"] and entry["licence"] for entry in found.values())
    cotracker = found["CoTracker 3 (cotracker)"]
    assert "CC-BY-NC" in cotracker["licence"]
    assert "not for paid work" in cotracker["licence"]
    assert "co-tracker@82e02e8" in cotracker["remedy"]
    assert "tapnet@148b2c4" in found["BootsTAPIR (tapir)"]["remedy"]


@pytest.mark.parametrize("name", NEEDY)
@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_package_is_one_sentence_with_licence_and_install_line(name: str) -> None:
    with pytest.raises(TrackerError) as caught:
        make_tracker(name, device="cpu")
    entry = next(e for e in describe_trackers() if e["name"].endswith(f"({name})"))
    message = str(caught.value)
    assert "is not installed" in message
    assert entry["licence"] in message
    assert entry["remedy"] in message
    assert "\n" not in message


def test_missing_weights_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs = TrackerDescription(
        "x", "X", "MIT", ("json",), "pip install x", "SMITE_X_WEIGHTS", "https://example.org/x"
    )
    monkeypatch.delenv("SMITE_X_WEIGHTS", raising=False)
    with pytest.raises(TrackerError, match="no weights file is given: pip install x; download"):
        needs.require(None)
    with pytest.raises(TrackerError, match=r"there is no weights file at gone\.pt"):
        needs.require("gone.pt")
    here, there = tmp_path / "here.pt", tmp_path / "there.pt"
    here.touch()
    there.touch()
    monkeypatch.setenv("SMITE_X_WEIGHTS", str(there))
    assert needs.require("") == there
    assert needs.require(here) == here
    assert needs.describe()["ok"]


def test_a_package_half_there_is_not_installed() -> None:
    needs = TrackerDescription("x", "X", "MIT", ("json", "no.such.package"), "pip install x")
    assert needs.missing(None) == "the package no.such.package is not installed"


@pytest.mark.parametrize("wrap", [None, "model", "state_dict"])
def test_checkpoints_are_read_as_tensors(wrap: str | None, tmp_path: Path) -> None:
    state = {"a": torch.arange(3.0)}
    torch.save({wrap: state} if wrap else state, tmp_path / "x.pt")
    save_file(state, tmp_path / "x.safetensors")
    for file in ("x.pt", "x.safetensors"):
        read = read_state(tmp_path / file)
        assert list(read) == ["a"]
        assert torch.equal(read["a"], state["a"])


def test_checkpoints_that_would_run_code_or_hold_no_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "object.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        read_state(tmp_path / "object.pt")
    for number, content in enumerate([{}, [torch.zeros(1)], {"a": 1}]):
        file = tmp_path / f"{number}.pt"
        torch.save(content, file)
        with pytest.raises(ValueError, match="named tensors"):
            read_state(file)
