"""`install.py nuke` and its uninstall, in homes of three systems and in a studio's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smite_install.blocks import START
from smite_install.options import Options
from smite_install.problems import InstallProblem
from smite_install.systems import LINUX, MACOS, WINDOWS
from tests.support.host_trees import Bench, FakePip, add_nuke, machine, snapshot

OURS = {
    "init.py",
    "menu.py",
    "smite_protocol",
    "smite_hosts",
    "smite_nuke",
    "gizmos",
    "vendor",
    "smite-installed.json",
}


def home_of(bench: Bench) -> Path:
    return bench.system.home / ".nuke"


def uninstall(bench: Bench, what: str = "nuke", options: Options | None = None) -> None:
    found = bench.installer.installations(what, options or Options())
    assert found
    bench.installer.remove(found)


@pytest.fixture
def with_nuke(bench: Bench) -> Bench:
    """A machine with Nuke 15, whose user has an init.py of their own."""
    add_nuke(bench.system, "Nuke15.1v3")
    home_of(bench).mkdir()
    (home_of(bench) / "init.py").write_bytes("# Zoës Pfade\r\nimport nuke".encode())
    (home_of(bench) / "preferences15.1.nk").write_text("Preferences {\n}\n", encoding="utf-8")
    return bench


def test_what_lies_where(with_nuke: Bench) -> None:
    with_nuke.installer.nuke(Options())
    folder = home_of(with_nuke) / "smite"
    assert {path.name for path in folder.iterdir()} == OURS
    assert [path.name for path in (folder / "vendor").iterdir()] == ["cp310-linux-x86_64"]
    assert (folder / "vendor/cp310-linux-x86_64/zmq/__init__.py").is_file()
    assert (folder / "gizmos/SMITE_Mattes.gizmo").is_file()
    assert not [*folder.rglob("*.pyc")]
    init = (home_of(with_nuke) / "init.py").read_bytes()
    assert init.startswith("# Zoës Pfade\r\nimport nuke\r\n".encode() + START)
    assert b"nuke.pluginAddPath('./smite')\r\n" in init
    assert START in (home_of(with_nuke) / "menu.py").read_bytes()
    for name in ("init.py", "menu.py"):
        compile((home_of(with_nuke) / name).read_bytes(), name, "exec")


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        (LINUX, ["cp310-linux-x86_64", "cp311-linux-x86_64", "cp39-linux-x86_64"]),
        (
            MACOS,
            [f"cp{v}-macos-{m}" for v in ("310", "311", "39") for m in ("arm64", "x86_64")],
        ),
        (WINDOWS, ["cp310-windows-x86_64", "cp311-windows-x86_64", "cp39-windows-x86_64"]),
    ],
)
def test_in_and_out_of_a_fresh_home(
    name: str, folders: list[str], bench: Bench, tmp_path: Path
) -> None:
    bench.system = machine(name, tmp_path / f"{name} disk")
    for version in ("Nuke14.0v5", "Nuke15.1v3", "Nuke16.0v1"):
        add_nuke(bench.system, version)
    before = snapshot(bench.system.root)
    bench.installer.nuke(Options())
    vendor = home_of(bench) / "smite" / "vendor"
    assert sorted(path.name for path in vendor.iterdir()) == folders
    uninstall(bench)
    assert snapshot(bench.system.root) == before


def test_twice_is_the_same_bytes_and_the_second_touches_nothing(with_nuke: Bench) -> None:
    with_nuke.installer.nuke(Options())
    once = snapshot(with_nuke.system.root)
    times = {path: path.stat().st_mtime_ns for path in home_of(with_nuke).rglob("*")}
    with_nuke.installer.nuke(Options())
    assert snapshot(with_nuke.system.root) == once
    assert {path: path.stat().st_mtime_ns for path in home_of(with_nuke).rglob("*")} == times
    assert "already installed" in with_nuke.said


def test_out_again_leaves_every_byte_as_it_was_also_after_use(with_nuke: Bench) -> None:
    before = snapshot(with_nuke.system.root)
    with_nuke.installer.nuke(Options())
    folder = home_of(with_nuke) / "smite"
    vendor = folder / "vendor" / "cp310-linux-x86_64"
    program = (
        "import sys, types; sys.modules['nuke'] = types.ModuleType('nuke')\n"
        f"sys.path[:0] = [{str(folder)!r}, {str(vendor)!r}]\n"
        "import smite_nuke.host, smite_hosts; print(smite_hosts.__file__)"
    )
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert len([*folder.rglob("*.pyc")]) == 6
    (folder / ".DS_Store").touch()
    uninstall(with_nuke)
    assert snapshot(with_nuke.system.root) == before
    assert not (with_nuke.copy / ".installed-hosts.json").exists()
    assert with_nuke.installer.installations("all", Options()) == []


def test_what_the_user_changed_and_added_since_is_kept_and_told(with_nuke: Bench) -> None:
    with_nuke.installer.nuke(Options())
    folder = home_of(with_nuke) / "smite"
    (folder / "gizmos" / "SMITE_Mattes.gizmo").write_text("mine", encoding="utf-8")
    (folder / "gizmos" / "Ours.gizmo").write_text("Group {}", encoding="utf-8")
    with (home_of(with_nuke) / "init.py").open("ab") as file:
        file.write(b"nuke.knobDefault('Blur.size', '3')\r\n")
    with (home_of(with_nuke) / "menu.py").open("ab") as file:
        file.write(b"print('mine')\n")
    uninstall(with_nuke)
    assert snapshot(folder).keys() == {
        "gizmos",
        "gizmos/Ours.gizmo",
        "gizmos/SMITE_Mattes.gizmo",
    }
    assert (folder / "gizmos" / "SMITE_Mattes.gizmo").read_text(encoding="utf-8") == "mine"
    assert "SMITE_Mattes.gizmo: it was changed since" in with_nuke.said
    assert "Ours.gizmo: it is not ours" in with_nuke.said
    assert (home_of(with_nuke) / "init.py").read_bytes() == (
        "# Zoës Pfade\r\nimport nuke\r\nnuke.knobDefault('Blur.size', '3')\r\n".encode()
    )
    assert (home_of(with_nuke) / "menu.py").read_bytes() == b"print('mine')\n"


def test_a_later_version_takes_the_place_of_the_old_and_keeps_what_is_the_users(
    with_nuke: Bench,
) -> None:
    before = snapshot(with_nuke.system.root)
    with_nuke.installer.nuke(Options())
    folder = home_of(with_nuke) / "smite"
    (folder / "menu.py").write_text("my menu", encoding="utf-8")
    (folder / "gizmos" / "Ours.gizmo").write_text("Group {}", encoding="utf-8")
    (with_nuke.copy / "plugin" / "menu.py").write_text("import later\n", encoding="utf-8")
    (with_nuke.copy / "plugin" / "smite_nuke" / "host.py").unlink()
    with_nuke.installer.nuke(Options())
    assert (folder / "menu.py").read_text(encoding="utf-8") == "import later\n"
    assert (folder / "menu.py.kept").read_text(encoding="utf-8") == "my menu"
    assert (folder / "gizmos" / "Ours.gizmo").is_file()
    assert not (folder / "smite_nuke" / "host.py").exists()
    assert "kept your" in with_nuke.said
    (folder / "menu.py.kept").unlink()
    (folder / "gizmos" / "Ours.gizmo").unlink()
    uninstall(with_nuke)
    assert snapshot(with_nuke.system.root) == before


def test_a_studios_folder_touches_no_home_and_says_the_line(
    with_nuke: Bench, tmp_path: Path
) -> None:
    before = snapshot(with_nuke.system.root)
    share = tmp_path / "mnt" / "tools of Zoë's"
    options = Options(prefix=str(share))
    with_nuke.installer.nuke(options)
    assert snapshot(with_nuke.system.root) == before
    assert len([*(share / "smite" / "vendor").iterdir()]) == 16
    line = with_nuke.lines[-1].strip()
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{line}; printf %s "$NUKE_PATH"'],
        env={"NUKE_PATH": "/show/nuke"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"{share / 'smite'}:/show/nuke"
    uninstall(with_nuke, "all", options)
    assert not (tmp_path / "mnt").exists()
    assert snapshot(with_nuke.system.root) == before


def test_a_studios_folder_is_taken_out_with_everything_else(
    with_nuke: Bench, tmp_path: Path
) -> None:
    with_nuke.installer.nuke(Options(prefix=str(tmp_path / "share")))
    with_nuke.installer.nuke(Options())
    uninstall(with_nuke, "all")
    assert not (tmp_path / "share").exists()
    assert not (home_of(with_nuke) / "smite").exists()


def test_only_the_wheels_that_are_named(with_nuke: Bench, tmp_path: Path) -> None:
    options = Options(prefix=str(tmp_path), vendor=("cp39-linux-x86_64", "cp311-windows-x86_64"))
    with_nuke.installer.nuke(options)
    names = sorted(path.name for path in (tmp_path / "smite" / "vendor").iterdir())
    assert names == ["cp311-windows-x86_64", "cp39-linux-x86_64"]
    nuke = with_nuke.system.root / "usr/local/Nuke15.1v3"
    with_nuke.installer.nuke(Options(prefix=str(tmp_path / "b"), host=(str(nuke),)))
    names = [path.name for path in (tmp_path / "b" / "smite" / "vendor").iterdir()]
    assert names == ["cp310-linux-x86_64"]
    with pytest.raises(InstallProblem, match="cp27-irix is unknown; there are cp39-linux-x86_64"):
        with_nuke.installer.nuke(Options(vendor=("cp27-irix",)))


def test_a_dry_run_changes_nothing_and_says_what_would_be(with_nuke: Bench) -> None:
    before = snapshot(with_nuke.system.root)
    with_nuke.installer.nuke(Options(dry_run=True))
    assert snapshot(with_nuke.system.root) == before
    assert with_nuke.pip.calls == []
    assert "would make" in with_nuke.said
    assert "cp310-linux-x86_64" in with_nuke.said
    assert f"would put marked lines into {home_of(with_nuke) / 'init.py'}" in with_nuke.said


def assert_refused(bench: Bench, sentence: str, options: Options | None = None) -> None:
    """Installing ends in one sentence, and everything is as it was."""
    before = snapshot(bench.system.root)
    with pytest.raises(InstallProblem, match=sentence) as problem:
        bench.installer.nuke(options or Options())
    assert "\n" not in str(problem.value)
    assert snapshot(bench.system.root) == before


def test_no_nuke(bench: Bench) -> None:
    assert_refused(bench, "No Nuke 14 or later was found")


def test_no_wheels_for_the_second_of_two_nukes(with_nuke: Bench) -> None:
    add_nuke(with_nuke.system, "Nuke16.0v1")
    with_nuke.pip = FakePip(has={"manylinux2014_x86_64": ["3.10"]})
    assert_refused(with_nuke, "pip finds no wheels for cp311-linux-x86_64: No matching")


def test_a_copy_of_smite_that_is_not_whole(with_nuke: Bench) -> None:
    (with_nuke.copy / "plugin" / "menu.py").unlink()
    (with_nuke.copy / "gizmos" / "SMITE_Mattes.gizmo").unlink()
    assert_refused(with_nuke, r"no plugin/menu\.py, no gizmos/\*\.gizmo")


def test_a_folder_of_that_name_that_is_not_ours(with_nuke: Bench) -> None:
    (home_of(with_nuke) / "smite").mkdir()
    (home_of(with_nuke) / "smite" / "film.txt").touch()
    assert_refused(with_nuke, "was not put there by install.py")


def test_an_init_file_that_python_does_not_read(with_nuke: Bench) -> None:
    (home_of(with_nuke) / "init.py").write_bytes("import nuke\n".encode("utf-16"))
    assert_refused(with_nuke, "is UTF-16")


def test_a_record_that_is_damaged(with_nuke: Bench) -> None:
    with_nuke.installer.nuke(Options())
    (home_of(with_nuke) / "smite" / "smite-installed.json").write_text("{", encoding="utf-8")
    assert_refused(with_nuke, "move that folder away")


def test_a_prefix_below_a_file(with_nuke: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = Options(prefix=str(tmp_path / "file" / "share"))
    assert_refused(with_nuke, "a part of that path is a file, not a folder", options)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write all")
def test_a_home_that_may_not_be_written(with_nuke: Bench) -> None:
    home_of(with_nuke).chmod(0o555)
    try:
        assert_refused(with_nuke, "this user may not write there")
    finally:
        home_of(with_nuke).chmod(0o755)


@pytest.fixture
def disk(with_nuke: Bench) -> Iterator[Path]:
    """A disk of 16 KiB for a studio's folder, with a file on it."""
    folder = with_nuke.system.root / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or sys.platform != "linux":
        pytest.skip("small disks in memory are of Linux")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up(with_nuke: Bench, disk: Path) -> None:
    assert_refused(with_nuke, "the disk is full", Options(prefix=str(disk)))
    assert [path.name for path in disk.iterdir()] == ["mine.txt"]


def test_a_disk_that_is_read_only(with_nuke: Bench, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert_refused(with_nuke, "it lies on a read-only disk", Options(prefix=str(disk)))


def test_interrupted_between_its_downloads(with_nuke: Bench) -> None:
    class Interrupted(FakePip):
        def __call__(self, *_: object) -> subprocess.CompletedProcess[str]:
            raise KeyboardInterrupt

    with_nuke.pip = Interrupted()
    before = snapshot(with_nuke.system.root)
    with pytest.raises(KeyboardInterrupt):
        with_nuke.installer.nuke(Options())
    assert snapshot(with_nuke.system.root) == before
    assert [*(with_nuke.copy / ".wheels").iterdir()] == []


KILLED = """
import os, sys
from pathlib import Path
from smite_install.options import Options
from smite_install.systems import System
from tests.support.host_trees import Bench, FakePip
class Killer(FakePip):
    def __call__(self, arguments, environment):
        if self.calls:
            os._exit(9)
        return super().__call__(arguments, environment)
home, root, copy = map(Path, sys.argv[1:])
Bench(System("linux", home, {}, root), copy, Killer()).installer.nuke(Options())
"""


def test_killed_in_the_middle_and_then_done_again_and_out(with_nuke: Bench) -> None:
    add_nuke(with_nuke.system, "Nuke16.0v1")
    before = snapshot(with_nuke.system.root)
    repository = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join(str(repository / name) for name in (".", "tools"))
    places = (with_nuke.system.home, with_nuke.system.root, with_nuke.copy)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, places)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 9
    assert any(path.name.startswith(".smite.smite-new-") for path in home_of(with_nuke).iterdir())
    assert with_nuke.installer.installations("nuke", Options()) == []
    assert snapshot(with_nuke.system.root) == before, "looking for installations tidies up"
    with_nuke.installer.nuke(Options())
    uninstall(with_nuke)
    assert snapshot(with_nuke.system.root) == before
