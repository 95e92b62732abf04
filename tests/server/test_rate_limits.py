"""Token buckets and manners, with a clock of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_protocol.errors import LimitReached
from smite_protocol.messages import Alive, ErrorReply, Heartbeat, ListJobs, Welcome
from smite_server.config import Limits
from smite_server.guard import rate_limits
from smite_server.rate_limits import MAX_REMEMBERED, Buckets, Manners, Rate, RateLimits
from tests.support.clocks import Clock
from tests.support.raw_peer import raw_peer
from tests.support.servers import running_server


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(clock: Clock) -> RateLimits:
    return RateLimits(
        requests=Rate(10, 5), submits=Rate(2, 2 / 60), uploads=Rate(100, 50), clock=clock
    )


def test_a_burst_is_free_then_the_rate_counts(clock: Clock) -> None:
    found = limits(clock)
    for _ in range(10):
        found.check("anna", "get_job")
    with pytest.raises(LimitReached, match=r"requests faster .*; wait 1 s"):
        found.check("anna", "get_job")
    clock.now += 0.2
    found.check("anna", "get_job")
    with pytest.raises(LimitReached):
        found.check("anna", "get_job")


def test_one_user_takes_nothing_from_another(clock: Clock) -> None:
    found = limits(clock)
    for _ in range(2):
        found.check("anna", "submit")
    with pytest.raises(LimitReached, match=r"jobs faster .*wait 30 s"):
        found.check("anna", "submit")
    found.check("bert", "submit")


def test_uploads_take_nothing_from_requests(clock: Clock) -> None:
    found = limits(clock)
    for _ in range(100):
        found.check("anna", "put_file")
    with pytest.raises(LimitReached, match="files and frames"):
        found.check("anna", "put_pixels")
    found.check("anna", "get_job")


def test_a_clock_that_goes_back_gives_nothing(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 1), clock)
    assert buckets.take("a") == 0.0
    clock.now -= 500.0
    assert buckets.take("a") == 1.0
    clock.now += 1.0
    assert buckets.take("a") == 0.0


@given(waits=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_never_more_than_burst_and_rate(waits: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(Rate(5, 2), clock)
    taken = 0
    for wait in waits:
        clock.now += wait
        taken += buckets.take("a") == 0.0
    assert taken <= 5 + 2 * (clock.now - 1000.0) + 1e-6


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 1), clock)
    for number in range(2 * MAX_REMEMBERED):
        buckets.take(str(number))
    assert len(buckets._left) == MAX_REMEMBERED


def test_bad_manners_are_ignored_for_a_while(clock: Clock) -> None:
    manners = Manners(3, 60.0, clock)
    assert [manners.note_bad("a") for _ in range(4)] == [False, False, False, True]
    assert manners.ignores("a")
    assert not manners.ignores("b")
    clock.now += 60.0
    assert not manners.ignores("a")


def test_defaults_let_an_upload_of_small_frames_through() -> None:
    found = rate_limits(Limits())
    for _ in range(Limits().max_frames):
        found.check("anna", "put_file")


def test_a_server_says_when_to_go_on(tmp_path: Path) -> None:
    """Over a real socket: refused with a code, noted, and heartbeats pass all the same."""
    with running_server(tmp_path, limits=Limits(requests_per_second=1)) as server:
        with raw_peer(server.live.endpoint) as peer, raw_peer(server.live.endpoint) as other:
            assert isinstance(peer.hello(), Welcome)
            replies = [peer.ask(ListJobs()) for _ in range(20)]
            refused = [reply for reply in replies if isinstance(reply, ErrorReply)]
            assert len(refused) >= 10
            assert {reply.code for reply in refused} == {"limit_reached"}
            assert isinstance(peer.ask(Heartbeat()), Alive)
            assert isinstance(other.hello(), Welcome)
        lines = (server.config.log_folder / "audit.jsonl").read_text("ascii").splitlines()
        noted = [line for line in map(json.loads, lines) if line["what"] == "limit"]
        assert len(noted) == len(refused)
        assert noted[0]["asked"] == "list_jobs"
