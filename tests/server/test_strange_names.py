"""Names that mislead are refused, other scripts are not; nothing leads out of the roots."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smite_protocol.errors import BadPath, SmiteError
from smite_server.naming import check_shot, expand_template
from smite_server.paths import Roots, check_template
from smite_server.pixel_errors import MatteError
from smite_server.strange_names import (
    refuse_strange_characters,
    refuse_strange_path,
    refuse_unportable_name,
)

LOOK_ALIKES = "／∕⁄⧸╱＼∖⧵․‥…．：℀½"
UNSEEN = "\x00\x01\n\r\t\x1b\x7f\x85\u200b\u200e\u200f\u202a\u202e\u2028\u2066\ufeff\ue000\ud800"


@pytest.mark.parametrize("letter", LOOK_ALIKES)
def test_look_alikes_of_separators_and_dots(letter: str) -> None:
    with pytest.raises(BadPath, match=rf"U\+{ord(letter):04X}, which looks like"):
        refuse_strange_path(f"/shows/a{letter}b", "the plate")


@pytest.mark.parametrize("letter", UNSEEN, ids=ascii)
def test_characters_that_are_not_seen(letter: str) -> None:
    with pytest.raises(BadPath, match=rf"U\+{ord(letter):04X}, which is not seen") as caught:
        refuse_strange_path(f"/shows/a{letter}b", "the plate")
    assert letter not in caught.value.message


@pytest.mark.parametrize(
    "path",
    [
        "/shows/café/日本/Ürünler/план_010/x.####.exr",
        "/shows/" + unicodedata.normalize("NFD", "café"),
        "/shows/한국어/ελληνικά/العربية/🚀",
        "/shows/a b/(1)/x'y/50%/a+b@c~d",
    ],
)
def test_other_scripts_are_welcome(path: str) -> None:
    refuse_strange_path(path, "the plate", windows=False)


def test_letters_that_are_neither_composed_nor_decomposed() -> None:
    with pytest.raises(BadPath, match="mixes composed and decomposed"):
        refuse_strange_characters("é" + unicodedata.normalize("NFD", "é"), "the shot")


@pytest.mark.parametrize("path", ["\\\\nas\\x", "//nas/x", "C:\\x", "c:/x", "Z:", "/a\\b"])
def test_paths_of_windows_on_another_system(path: str) -> None:
    with pytest.raises(BadPath, match="path of another system, which no path map"):
        refuse_strange_path(path, "the plate", windows=False)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("C:\\x\\CON", id="device"),
        pytest.param("C:\\x\\con.1001.exr", id="device with an ending"),
        pytest.param("C:/x/LPT1/y", id="device as a folder"),
        pytest.param("C:\\x\\com¹", id="device with a superscript"),
        pytest.param("C:\\x.\\y", id="trailing dot"),
        pytest.param("C:\\x \\y", id="trailing space"),
        pytest.param("C:\\x\\y:stream", id="alternate stream"),
        pytest.param("\\\\?\\C:\\x", id="device namespace"),
        pytest.param("\\\\.\\PhysicalDrive0", id="raw device"),
        pytest.param("C:\\x\\a|b", id="pipe"),
    ],
)
def test_what_windows_reads_otherwise(path: str) -> None:
    with pytest.raises(BadPath):
        refuse_strange_path(path, "the plate", windows=True)
    refuse_strange_path("C:\\shows\\a b\\x.1001.exr", "the plate", windows=True)
    refuse_strange_path("\\\\nas\\shows\\..\\x", "the plate", windows=True)


@pytest.mark.parametrize("name", ["nul", "COM1", "aux.exr", "a.", "a ", "a?b"])
def test_names_that_windows_cannot_keep(name: str) -> None:
    with pytest.raises(BadPath):
        refuse_unportable_name(name, "the shot")
    refuse_unportable_name("console", "the shot")


@pytest.mark.parametrize("letter", "／․\u202e\x1b")
def test_templates_and_shots_likewise(letter: str) -> None:
    with pytest.raises(BadPath):
        check_template("{shot}/" + letter + "{part}.{frame}.exr")
    with pytest.raises(MatteError):
        check_shot("a" + letter)
    with pytest.raises(MatteError):
        expand_template("{part}" + letter + "{frame}", "a", "b", 1, 1)


STEPS = st.sampled_from(
    ["..", ".", "", "in", "out", "file", "loop", "new", "..．", "‥", "．．", "~", "in\x00", "in/..",
     "\\..", "C:", "//", "\u202e", "é"]
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with links inside, out, in circles, and to a file."""
    base = tmp_path_factory.mktemp("base").resolve()
    folder = base / "root"
    (folder / "deep").mkdir(parents=True)
    (base / "outside").mkdir()
    (base / "outside" / "secret").write_bytes(b"x")
    (folder / "in").symlink_to(folder / "deep")
    (folder / "out").symlink_to(base / "outside")
    (folder / "deep" / "out").symlink_to("../../outside")
    (folder / "file").symlink_to(base / "outside" / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    return folder


@given(steps=st.lists(STEPS | st.text(max_size=5), max_size=8), absolute=st.booleans())
@example(steps=["out", "secret"], absolute=True)
@example(steps=["in", "out"], absolute=True)
@example(steps=["new", "..", "..", "outside"], absolute=True)
def test_no_path_that_is_taken_leads_out(root: Path, steps: list[str], absolute: bool) -> None:
    """Whatever the path: refused, or its real place is inside."""
    path = "/".join([str(root) if absolute else "/", *steps])
    roots = Roots((root,))
    for check in (roots.existing, roots.output):
        try:
            found = check(path, "the plate")
        except SmiteError:
            continue
        real = Path(os.path.realpath(found))
        assert real == found
        assert real == root or root in real.parents


@given(
    template=st.lists(
        st.sampled_from(["{part}", "{frame}", "{shot}", "/", "..", "\\", ".", "~", ":", "a", "／"]),
        max_size=8,
    ).map("".join)
)
def test_no_template_that_is_taken_leads_out(template: str) -> None:
    try:
        check_template(template)
        name = expand_template(template, "shot", "part", 1, 1001)
    except (BadPath, MatteError):
        return
    assert os.path.normpath(f"/base/{name}").startswith("/base/")
