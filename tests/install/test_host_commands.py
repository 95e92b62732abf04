"""`install.py nuke, blender, uninstall` as they are typed: what is printed, the exit status."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smite_install import payload
from smite_install.problems import InstallProblem
from smite_install.wheels import all_targets, named_target
from tests.support import hosts
from tests.support.host_trees import snapshot, write_copy, write_wheels

REPO = Path(__file__).resolve().parents[2]


def run(copy: Path, home: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(copy / "install.py"), *arguments],
        env=home,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def copy(folder_with_spaces: Path) -> Path:
    """A copy of SMITE with a plug-in in it."""
    return write_copy(folder_with_spaces)


def test_in_twice_and_out_again_from_a_folder_of_wheels(
    copy: Path, fresh_home: dict[str, str], tmp_path: Path
) -> None:
    wheels = write_wheels(tmp_path / "wheels", [named_target("cp310-linux-x86_64")])
    nuke = tmp_path / "Nuke15.1v3"
    nuke.mkdir()
    home = Path(fresh_home["HOME"])
    arguments = ("--host", str(nuke), "--offline", str(wheels), "--vendor", "cp310-linux-x86_64")
    first = run(copy, fresh_home, "nuke", *arguments)
    assert (first.returncode, first.stderr) == (0, "")
    assert f"installed: {home / '.nuke' / 'smite'}" in first.stdout
    once = snapshot(home)
    assert run(copy, fresh_home, "nuke", *arguments).returncode == 0
    assert snapshot(home) == once
    shown = run(copy, fresh_home, "uninstall", "--dry-run")
    assert f"{home / '.nuke' / 'smite'} (SMITE 0.1.0 for Nuke)" in shown.stdout
    assert f"the marked lines in {home / '.nuke' / 'init.py'}" in shown.stdout
    assert run(copy, fresh_home, "uninstall", "nuke", "--yes").returncode == 0
    assert snapshot(home) == {}
    again = run(copy, fresh_home, "uninstall", "nuke", "--yes")
    assert (again.returncode, again.stdout.strip()) == (0, "Nothing is installed here.")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        pytest.param(
            ("nuke", "--host", "nowhere"), 1, "nowhere does not exist", id="no such folder"
        ),
        pytest.param(
            ("nuke", "--prefix", "x", "--offline", "nowhere"),
            1,
            "is no folder with",
            id="no wheels",
        ),
        pytest.param(("blender",), 1, "No Blender 4.2 or later", id="no Blender"),
        pytest.param(("blender", "--python", "none"), 1, "cannot be run", id="no Python"),
        pytest.param(
            ("blender", "--python", "a", "--host", "b"), 1, "give one of them", id="two places"
        ),
        pytest.param(("uninstall", "--prefix", "x"), 1, "Nothing is installed in", id="not there"),
        pytest.param(("nuke", "--python", "x"), 2, "unrecognized arguments", id="another's option"),
        pytest.param(("demo", "--prefix", "x"), 2, "unrecognized arguments", id="no such option"),
        pytest.param((), 2, "COMMAND", id="nothing"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_a_status(
    arguments: tuple[str, ...],
    status: int,
    sentence: str,
    copy: Path,
    fresh_home: dict[str, str],
) -> None:
    done = run(copy, fresh_home, *arguments)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert len(done.stderr.strip().splitlines()) == 1
    assert snapshot(Path(fresh_home["HOME"])) == {}


def test_the_installer_needs_nothing_but_the_standard_library() -> None:
    allowed = set(sys.stdlib_module_names) | {"smite_install"}
    for file in (REPO / "install.py", *(REPO / "tools" / "smite_install").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, file.name


def test_the_plug_in_looks_for_its_wheels_where_they_are_put() -> None:
    vendor = pytest.importorskip("smite_nuke.vendor", reason="there is no plug-in for Nuke yet")
    systems = {"linux": "linux", "macos": "darwin", "windows": "win32"}
    machines = {"linux": "x86_64", "windows": "AMD64"}
    for target in all_targets():
        system, _, machine = target.platform.partition("-")
        told = vendor.folder_name(target.python, systems[system], machines.get(system, machine))
        assert told == target.name


@pytest.mark.parametrize("host", payload.HOSTS)
def test_this_copy_of_smite_has_all_that_a_host_gets(host: str) -> None:
    if not (REPO / "plugin" / payload.HOSTS[host].package / "__init__.py").is_file():
        with pytest.raises(InstallProblem, match=f"no plugin/{payload.HOSTS[host].package}"):
            payload.check(REPO, host)
        return
    payload.check(REPO, host)


def test_the_add_on_names_its_own_modules_by_dots_only() -> None:
    """As an extension it is called `bl_ext.user_default.smite_blender`, so its own name fails."""
    for file in payload.files_of(REPO / "plugin" / "smite_blender"):
        if file.suffix == ".py":
            text = file.read_text(encoding="utf-8")
            assert "from smite_blender" not in text, f"{file.name}: write `from .`"
            assert "import smite_blender" not in text, f"{file.name}: write `from . import`"


def test_tests_with_hosts_have_blender_and_the_readers_and_leave_nothing_out(
    installer: ModuleType, processes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []

    def run_through(command: list[str], environment: dict[str, str]) -> int:
        seen.append((command, environment))
        return 5

    monkeypatch.delenv("SMITE_BPY_PYTHON", raising=False)
    monkeypatch.setattr(installer, "run_through", run_through)
    monkeypatch.setattr(installer, "BPY_PYTHON", sys.version_info[:2])
    assert installer.main(["test", "--hosts", "--", "-q"]) == 5
    ((command, environment),) = seen
    assert command[-1] == "-q"
    assert environment["SMITE_REQUIRE_HOSTS"] == "1"
    python = environment["SMITE_BPY_PYTHON"]
    assert Path(python).is_relative_to(installer.bpy_folder())
    assert python != command[0]
    assert [arguments[-1] for arguments in processes.pip()][2] == ".[dev,readers,server]"
    bpy = processes.pip()[0]
    assert "bpy==4.5.*" in bpy
    assert any(word.startswith("pyzmq") for word in bpy)
    assert any("import bpy" in word for word in processes.commands[2])
    processes.commands.clear()
    assert installer.main(["test", "--hosts"]) == 5
    assert processes.commands == []
    assert installer.main(["uninstall", "--yes"]) == 0
    assert not installer.bpy_folder().exists()


def test_a_missing_host_is_skipped_unless_it_must_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SMITE_BPY_PYTHON", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(hosts.REQUIRED, raising=False)
    for look in (hosts.bpy_python, hosts.tclsh, lambda: hosts.reader("no_such_reader")):
        with pytest.raises(pytest.skip.Exception):
            look()
    monkeypatch.setenv(hosts.REQUIRED, "1")
    for look in (hosts.bpy_python, hosts.tclsh, lambda: hosts.reader("no_such_reader")):
        with pytest.raises(pytest.fail.Exception):
            look()


def test_tests_without_hosts_ask_for_none(
    installer: ModuleType, processes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMITE_REQUIRE_HOSTS", raising=False)
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(installer, "run_through", lambda command, env: seen.append(env) or 0)
    assert installer.main(["test"]) == 0
    assert "SMITE_REQUIRE_HOSTS" not in seen[0]
    assert not installer.bpy_folder().exists()


def test_a_blender_that_lacks_libraries_says_which(
    installer: ModuleType,
    processes: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("SMITE_BPY_PYTHON", raising=False)
    monkeypatch.setattr(installer, "BPY_PYTHON", sys.version_info[:2])
    processes.fail = lambda command: "import bpy" in command[-1]
    assert installer.main(["test", "--hosts"]) == 1
    assert "apt install libgl1 libsm6" in capsys.readouterr().err
    processes.fail = lambda command: False
    processes.commands.clear()
    installer.install_bpy()
    assert processes.commands, "an environment that does not work is not taken for done"
