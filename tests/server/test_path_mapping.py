"""Path maps: Windows, macOS, Linux and shares, there and back, on whole steps only."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_protocol.errors import BadInput
from smite_protocol.specs import EvaluateSpec, LearnSpec, SegmentSpec
from smite_server.path_mapping import (
    RULES,
    Rule,
    map_spec,
    roots_for_clients,
    seen_by_client,
    to_client,
    to_server,
)

RULES_OF_A_STUDIO = (
    Rule("P:\\shows\\", "/mnt/shows/"),
    Rule("P:\\shows\\secret", "/mnt/vault"),
    Rule("\\\\nas\\shows", "/mnt/shows"),
    Rule("/Volumes/shows", "/mnt/shows"),
    Rule("/net/shows", "/mnt/shows"),
)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        pytest.param("P:\\shows\\a\\b.####.exr", "/mnt/shows/a/b.####.exr", id="windows->posix"),
        pytest.param("p:/SHOWS/A/b", "/mnt/shows/A/b", id="windows->posix: case and slashes"),
        pytest.param("P:\\shows", "/mnt/shows/", id="windows->posix: the folder itself"),
        pytest.param("P:\\\\shows\\\\a", "/mnt/shows/a", id="windows->posix: doubled separators"),
        pytest.param("P:\\shows\\secret\\x", "/mnt/vault/x", id="the longest prefix wins"),
        pytest.param("P:\\shows2\\a", "P:\\shows2\\a", id="whole steps only"),
        pytest.param("Q:\\shows\\a", "Q:\\shows\\a", id="another drive"),
        pytest.param("P:shows\\a", "P:shows\\a", id="relative to a drive"),
        pytest.param("\\\\NAS\\Shows\\a b", "/mnt/shows/a b", id="share->posix: case"),
        pytest.param("//nas/shows/a", "/mnt/shows/a", id="share->posix: slashes"),
        pytest.param("\\\\other\\shows\\a", "\\\\other\\shows\\a", id="another host"),
        pytest.param("/Volumes/shows/é/a", "/mnt/shows/é/a", id="macOS->posix"),
        pytest.param("/volumes/shows/a", "/volumes/shows/a", id="posix knows case"),
        pytest.param("/Volumes/shows_old/a", "/Volumes/shows_old/a", id="macOS: whole steps"),
        pytest.param("/mnt/shows/a", "/mnt/shows/a", id="the server's own paths stay"),
        pytest.param("relative/a", "relative/a", id="relative paths stay"),
        pytest.param("P:\\shows\\..\\..\\etc", "/mnt/shows/../../etc", id="dots are for Roots"),
    ],
)
def test_to_the_server(client: str, server: str) -> None:
    assert to_server(client, RULES_OF_A_STUDIO)[0] == server


@pytest.mark.parametrize(
    ("rule", "server", "client"),
    [
        pytest.param(
            Rule("P:\\shows", "/mnt/shows"),
            "/mnt/shows/a/b",
            "P:\\shows\\a\\b",
            id="back to Windows",
        ),
        pytest.param(
            Rule("P:/shows", "/mnt/shows"), "/mnt/shows/a/b", "P:/shows/a/b", id="with slashes"
        ),
        pytest.param(
            Rule("\\\\nas\\s", "/mnt/shows"), "/mnt/shows/a", "\\\\nas\\s\\a", id="back to a share"
        ),
        pytest.param(
            Rule("/Volumes/s", "/mnt/shows"), "/mnt/shows/a", "/Volumes/s/a", id="back to macOS"
        ),
        pytest.param(
            Rule("/Volumes/s", "D:\\shows"),
            "d:\\SHOWS\\a\\b",
            "/Volumes/s/a/b",
            id="from a Windows server",
        ),
        pytest.param(
            Rule("P:\\shows", "/mnt/shows"), "/mnt/shows2/a", "/mnt/shows2/a", id="whole steps only"
        ),
    ],
)
def test_to_the_client(rule: Rule, server: str, client: str) -> None:
    assert to_client(server, (rule,)) == client


NAMES = st.text(st.characters(exclude_characters="/\\:\0", codec="utf-8"), min_size=1).filter(
    lambda name: name.strip() == name
)


@given(
    rule=st.sampled_from(RULES_OF_A_STUDIO),
    steps=st.lists(NAMES, min_size=1, max_size=5),
)
def test_there_and_back_is_the_same_place(rule: Rule, steps: list[str]) -> None:
    separator = "/" if "/" in rule.client else "\\"
    path = rule.client.rstrip("\\/") + separator + separator.join(steps)
    server, used = to_server(path, (rule,))
    assert used == rule
    assert server == rule.server.rstrip("/") + "/" + "/".join(steps)
    assert to_client(server, (rule,)) == path


@pytest.mark.parametrize("path", ["shows", "P:", "P:shows", "", "~/shows"])
def test_rules_of_relative_paths(path: str) -> None:
    if path == "P:":
        assert to_server("p:/a", (Rule(path, "/mnt"),))[0] == "/mnt/a"
        return
    with pytest.raises(BadInput, match="not absolute"):
        Rule(path, "/mnt/shows")


def test_every_path_of_a_spec_is_mapped_and_names_are_not() -> None:
    rules = RULES_OF_A_STUDIO
    spec, used = map_spec(
        SegmentSpec(model="cart", plate="P:\\shows\\x.#.exr", out="/Volumes/shows/out"), rules
    )
    assert isinstance(spec, SegmentSpec)
    assert (spec.model, spec.plate, spec.out) == ("cart", "/mnt/shows/x.#.exr", "/mnt/shows/out")
    assert used == (rules[3], rules[0])
    assert map_spec(LearnSpec(name="a", refs="p:/shows/r"), rules)[0] == LearnSpec(
        name="a", refs="/mnt/shows/r"
    )
    found = map_spec(EvaluateSpec(model="P:\\shows\\m", clip="//nas/shows/c"), rules)[0]
    assert found == EvaluateSpec(model="/mnt/shows/m", clip="/mnt/shows/c")


def test_results_come_back_by_the_rules_of_their_job() -> None:
    result = {"files": {"a": "/mnt/shows/a.####.exr"}, "n": 3, "l": ["/mnt/shows", "/tmp/x"]}
    resolved = {RULES: [["P:\\shows", "/mnt/shows"]]}
    assert seen_by_client(resolved, result) == {
        "files": {"a": "P:\\shows\\a.####.exr"},
        "n": 3,
        "l": ["P:\\shows", "/tmp/x"],
    }
    assert seen_by_client({}, result) == result


def test_clients_are_told_the_roots_as_they_see_them(tmp_path: Path) -> None:
    shows = tmp_path.resolve() / "shows"
    rules = (Rule("P:\\shows", str(shows)), Rule("/Volumes/a", str(shows / "a")))
    assert roots_for_clients((shows / "a",), rules) == (
        str(shows / "a"),
        "P:\\shows\\a",
        "/Volumes/a",
    )
    assert roots_for_clients((shows,), rules) == (str(shows), "P:\\shows", "/Volumes/a")
    assert roots_for_clients((tmp_path / "other",), rules) == (str(tmp_path / "other"),)
