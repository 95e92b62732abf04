"""Whose turn it is: lanes, priorities, users, ranks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_protocol.messages import LANES, DoctorSpec, LearnSpec, SegmentSpec, Spec
from smite_server.queue import Places, Waiting, in_order, lane_of, next_of, ranks_with


def waiting(
    job: str, user: str = "ada", lane: str = "normal", priority: int = 0, rank: float | None = None
) -> Waiting:
    return Waiting(job, user, lane, priority, float(ord(job[0])) if rank is None else rank)


def names(jobs: list[Waiting]) -> str:
    return "".join(job.job for job in jobs)


@pytest.mark.parametrize(
    ("spec", "batch", "lane"),
    [
        pytest.param(DoctorSpec(), False, "interactive", id="doctor"),
        pytest.param(SegmentSpec(model="m", quality="draft"), False, "interactive", id="draft"),
        pytest.param(SegmentSpec(model="m"), False, "normal", id="standard"),
        pytest.param(LearnSpec(name="m"), False, "normal", id="learn"),
        pytest.param(SegmentSpec(model="m", quality="draft"), True, "batch", id="draft in a batch"),
    ],
)
def test_lanes(spec: Spec, batch: bool, lane: str) -> None:
    assert lane_of(spec, batch=batch) == lane


def test_lane_goes_before_priority_and_priority_before_rank() -> None:
    jobs = [
        waiting("a", lane="batch", priority=100),
        waiting("b"),
        waiting("c", priority=5),
        waiting("d", lane="interactive", priority=-100),
    ]
    assert names(in_order(jobs, {}, {})) == "dcba"


def test_users_take_turns_and_keep_the_order_of_their_own() -> None:
    jobs = [waiting("a"), waiting("b"), waiting("c"), waiting("d", "bo"), waiting("e", "bo")]
    assert names(in_order(jobs, {}, {})) == "adbec"


def test_who_has_fewest_running_comes_first() -> None:
    jobs = [waiting("a"), waiting("b"), waiting("c", "bo")]
    assert names(in_order(jobs, {"ada": 2}, {})) == "cab"


def test_who_was_served_longest_ago_comes_first() -> None:
    jobs = [waiting("a"), waiting("b", "bo"), waiting("c", "cy")]
    assert names(in_order(jobs, {}, {"ada": 3, "bo": 2})) == "cba"


def test_limit_of_running_jobs_passes_over_a_user_only() -> None:
    jobs = [waiting("a", priority=9), waiting("b", "bo")]
    found = next_of(jobs, {"ada": 1}, {}, max_running_per_user=1)
    assert found is not None
    assert found.job == "b"
    assert next_of(jobs, {"ada": 1, "bo": 1}, {}, max_running_per_user=1) is None


JOBS = st.lists(
    st.builds(
        Waiting,
        job=st.uuids().map(str),
        user=st.sampled_from("abc"),
        lane=st.sampled_from(LANES),
        priority=st.integers(-1, 1),
        rank=st.floats(0, 100),
    ),
    max_size=12,
    unique_by=lambda job: job.job,
)
COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 9))


@given(JOBS, COUNTS, COUNTS)
def test_the_order_begins_with_the_next_and_holds_every_job_once(
    jobs: list[Waiting], running: dict[str, int], served: dict[str, int]
) -> None:
    order = in_order(jobs, running, served)
    assert sorted(job.job for job in order) == sorted(job.job for job in jobs)
    assert next_of(jobs, running, served) == (order[0] if order else None)


@given(st.lists(st.floats(0, 4, width=16), min_size=2, max_size=8), st.data())
def test_a_moved_job_stands_just_before_the_other(ranks: list[float], data: st.DataObject) -> None:
    jobs = [waiting(f"{n}", rank=rank) for n, rank in enumerate(ranks)]
    moved, other = data.draw(st.permutations(jobs))[:2]
    before = sorted((j for j in jobs if j != moved), key=lambda j: (j.rank, j.job))
    changed = ranks_with(moved, jobs, other.job)
    after = sorted(jobs, key=lambda j: (changed.get(j.job, j.rank), j.job))
    place = before.index(other)
    assert [j.job for j in after] == [j.job for j in [*before[:place], moved, *before[place:]]]


def test_places_between_two_never_run_out() -> None:
    jobs = {"a": 1.0, "b": 2.0, "c": 3.0}
    for moved, other in itertools.islice(itertools.cycle((("c", "b"), ("b", "c"))), 200):
        entries = [waiting(job, rank=rank) for job, rank in jobs.items()]
        chosen = next(entry for entry in entries if entry.job == moved)
        jobs |= ranks_with(chosen, entries, other)
        assert sorted(jobs, key=lambda job: jobs[job]) == ["a", moved, other]


def test_first_and_nowhere() -> None:
    jobs = [waiting("a"), waiting("b")]
    assert ranks_with(jobs[1], jobs, "") == {"b": jobs[0].rank - 1}
    assert ranks_with(jobs[0], jobs[:1], "") == {}
    with pytest.raises(KeyError):
        ranks_with(jobs[0], jobs, "x")


def test_places_count_those_that_run_and_are_read_once_in_a_while() -> None:
    now = [0.0]
    reads = []

    def read() -> tuple[list[Waiting], int]:
        reads.append(now[0])
        return [waiting("a"), waiting("b")], 2

    places = Places(read, clock=lambda: now[0])
    assert [places.ahead(job) for job in ("a", "b", "x")] == [2, 3, None]
    assert len(reads) == 1
    now[0] = 1.0
    assert places.ahead("a") == 2
    places.changed()
    assert places.ahead("a") == 2
    assert reads == [0.0, 1.0, 1.0]
