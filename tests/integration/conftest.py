"""The `smite` command as people run it, over a real server with the real engine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import footage
from tests.support.command import FAST_LEARNING, Smite

SERVER_SECONDS = 30.0


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Lets Ctrl-C reach the commands, as from a terminal.

    A shell starts its background jobs with SIGINT ignored, and every process below inherits that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with references, a plate of 4 frames and an annotated clip of 3."""
    folder = tmp_path_factory.mktemp("a show")
    footage.write_references(folder / "refs")
    footage.write_plate(folder / "plate", 4)
    footage.write_clip(folder / "clip", 3)
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of jobs and part models of all these tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def private(home: Path) -> Smite:
    """Commands that start private servers."""
    return Smite(home)


@pytest.fixture(scope="session")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smite]:
    """Commands over one `smite serve` that may touch the tests' folders."""
    root = tmp_path_factory.getbasetemp()
    yield from _serving(home, "--root", root)


@pytest.fixture(scope="session")
def blind(tmp_path_factory: pytest.TempPathFactory, learned: Path) -> Iterator[Smite]:
    """Commands over a `smite serve` without ``--root``: it takes no paths."""
    home = tmp_path_factory.mktemp("blind")
    (home / "models").mkdir()
    (home / "models" / "cart.safetensors").write_bytes(learned.read_bytes())
    yield from _serving(home)


def _serving(home: Path, *arguments: str | Path) -> Iterator[Smite]:
    command = Smite(home)
    log = home / "serve.txt"
    with log.open("w", encoding="utf-8") as file:
        process = command.start("serve", "--endpoint", "tcp://127.0.0.1:0", *arguments, log=file)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("smite server at "), line + log.read_text(encoding="utf-8")
        yield Smite(home, line.split()[3].rstrip(","))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SERVER_SECONDS)


@pytest.fixture(scope="session")
def learned(served: Smite, stage: Path) -> Path:
    """The file of the part model `cart`, learned through the server."""
    result = served.json("learn", "cart", "--refs", stage / "refs", *FAST_LEARNING)
    assert set(result["held_out_iou"]) == {"body", "left_wheel"}
    return Path(result["part_model"])
