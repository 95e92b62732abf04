"""What a shot is called that nobody named."""

from __future__ import annotations

from pathlib import Path

import pytest

from smite_server.cli_inputs import shot_name


@pytest.mark.parametrize(
    ("plate", "name"),
    [
        ("x.####.exr", "x"),
        ("SEQ_010.%04d.exr", "SEQ_010"),
        ("SEQ_010.mov", "SEQ_010"),
        ("SEQ_010.exr", "SEQ_010"),
        ("x.1001.exr", "x"),
        ("1001.exr", "1001"),
        ("a b (final).####.png", "a_b_final"),
    ],
)
def test_names_come_from_the_plate(plate: str, name: str, tmp_path: Path) -> None:
    assert shot_name(tmp_path / plate, None) == name


def test_a_folders_name_is_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "SEQ.0100").mkdir()
    assert shot_name(tmp_path / "SEQ.0100", None) == "SEQ.0100"
