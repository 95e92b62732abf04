"""Shots on the real engine that are killed and go on: the same bits, and no window made twice."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import smite_engine
from smite_server.jobs import State
from smite_server.worker.session import Options, Session
from tests.support import footage
from tests.support.pool import exr_bytes, running_pool
from tests.support.shots import Killed, Line, ShotUnderTest

ENGINE = "smite_engine"
FRAMES = 9
SMALL = 64 * 64
DRAFT = {"area": SMALL, "window": 4}
GUIDED = {
    "area": SMALL, "window": 5, "overlap": 2, "span": 1, "guided": 1, "updates": 1,
    "voting_window": 3, "focus": "whole",
}  # fmt: skip


@dataclass
class Counting(Line):
    """Notes how many frames have gone through the UNet at each checkpoint."""

    session: Session | None = None
    passes: list[int] = field(default_factory=list)

    def checkpoint(self, job: str, file: str) -> None:
        super().checkpoint(job, file)
        self.passes.append(passes(self.session))


def passes(session: Session | None) -> int:
    assert session is not None
    count: int = session.backbone.counter.forward_frames
    return count


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(Options("embedded", "cpu", ENGINE, tmp_path_factory.mktemp("spool"), 64))


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return footage.write_plate(tmp_path_factory.mktemp("plate"), FRAMES)


@pytest.fixture(scope="module")
def model(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part model that was hardly learned: these tests are about bits, not about quality."""
    settings = smite_engine.LearnSettings(
        embedding_steps=1, weight_steps=1, key_steps=20, key_views=2, area=SMALL
    )
    still = smite_engine.Reference(*footage.cart(20), name="still")
    parts = smite_engine.PartSet.from_names(footage.PARTS)
    path = tmp_path_factory.mktemp("models") / "cart.safetensors"
    smite_engine.learn(session.backbone, [still], parts, settings).save(path)
    return path


@pytest.mark.parametrize(
    ("quality", "settings"), [("draft", DRAFT), ("standard", GUIDED)], ids=["draft", "guided"]
)
def test_every_window_is_a_place_to_go_on_from(
    session: Session,
    model: Path,
    plate: str,
    quality: str,
    settings: dict[str, Any],
) -> None:
    shot = ShotUnderTest(
        session.options.spool.parent / quality, model, plate, settings, quality, ENGINE, session
    )
    before, line = passes(session), Counting(session=session)
    shot.run(line)
    expected, whole = shot.result(), passes(session)
    assert len(expected) == 2 * FRAMES + len(("report", "page", "sheet", "latest"))
    assert len(line.checkpoints) == 2
    for window, at_checkpoint in enumerate(line.passes, start=1):
        shot.clear()
        killed = Line()

        def enough(killed: Line = killed, window: int = window) -> None:
            if len(killed.checkpoints) == window:
                raise Killed

        killed.at = enough
        with pytest.raises(Killed):
            shot.run(killed)
        begun = passes(session)
        shot.run(Line(), checkpoint=killed.checkpoints[-1])
        assert shot.result() == expected
        assert passes(session) - begun == whole - at_checkpoint, "finished windows are not made"
    assert whole > before


def test_kill_9_of_the_worker(model: Path, plate: str, tmp_path: Path) -> None:
    with running_pool(tmp_path / "home", model, plate, engine=ENGINE) as pool:
        pool.submit("aaaaaaaaaaaa", tmp_path / "whole", **GUIDED)
        pool.run("aaaaaaaaaaaa")
        pool.submit("bbbbbbbbbbbb", tmp_path / "killed", **GUIDED)
        pool.until(lambda: pool.store.find("bbbbbbbbbbbb").checkpoint)
        pool.signal(signal.SIGKILL)
        pool.run("bbbbbbbbbbbb")
        assert pool.state("bbbbbbbbbbbb") is State.DONE
        assert len(pool.frames("bbbbbbbbbbbb")) == FRAMES
    assert exr_bytes(tmp_path / "killed") == exr_bytes(tmp_path / "whole")
