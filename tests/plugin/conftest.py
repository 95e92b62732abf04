"""A real server with the fake engine, and what a host has besides: a queue, a session, a log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smite_hosts import HostQueue, JobMemory, Preferences, Session
from smite_hosts.host_log import close_log, open_log
from smite_protocol import LearnSpec
from tests.support import footage
from tests.support.servers import ServerUnderTest, running_server

MakeSession = Callable[..., Session]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that servers may touch: references and a plate of 8 frames."""
    folder = tmp_path_factory.mktemp("a stage")
    footage.write_references(folder / "refs")
    footage.write_plate(folder / "plate", 8)
    return folder


@pytest.fixture(scope="module")
def server(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server, not a private one, that may touch ``stage``; it has the part model ``cart``."""
    with running_server(tmp_path_factory.mktemp("home"), roots=(stage,), private=False) as found:
        with found.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        yield found


@pytest.fixture
def queue() -> HostQueue:
    """The host's thread: the test's own."""
    return HostQueue()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[logging.Logger]:
    logger = open_log(tmp_path / "logs", "test", "debug")
    yield logger
    close_log(logger)


@pytest.fixture
def memory(tmp_path: Path) -> JobMemory:
    return JobMemory(tmp_path / "jobs.json")


@pytest.fixture
def make_session(queue: HostQueue, log: logging.Logger, memory: JobMemory) -> Iterator[MakeSession]:
    """Make sessions of a server's endpoint, which are closed after the test."""
    made: list[Session] = []

    def make(endpoint: str, **preferences: object) -> Session:
        chosen = Preferences(server=endpoint, **preferences)  # type: ignore[arg-type]
        session = Session(chosen, queue, memory=memory, log=log, name="test host")
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()
