"""The states of a connection and their words."""

from __future__ import annotations

import time

import pytest

from smite_protocol.states import (
    ConnectionState,
    ConnectionStates,
    ConnectionStatus,
    waiting_in_words,
)

ENDPOINT = "tcp://127.0.0.1:5771"


@pytest.mark.parametrize(
    ("state", "left", "words"),
    [
        (ConnectionState.CONNECTING, None, f"connecting to {ENDPOINT}"),
        (ConnectionState.CONNECTED, None, "connected"),
        (ConnectionState.WAITING, None, "waiting for the server"),
        (ConnectionState.LOST, 52, "server lost, trying again for 52 s"),
        (ConnectionState.BACK, None, "back"),
    ],
    ids=lambda value: str(value),
)
def test_words(state: ConnectionState, left: int | None, words: str) -> None:
    assert ConnectionStatus(state, ENDPOINT, left).words == words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (None, "waiting"),
        (0, "waiting: no job before yours"),
        (1, "waiting: 1 job before yours"),
        (3, "waiting: 3 jobs before yours"),
    ],
)
def test_words_of_a_job_that_waits(ahead: int | None, words: str) -> None:
    assert waiting_in_words(ahead) == words


def test_way_through_a_loss_is_told_once_each() -> None:
    told: list[ConnectionStatus] = []
    states = ConnectionStates(ENDPOINT, told.append)
    states.connecting()
    states.answered()
    states.answered()
    states.lost(time.monotonic() + 9.5)
    states.tick()
    states.back()
    states.answered()
    assert [status.state.value for status in told] == [
        "connecting", "connected", "lost", "back", "connected",
    ]  # fmt: skip
    assert told[2].seconds_left == 10


def test_seconds_of_a_loss_are_counted_down() -> None:
    told: list[ConnectionStatus] = []
    states = ConnectionStates(ENDPOINT, told.append)
    states.answered()
    states.lost(time.monotonic() + 1.05)
    end = time.monotonic() + 5.0
    while states.status.seconds_left != 0 and time.monotonic() < end:
        states.tick()
    assert [status.seconds_left for status in told[1:]] == [2, 1, 0]


def test_unanswered_request_is_told_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smite_protocol.states.WAITING_SECONDS", 0.0)
    states = ConnectionStates(ENDPOINT)
    states.answered()
    states.tick()
    assert states.status.state is ConnectionState.CONNECTED
    states.asked()
    states.tick()
    assert states.status.state is ConnectionState.WAITING
    states.answered()
    assert states.status.state is ConnectionState.CONNECTED


def test_way_that_does_not_exist_is_refused() -> None:
    states = ConnectionStates(ENDPOINT)
    with pytest.raises(ValueError, match="from connecting to back"):
        states.back()
