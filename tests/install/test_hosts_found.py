"""Where hosts are looked for on each system, and which Python each of them has."""

from __future__ import annotations

from pathlib import Path

import pytest

from smite_install.hosts import find_blenders, find_nukes, nuke_home
from smite_install.problems import InstallProblem
from smite_install.systems import LINUX, MACOS, WINDOWS
from tests.support.host_trees import add_blender, add_nuke, machine

SYSTEMS = (LINUX, MACOS, WINDOWS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_nukes_are_found_in_their_usual_place_and_old_ones_are_not(
    name: str, tmp_path: Path
) -> None:
    system = machine(name, tmp_path)
    for folder in ("Nuke13.2v8", "Nuke14.0v5", "Nuke15.1v3", "Nuke16.0v1", "Nuker", "Mari7.0v1"):
        add_nuke(system, folder)
    found = find_nukes(system)
    assert [nuke.version for nuke in found] == [(14, 0), (15, 1), (16, 0)]
    assert [nuke.pythons for nuke in found] == [((3, 9),), ((3, 10),), ((3, 11),)]


@pytest.mark.parametrize(
    ("name", "python_file", "python"),
    [
        pytest.param(LINUX, "libpython3.12.so.1.0", (3, 12), id="linux: the library's name"),
        pytest.param(WINDOWS, "python313.dll", (3, 13), id="windows: the library's name"),
        pytest.param(WINDOWS, "python3.dll", None, id="windows: the one for all is no answer"),
        pytest.param(MACOS, "libpython3.11.dylib", (3, 11), id="macos: the library's name"),
    ],
)
def test_a_nukes_own_files_say_which_python_it_has(
    name: str, python_file: str, python: tuple[int, int] | None, tmp_path: Path
) -> None:
    system = machine(name, tmp_path)
    add_nuke(system, "Nuke17.0v1", python_file)
    (found,) = find_nukes(system)
    assert found.pythons == ((python,) if python else ((3, 11), (3, 13)))


def test_a_later_nuke_than_any_known_gets_the_latest_pythons(tmp_path: Path) -> None:
    system = machine(LINUX, tmp_path)
    add_nuke(system, "Nuke19.2v1")
    assert find_nukes(system)[0].pythons == ((3, 11), (3, 13))


def test_a_nuke_elsewhere_is_named_by_its_folder_or_its_program(tmp_path: Path) -> None:
    system = machine(LINUX, tmp_path / "disk")
    folder = tmp_path / "my apps" / "Nuke15.0v4"
    folder.mkdir(parents=True)
    program = folder / "Nuke15.0"
    program.touch()
    for named in (folder, program):
        (found,) = find_nukes(system, [named])
        assert (found.version, found.folder) == ((15, 0), folder)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("nowhere", "does not exist", id="missing"),
        pytest.param("Blender 4.5", "is no Nuke", id="another program"),
        pytest.param("Nuke12.2v1", "needs Nuke 14 or later", id="too old"),
    ],
)
def test_a_named_folder_that_is_no_nuke(name: str, sentence: str, tmp_path: Path) -> None:
    system = machine(LINUX, tmp_path / "disk")
    if name != "nowhere":
        (tmp_path / name).mkdir()
    with pytest.raises(InstallProblem, match=sentence):
        find_nukes(system, [tmp_path / name])


def test_no_host_at_all_says_where_was_looked(tmp_path: Path) -> None:
    system = machine(LINUX, tmp_path)
    with pytest.raises(InstallProblem, match=r"No Nuke 14 or later .*local.*--host PATH"):
        find_nukes(system)
    with pytest.raises(InstallProblem, match=r"No Blender 4\.2 or later .*--host PATH"):
        find_blenders(system)


def test_the_home_of_nuke(tmp_path: Path) -> None:
    assert nuke_home(machine(LINUX, tmp_path / "l")) == tmp_path / "l/home/Zoë 影 Müller/.nuke"
    windows = machine(WINDOWS, tmp_path / "w")
    assert nuke_home(windows) == windows.home / ".nuke"
    roaming = machine(WINDOWS, tmp_path / "r", HOME=str(tmp_path / "net home"))
    assert nuke_home(roaming) == tmp_path / "net home" / ".nuke"


@pytest.mark.parametrize("name", SYSTEMS)
def test_blenders_that_were_used_are_found(name: str, tmp_path: Path) -> None:
    system = machine(name, tmp_path)
    folders = [add_blender(system, version) for version in ("4.1", "4.2", "4.5", "5.0", "5.1")]
    found = find_blenders(system)
    assert [one.user_folder for one in found] == folders[1:]
    assert [one.python for one in found] == [(3, 11), (3, 11), (3, 11), (3, 13)]


@pytest.mark.parametrize(
    ("name", "program"),
    [
        pytest.param(LINUX, "opt/blender-5.0.1-linux-x64/5.0", id="linux: unpacked"),
        pytest.param(LINUX, "usr/share/blender/5.0", id="linux: the distribution's"),
        pytest.param(MACOS, "Applications/Blender.app/Contents/Resources/5.0", id="macos"),
        pytest.param(
            WINDOWS, "Program Files/Blender Foundation/Blender 5.0/5.0", id="windows: installed"
        ),
    ],
)
def test_a_blender_that_never_ran_is_found_by_its_program(
    name: str, program: str, tmp_path: Path
) -> None:
    system = machine(name, tmp_path)
    (tmp_path / program).mkdir(parents=True)
    (found,) = find_blenders(system)
    assert found.version == (5, 0)
    assert found.user_folder.is_relative_to(system.home)
    assert not found.user_folder.exists()


def test_a_named_blender_and_a_portable_one(tmp_path: Path) -> None:
    system = machine(LINUX, tmp_path / "disk")
    folder = tmp_path / "tools" / "blender-5.1.0"
    (folder / "5.1" / "scripts").mkdir(parents=True)
    program = folder / "blender"
    program.touch()
    for named in (folder, program):
        (found,) = find_blenders(system, [named])
        assert found.version == (5, 1)
        assert found.user_folder == system.home / ".config/blender/5.1"
    (folder / "portable").mkdir()
    assert find_blenders(system, [folder])[0].user_folder == folder / "portable"
    with pytest.raises(InstallProblem, match="is no Blender"):
        find_blenders(system, [tmp_path / "tools"])
