"""Part models that a worker keeps between jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smite_server.worker.model_cache import ModelCache
from smite_server.worker.session import Options, Session
from tests.support import fake_engine
from tests.support.shots import write_model


class Reader:
    """Reads files, and notes which."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path) -> bytes:
        self.read.append(path.name)
        return path.read_bytes()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files of 100 bytes."""
    found = [tmp_path / name for name in "abc"]
    for path in found:
        path.write_bytes(path.name.encode() * 100)
    return found


def test_a_file_is_read_once(files: list[Path]) -> None:
    cache, reader = ModelCache(1000), Reader()
    for path in (*files, *files):
        assert cache.get(path, reader) == path.read_bytes()
    assert reader.read == ["a", "b", "c"]


def test_the_least_recently_used_goes_first(files: list[Path]) -> None:
    a, b, c = files
    cache, reader = ModelCache(250), Reader()
    for path in (a, b, a, c, a, b):
        cache.get(path, reader)
    assert reader.read == ["a", "b", "c", "b"]


@pytest.mark.parametrize("budget", [0, 99])
def test_what_is_over_the_budget_is_not_kept(files: list[Path], budget: int) -> None:
    cache, reader = ModelCache(budget), Reader()
    for _ in range(2):
        cache.get(files[0], reader)
    assert reader.read == ["a", "a"]
    assert not cache.clear()


def test_a_file_that_changed_is_read_again(files: list[Path]) -> None:
    cache, reader = ModelCache(1000), Reader()
    cache.get(files[0], reader)
    files[0].write_bytes(b"A" * 100)
    os.utime(files[0], ns=(1, 1))
    assert cache.get(files[0], reader) == b"A" * 100


def test_making_room_drops_all(tmp_path: Path) -> None:
    path = write_model(tmp_path / "cart.safetensors")
    session = Session(Options("embedded", "cpu", fake_engine.__name__, tmp_path, 64))
    first = session.model(path)
    assert session.model(path) is first
    assert session.make_room()
    assert not session.make_room()
    assert session.model(path) is not first


def test_a_file_that_is_not_there_is_told_by_who_reads_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ModelCache(1000).get(tmp_path / "none", Reader())
