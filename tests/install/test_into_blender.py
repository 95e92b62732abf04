"""`install.py blender`: an extension that a real Blender takes; the add-on in a Python with bpy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from smite_install.blender_wheels import write_own_wheel
from smite_install.bpy_environment import FOLDER
from smite_install.options import Options
from smite_install.problems import InstallProblem
from smite_install.systems import LINUX, MACOS, WINDOWS
from tests.support.host_trees import Bench, FakePip, add_blender, machine, snapshot
from tests.support.hosts import bpy_python

PLACE = "extensions/user_default/smite_blender"


def uninstall(bench: Bench, options: Options | None = None) -> None:
    found = bench.installer.installations("blender", options or Options())
    assert found
    bench.installer.remove(found)


@pytest.mark.parametrize(
    ("name", "wheels"),
    [
        (LINUX, {"4.5": ["cp311-manylinux2014_x86_64"], "5.1": ["cp313-manylinux2014_x86_64"]}),
        (
            MACOS,
            {
                version: [f"{python}-macosx_10_15_x86_64", f"{python}-macosx_11_0_arm64"]
                for version, python in (("4.5", "cp311"), ("5.1", "cp313"))
            },
        ),
        (WINDOWS, {"4.5": ["cp311-win_amd64"], "5.1": ["cp313-win_amd64"]}),
    ],
)
def test_in_and_out_of_every_blender(
    name: str, wheels: dict[str, list[str]], bench: Bench, tmp_path: Path
) -> None:
    bench.system = machine(name, tmp_path / f"{name} disk")
    folders = {version: add_blender(bench.system, version) for version in ("4.1", *wheels)}
    before = snapshot(bench.system.root)
    bench.installer.blender(Options())
    assert not (folders["4.1"] / "extensions").exists()
    for version, tags in wheels.items():
        extension = folders[version] / PLACE
        manifest = tomllib.loads((extension / "blender_manifest.toml").read_text(encoding="utf-8"))
        listed = sorted(manifest["wheels"])
        own = [name for name in listed if "smite_plugin" in name]
        assert len(own) == 1
        for wheel in listed:
            assert (extension / wheel).is_file()
        pyzmq = [name for name in listed if "/pyzmq-" in name]
        assert ["-".join(name.removesuffix(".whl").split("-")[-2:]) for name in pyzmq] == tags
        assert (manifest["id"], manifest["version"]) == ("smite_blender", "0.1.0")
        assert (extension / "__init__.py").is_file()
    once = snapshot(bench.system.root)
    bench.installer.blender(Options())
    assert snapshot(bench.system.root) == once
    uninstall(bench)
    assert snapshot(bench.system.root) == before


def test_one_blender_without_wheels_leaves_all_as_they_were(bench: Bench) -> None:
    add_blender(bench.system, "4.5")
    add_blender(bench.system, "5.1")
    bench.pip = FakePip(has={"manylinux2014_x86_64": ["3.11"]})
    before = snapshot(bench.system.root)
    with pytest.raises(InstallProblem, match="no wheels for cp313-linux-x86_64"):
        bench.installer.blender(Options())
    assert snapshot(bench.system.root) == before


def test_a_manifest_of_the_add_ons_own_is_used(bench: Bench) -> None:
    folder = add_blender(bench.system, "4.5")
    (bench.copy / "plugin/smite_blender/blender_manifest.toml").write_text(
        'schema_version = "1.0.0"\nname = "Ours"\n[permissions]\nfiles = "x"\n',
        encoding="utf-8",
    )
    bench.installer.blender(Options())
    text = (folder / PLACE / "blender_manifest.toml").read_text(encoding="utf-8")
    manifest = tomllib.loads(text)
    assert manifest["name"] == "Ours"
    assert len(manifest["wheels"]) == 3
    assert manifest["permissions"] == {"files": "x"}


def test_our_own_wheel_has_the_shared_packages_and_a_version_by_its_contents(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "again").mkdir()
    first = write_own_wheel(bench.copy, "0.1.0", tmp_path)
    again = write_own_wheel(bench.copy, "0.1.0", tmp_path / "again")
    assert (first.name, first.read_bytes()) == (again.name, again.read_bytes())
    with zipfile.ZipFile(first) as file:
        assert file.testzip() is None
        tops = {name.split("/")[0] for name in file.namelist()}
    info = first.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert tops == {"smite_protocol", "smite_hosts", info}
    (bench.copy / "plugin/smite_hosts/__init__.py").write_text("changed = 1\n", encoding="utf-8")
    assert write_own_wheel(bench.copy, "0.1.0", tmp_path).name != first.name


@pytest.mark.slow
def test_pip_takes_our_own_wheel(bench: Bench, tmp_path: Path) -> None:
    wheel = write_own_wheel(bench.copy, "0.1.0", tmp_path)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(tmp_path / "to"), str(wheel)], check=True)
    assert (tmp_path / "to" / "smite_hosts" / "__init__.py").is_file()


USE = """
import bpy, json, sys
import addon_utils
module = addon_utils.enable("bl_ext.user_default.smite_blender")
import msgpack, smite_hosts, smite_protocol, zmq
warnings = addon_utils._extensions_warnings_get()
print(json.dumps([module.__name__, smite_protocol.__file__, warnings]))
"""


def in_blender(python: str, home: Path, program: str) -> str:
    """Run a program in a real Blender whose user has this home; return what it prints."""
    dropped = ("PYTHONPATH", "XDG_CONFIG_HOME", "BLENDER_USER_RESOURCES")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    cache = str(home.parent / "cache of the desktop")
    done = subprocess.run(
        [python, "-c", program],
        env={**environment, "HOME": str(home), "XDG_CACHE_HOME": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_a_real_blender_unpacks_enables_and_forgets_it(bench: Bench) -> None:
    python = bpy_python()
    user = add_blender(bench.system, "4.5")
    before = snapshot(user)
    bench.installer.blender(Options())
    said = in_blender(python, bench.system.home, USE)
    assert "registered as bl_ext.user_default.smite_blender" in said
    site = user / "extensions/.local/lib/python3.11/site-packages"
    name, file, warnings = json.loads(said.splitlines()[-1])
    assert name == "bl_ext.user_default.smite_blender"
    assert Path(file).is_relative_to(site)
    assert (site / "zmq" / "__init__.py").is_file()
    assert (site / "msgpack" / "__init__.py").is_file()
    assert warnings == {}, "Blender names a violation of its rules"
    uninstall(bench)
    assert snapshot(user) == before


@pytest.mark.slow
def test_a_later_version_reaches_a_real_blender(bench: Bench) -> None:
    python = bpy_python()
    add_blender(bench.system, "4.5")
    program = USE + "print('STATE', getattr(smite_hosts, 'STATE', 'old'))"
    bench.installer.blender(Options())
    assert "STATE old" in in_blender(python, bench.system.home, program)
    changed = bench.copy / "plugin/smite_hosts/__init__.py"
    changed.write_text("STATE = 'new'\n", encoding="utf-8")
    bench.installer.blender(Options())
    assert "STATE new" in in_blender(python, bench.system.home, program)


def test_wheels_that_another_extension_needs_stay(bench: Bench) -> None:
    user = add_blender(bench.system, "4.5")
    bench.installer.blender(Options())
    other = user / "extensions/blender_org/other"
    other.mkdir(parents=True)
    name = "pyzmq-30.1-cp311-cp311-manylinux2014_x86_64.whl"
    (other / "blender_manifest.toml").write_text(f'wheels = ["./wheels/{name}"]', encoding="utf-8")
    site = user / "extensions/.local/lib/python3.11/site-packages"
    for wheel in (user / PLACE / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(site)
    uninstall(bench)
    assert sorted(path.name for path in site.iterdir()) == ["pyzmq-30.1.dist-info", "zmq"]


@pytest.fixture
def python_with_bpy(tmp_path: Path) -> Path:
    """An environment with a module called bpy, and with a msgpack that its owner put there."""
    folder = tmp_path / "ünv"
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "bpy.py").touch()
    (site / "msgpack.py").write_text("OWN = 1\n", encoding="utf-8")
    return folder / "bin" / "python"


@pytest.mark.skipif(os.name == "nt", reason="the folders of an environment as Unix has them")
def test_into_a_python_with_bpy_and_out_again(bench: Bench, python_with_bpy: Path) -> None:
    before = snapshot(python_with_bpy.parents[1])
    options = Options(python=str(python_with_bpy))
    bench.installer.blender(options)
    bench.installer.blender(options)
    program = "import smite_blender, zmq, msgpack; print(zmq.TAGS, msgpack.OWN, zmq.__file__)"
    done = subprocess.run(
        [python_with_bpy, "-B", "-E", "-c", program], capture_output=True, text=True, check=True
    )
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert done.stdout.startswith(f"{tag}-{tag}-manylinux2014_x86_64 1 ")
    assert FOLDER in done.stdout
    uninstall(bench, options)
    assert snapshot(python_with_bpy.parents[1]) == before


def test_a_python_without_bpy_and_something_that_is_none(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(InstallProblem, match="cannot be run as a Python"):
        bench.installer.blender(Options(python=str(tmp_path / "none")))
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    python = next(path for path in bare.rglob("python*") if path.stem == "python")
    with pytest.raises(InstallProblem, match="has no module bpy; put it there first"):
        bench.installer.blender(Options(python=str(python)))
    with pytest.raises(InstallProblem, match="has no module bpy"):
        bench.installer.installations("blender", Options(python=str(python)))
