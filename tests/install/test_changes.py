"""A set of changes is made as a whole, taken back as a whole, and found again after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smite_install import changes
from smite_install.changes import PutFile, PutFolder, Stage
from tests.support.host_trees import snapshot

REPO = Path(__file__).resolve().parents[2]


def write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "file.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two folders with something in them, and two files."""
    place = tmp_path / "place"
    place.mkdir()
    for name in ("one", "two"):
        write(place / name, f"old {name}")
    (place / "init.py").write_bytes(b"a = 1\r\n")
    (place / "gone.txt").write_bytes(b"x")
    return place


def all_changes(place: Path, one: Stage, two: Stage) -> list[changes.Change]:
    write(one.folder, "new one")
    write(two.folder, "new two")
    return [
        PutFolder(place / "one", one.folder),
        PutFile(place / "init.py", b"b = 2\n"),
        PutFile(place / "made.txt", b"new"),
        PutFile(place / "gone.txt", None),
        PutFolder(place / "two", two.folder),
    ]


def test_all_are_made(place: Path) -> None:
    with Stage(place / "one") as one, Stage(place / "two") as two:
        changes.make(all_changes(place, one, two))
    assert (place / "one" / "file.txt").read_text(encoding="utf-8") == "new one"
    assert (place / "two" / "file.txt").read_text(encoding="utf-8") == "new two"
    assert (place / "init.py").read_bytes() == b"b = 2\n"
    assert sorted(path.name for path in place.iterdir()) == ["init.py", "made.txt", "one", "two"]


@pytest.mark.parametrize("fails_after", range(5))
@pytest.mark.parametrize("problem", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_what_fails_or_is_interrupted_is_taken_back(
    place: Path, fails_after: int, problem: BaseException
) -> None:
    before = snapshot(place)

    def fail(step: int) -> None:
        if step == fails_after:
            raise problem

    with (
        pytest.raises(type(problem)),
        Stage(place / "one") as one,
        Stage(place / "two") as two,
    ):
        changes.make(all_changes(place, one, two), fail)
    assert snapshot(place) == before


KILLED = """
import os, sys
from pathlib import Path
from smite_install import changes
from smite_install.changes import PutFile, PutFolder, Stage
place, step = Path(sys.argv[1]), int(sys.argv[2])
def die(done):
    if done == step:
        os._exit(9)
with Stage(place / "one") as one:
    (one.folder / "file.txt").write_text("new one")
    if step < 0:
        os._exit(9)
    new = [PutFolder(place / "one", one.folder), PutFile(place / "init.py", b"new")]
    if step == 2:  # killed between the two renames of a folder
        import tempfile
        old = Path(tempfile.mkdtemp(prefix=".one.smite-old-", dir=place))
        old.rmdir()
        (place / "one").rename(old)
        os._exit(9)
    changes.make(new, die)
"""


@pytest.mark.parametrize(
    ("step", "text"),
    [
        pytest.param(-1, "old one", id="while the folder is built"),
        pytest.param(2, "old one", id="between its renames"),
        pytest.param(0, "new one", id="before the file is changed"),
        pytest.param(1, "new one", id="before the old folder is deleted"),
    ],
)
def test_a_killed_run_leaves_nothing_half_done_for_the_next(
    place: Path, step: int, text: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place), str(step)],
        env={**os.environ, "PYTHONPATH": str(REPO / "tools")},
        check=False,
    )
    assert done.returncode == 9
    assert any(path.name.startswith(".one.smite-") for path in place.iterdir())
    changes.recover(place / "one")
    assert (place / "one" / "file.txt").read_text(encoding="utf-8") == text
    assert sorted(path.name for path in place.iterdir()) == ["gone.txt", "init.py", "one", "two"]


def test_folders_above_come_and_go_with_what_is_built(tmp_path: Path) -> None:
    with Stage(tmp_path / "a" / "b" / "smite") as stage:
        assert stage.made == [tmp_path / "a", tmp_path / "a" / "b"]
        assert stage.folder.parent == tmp_path / "a" / "b"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(os.name == "nt", reason="links and rights of files are those of Unix")
def test_a_linked_file_stays_a_link_and_rights_stay(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "init.py"
    real.parent.mkdir()
    real.write_bytes(b"a = 1\n")
    real.chmod(0o640)
    link = tmp_path / "init.py"
    link.symlink_to(real)
    changes.make([PutFile(link, b"b = 2\n")])
    assert link.is_symlink()
    assert real.read_bytes() == b"b = 2\n"
    assert real.stat().st_mode & 0o777 == 0o640
