"""A real server with the fake engine, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smite_protocol import Client
from tests.support import footage
from tests.support.servers import ServerUnderTest, learned_server


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that servers may touch: references, a plate of 8 frames, an annotated clip."""
    folder = tmp_path_factory.mktemp("a stage")
    footage.write_references(folder / "refs")
    footage.write_plate(folder / "plate", 8)
    footage.write_clip(folder / "clip", 3)
    return folder


@pytest.fixture(scope="module")
def server(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server that may touch ``stage``, with the part model ``cart`` learned."""
    with learned_server(tmp_path_factory.mktemp("home"), stage) as found:
        yield found


@pytest.fixture
def client(server: ServerUnderTest) -> Iterator[Client]:
    """A client of the module's server."""
    with server.client() as found:
        yield found
