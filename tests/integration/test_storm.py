"""The short form of `benchmarks/storm.py`: kills, wrong bytes and a clock that jumps."""

from __future__ import annotations

from pathlib import Path

from tests.support.storm.keeper import ServerKeeper
from tests.support.storm.storm import Weather, prepare, sail

FRAMES = 8
SETTINGS = {"delay": 0.1}


def test_nothing_is_lost_in_a_storm(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    weather = Weather(
        seed=3, clients=4, jobs=16, frames=FRAMES, every=(0.8, 2.0), corrupt=0.1, seconds=240
    )
    keeper = ServerKeeper(
        tmp_path / "home", clock_seed=7, roots=(stage,), device="cpu,cpu", max_attempts=50
    )
    keeper.start()
    try:
        prepare(keeper, stage, FRAMES, SETTINGS, {})
        damage = sail(keeper, stage, weather, SETTINGS)
    finally:
        status = keeper.stop()
    assert damage.wrong == []
    assert damage.states == {"done": weather.jobs}
    assert all(damage.blows.values()), damage.blows
    assert damage.corrupted > 0
    assert status == 0
