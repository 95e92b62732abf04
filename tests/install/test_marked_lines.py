"""Marked lines go into a file of the user's and out again, and leave every byte as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_install.blocks import END, START, has_block, with_block, without_block

LINES = ("import nuke", "nuke.pluginAddPath('./smite')")
FILES = {
    "empty": b"",
    "with an end of line": b"import nuke\nnuke.knobDefault('a', 'b')\n",
    "without one": b"import nuke",
    "Windows line ends": b"import nuke\r\nx = 1\r\n",
    "Windows line ends, the last one missing": b"import nuke\r\nx = 1",
    "old Mac line ends": b"import nuke\rx = 1\r",
    "mixed line ends": b"a = 1\r\nb = 2\nc = 3",
    "empty lines at the end": b"a = 1\n\n\n",
    "only an end of line": b"\n",
    "byte order mark": b"\xef\xbb\xbfa = 1\n",
    "Latin-1": "# -*- coding: latin-1 -*-\n# r\xe9glages de Zo\xeb\n".encode("latin-1"),
    "Shift JIS": "# -*- coding: shift_jis -*-\n# \u8a2d\u5b9a".encode("shift_jis"),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_in_and_out_again(content: bytes) -> None:
    once = with_block(content, LINES)
    assert once.startswith(content)
    assert has_block(once)
    assert with_block(once, LINES) == once
    assert without_block(once) == content
    assert without_block(content) == content


@given(st.text(alphabet=" a='#\\\r\n\u00e9\u5f71", max_size=40))
def test_in_and_out_again_whatever_is_in_the_file(text: str) -> None:
    content = text.encode()
    once = with_block(content, LINES)
    assert with_block(once, LINES) == once
    assert without_block(once) == content


def test_the_lines_end_as_those_of_the_file_do() -> None:
    block = with_block(b"a = 1\r\n", LINES)[len(b"a = 1\r\n") :]
    assert block.count(b"\r\n") == block.count(b"\n") == 4
    assert b"\r" not in with_block(b"a = 1\n", LINES)


def test_what_the_user_wrote_around_the_lines_later_stays() -> None:
    for before in (b"a = 1", b"a = 1\n"):
        once = with_block(before, LINES)
        later = b"# mine\n" + once + b"b = 2\n"
        assert without_block(later) == b"# mine\na = 1\nb = 2\n"


def test_other_lines_take_the_place_of_the_old_ones() -> None:
    later = with_block(b"a = 1", ("import old",)) + b"b = 2\n"
    found = with_block(later, LINES)
    assert found.count(START) == found.count(END) == 1
    assert b"import old" not in found
    assert found.endswith(b"b = 2\n")


def test_an_empty_file_runs_as_python_with_the_lines() -> None:
    compile(with_block(b"", LINES), "init.py", "exec")


def test_lines_whose_end_is_lost_are_left_to_the_user() -> None:
    torn = with_block(b"a = 1\n", LINES).replace(END, b"")
    assert without_block(torn) == torn
