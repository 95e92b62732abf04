"""How files go to a server and mattes come back, without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smite_hosts import HostProblem, JobMemory, JobPlace
from smite_hosts.delivery import fingerprint, path_here, path_on_server, plan_delivery
from smite_hosts.job_memory import MOST_REMEMBERED
from smite_protocol import LearnSpec, SegmentSpec
from smite_protocol.path_maps import Rule
from tests.support import footage

RULES = (Rule("P:\\shows", "/mnt/shows"),)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        pytest.param("P:\\shows\\a\\x.####.exr", "/mnt/shows/a/x.####.exr", id="by the map"),
        pytest.param("/mnt/shows/a", "/mnt/shows/a", id="as it is"),
        pytest.param("/mnt/secret", None, id="not visible"),
        pytest.param("/mnt/shows/../secret", None, id="two dots"),
        pytest.param("P:\\other", None, id="another drive"),
    ],
)
def test_what_the_server_calls_a_path(path: str, there: str | None) -> None:
    assert path_on_server(path, ("/mnt/shows",), RULES) == there


def test_paths_come_back_through_the_map() -> None:
    assert path_here("/mnt/shows/a/x.exr", RULES) == "P:\\shows\\a\\x.exr"
    assert path_here("/elsewhere", RULES) == "/elsewhere"


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    seen = path_on_server(str(tmp_path / "link" / "x"), (str(tmp_path / "real"),), ())
    assert seen == os.path.join(tmp_path, "real", "x")  # noqa: PTH118


def test_a_segment_job_by_path_and_sent(tmp_path: Path) -> None:
    plate = footage.write_plate(tmp_path / "plate", 4)
    spec = SegmentSpec(
        model="m",
        plate=plate,
        out=str(tmp_path / "out"),
        frames="1002-1003",
        ocio=str(tmp_path / "c.ocio"),
    )
    by_path = plan_delivery(spec, (str(tmp_path),), ())
    assert (by_path.spec, by_path.role, by_path.receive_into) == (spec, "", None)
    sent = plan_delivery(spec, (), ())
    assert isinstance(sent.spec, SegmentSpec)
    assert (sent.spec.plate, sent.spec.out, sent.spec.ocio) == (None, None, None)
    assert [file.name for file in sent.files] == ["cart.1002.png", "cart.1003.png"]
    assert sent.receive_into == tmp_path / "out"
    built_in = SegmentSpec(model="m", plate=plate, ocio="ocio://default")
    assert plan_delivery(built_in, (), ()).spec.ocio == "ocio://default"  # type: ignore[union-attr]


def test_what_is_nowhere_is_said(tmp_path: Path) -> None:
    for spec in (
        SegmentSpec(model="m", plate=str(tmp_path / "x.####.exr")),
        LearnSpec(name="m", refs=str(tmp_path / "none")),
    ):
        with pytest.raises(HostProblem) as caught:
            plan_delivery(spec, (), ())
        assert caught.value.key == "path_not_visible"


def test_a_request_is_told_by_settings_and_files(tmp_path: Path) -> None:
    plate = footage.write_plate(tmp_path, 2)
    spec = SegmentSpec(model="m", plate=plate)
    first = fingerprint(spec)
    assert fingerprint(SegmentSpec(model="m", plate=plate, version=7)) == first
    assert fingerprint(SegmentSpec(model="m", plate=plate, quality="draft")) != first
    os.utime(tmp_path / "cart.1002.png", (1, 1))
    assert fingerprint(spec) != first


def test_places_of_jobs_survive_as_text() -> None:
    place = JobPlace("tcp://s:1", "0123456789ab", "segment", "/out", True, 3, "p")
    assert JobPlace.from_text(place.to_text()) == place
    for text in ("", "{", "[1]", '{"job": 1}', '{"server": "s", "job": "", "kind": "k"}'):
        assert JobPlace.from_text(text) is None


def test_jobs_are_remembered_and_the_oldest_forgotten(tmp_path: Path) -> None:
    memory = JobMemory(tmp_path / "state" / "jobs.json")
    assert memory.find("a") is None
    for number in range(MOST_REMEMBERED + 1):
        memory.keep(f"k{number}", JobPlace("s", f"job{number:09d}", "learn"))
    assert memory.find("k0") is None
    found = memory.find(f"k{MOST_REMEMBERED}")
    assert found is not None
    memory.forget("k5")
    assert memory.find("k5") is None
    (tmp_path / "state" / "jobs.json").write_text("{")
    assert memory.find("k7") is None
    memory.keep("new", found)
    assert memory.find("new") == found
