"""The wheels for a host: had once, for old Linuxes first, from a folder without any network."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from smite_install.problems import InstallProblem
from smite_install.wheels import (
    Target,
    WheelSource,
    all_targets,
    core_requirements,
    named_target,
    run_pip,
    unpack,
)
from tests.support.host_trees import REQUIREMENTS, FakePip, write_wheel, write_wheels

REPO = Path(__file__).resolve().parents[2]
LINUX_310 = Target((3, 10), "linux-x86_64")
PINNED = ("msgpack>=1.0.7", "pyzmq>=25.1.2")


def test_the_names_of_their_folders() -> None:
    assert LINUX_310.name == "cp310-linux-x86_64"
    assert len(all_targets()) == 16
    assert [named_target(target.name) for target in all_targets()] == all_targets()


def test_what_is_needed_is_what_the_project_says() -> None:
    assert core_requirements(REPO) == PINNED


def test_each_is_fetched_once(tmp_path: Path) -> None:
    pip = FakePip()
    said: list[str] = []
    source = WheelSource(tmp_path, REQUIREMENTS, run=pip, say=said.append)
    first = source.wheels(LINUX_310)
    assert [path.name.split("-")[0] for path in first] == ["msgpack", "pyzmq"]
    assert source.wheels(LINUX_310) == first
    assert len(pip.calls) == 1
    assert said == ["fetching wheels for cp310-linux-x86_64"]
    arguments = " ".join(pip.calls[0])
    assert "download" in arguments
    assert "--only-binary=:all:" in arguments
    assert "--python-version 3.10" in arguments
    assert "manylinux2014_x86_64" in arguments
    assert "manylinux_2_28_x86_64" not in arguments


def test_other_requirements_are_fetched_anew(tmp_path: Path) -> None:
    pip = FakePip()
    WheelSource(tmp_path, REQUIREMENTS, run=pip).wheels(LINUX_310)
    WheelSource(tmp_path, ("msgpack>=1.1", "pyzmq>=26"), run=pip).wheels(LINUX_310)
    assert len(pip.calls) == 2


def test_wheels_for_later_linuxes_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    pip = FakePip(has={"manylinux_2_28_x86_64": ["3.10"]})
    found = WheelSource(tmp_path, REQUIREMENTS, run=pip).wheels(LINUX_310)
    assert all(path.name.endswith("manylinux_2_28_x86_64.whl") for path in found)
    assert len(pip.calls) == 2


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        pytest.param(
            "ERROR: No matching distribution found for pyzmq>=25.1.2",
            r"no wheels for cp310-linux-x86_64: No matching distribution found for pyzmq>=25\.1\.2",
            id="none for this Python",
        ),
        pytest.param(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n"
            "ERROR: No matching distribution found for pyzmq",
            "pip does not reach its index.*--offline WHEEL_DIR",
            id="no network",
        ),
        pytest.param("/usr/bin/python3: No module named pip", "has no pip", id="no pip"),
        pytest.param("", "it gives no reason", id="silence"),
    ],
)
def test_why_there_are_none(said: str, sentence: str, tmp_path: Path) -> None:
    pip = FakePip(has={"none": []}, said=said)
    with pytest.raises(InstallProblem, match=sentence) as problem:
        WheelSource(tmp_path, REQUIREMENTS, run=pip).wheels(LINUX_310)
    assert "\n" not in str(problem.value)
    assert [*tmp_path.iterdir()] == []


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead whatever pip would ask for to a port that nobody listens on."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def test_the_real_pip_chooses_from_a_folder_and_downloads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_network(monkeypatch)
    folder = write_wheels(tmp_path / "räder und more", all_targets())
    source = WheelSource(tmp_path / "cache", REQUIREMENTS, offline=folder)
    for target in (LINUX_310, Target((3, 13), "macos-arm64"), Target((3, 9), "windows-x86_64")):
        unpack(source.wheels(target), tmp_path / target.name)
        python, platform = target.name.split("-", 1)
        tags = (tmp_path / target.name / "zmq" / "__init__.py").read_text(encoding="utf-8")
        assert python in tags
        assert {"linux": "linux", "macos": "macosx", "windows": "win"}[
            platform.split("-")[0]
        ] in tags


def test_the_real_pip_without_the_wheels_or_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_network(monkeypatch)
    folder = write_wheels(tmp_path / "wheels", [LINUX_310])
    offline = WheelSource(tmp_path / "cache", REQUIREMENTS, offline=folder)
    with pytest.raises(InstallProblem, match=r"has no wheels of .* for cp39-linux-x86_64; put"):
        offline.wheels(Target((3, 9), "linux-x86_64"))
    with pytest.raises(InstallProblem, match="pip does not reach its index"):
        WheelSource(tmp_path / "cache", REQUIREMENTS).wheels(LINUX_310)
    with pytest.raises(InstallProblem, match="is no folder with wheels"):
        WheelSource(tmp_path, REQUIREMENTS, offline=tmp_path / "none").wheels(LINUX_310)


@pytest.mark.skipif(os.name == "nt", reason="a program of the shell's")
def test_the_real_pip_leaves_a_fresh_home_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_network(monkeypatch)
    home, programs = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    rustc = programs / "rustc"
    rustc.write_text(
        '#!/bin/sh\nmkdir -p "${RUSTUP_HOME:-$HOME/.rustup}"\nexit 1\n',
        encoding="utf-8",
    )
    rustc.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("RUSTUP_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}")
    folder = write_wheels(tmp_path / "wheels", [LINUX_310])
    WheelSource(tmp_path / "cache", REQUIREMENTS, offline=folder).wheels(LINUX_310)
    assert [*home.iterdir()] == []


def test_pip_is_that_of_the_python_that_runs_this() -> None:
    done = run_pip(["--version"], os.environ)
    assert f"python {sys.version_info[0]}.{sys.version_info[1]}" in done.stdout


def test_a_damaged_wheel(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "pyzmq", "30.1", "cp310-cp310-win_amd64", "zmq")
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(InstallProblem, match=r"pyzmq.*is damaged"):
        unpack([wheel], tmp_path / "out")


@pytest.mark.parametrize("name", ["../up.py", "/top.py", "a\\b.py", "x-1.data/scripts/x"])
def test_a_wheel_with_files_elsewhere_is_not_unpacked(name: str, tmp_path: Path) -> None:
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(name, "")
    with pytest.raises(InstallProblem, match=r"is no plain wheel|outside of itself"):
        unpack([wheel], tmp_path / "out")
    assert not (tmp_path / "out").exists()
