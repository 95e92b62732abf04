"""Menus, the preferences panel and start-up, in the strict fake Nuke."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smite_nuke.vendor import add as add_vendor
from smite_nuke.vendor import folder_name
from tests.plugin.nuke_stage import PLUGIN, nuke_with_plugin
from tests.support.fake_nuke import running, user_presses, user_sets
from tests.support.servers import REPOSITORY, ServerUnderTest

NOWHERE = "tcp://127.0.0.1:9"


def test_menus_have_the_nodes_and_the_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        import nuke

        nuke.frame(1017)
        for name in ("SMITE_Reference", "SMITE_Learn", "SMITE_Mattes", "SMITE_Pick"):
            session.choose(f"SMITE/{name}", "Nodes")
            assert nuke.toNode(f"{name}1") is not None
        assert nuke.toNode("SMITE_Reference1")["smite_frame"].value() == 1017
        names = [item.name() for item in session.menu("Nuke").findItem("SMITE").items()]
        assert names[4:] == ["Preferences...", "Server...", "Jobs...", "Open log"]


def test_a_terminal_has_gizmos_and_no_menus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE, gui=False):
        import nuke

        assert nuke.createNode("SMITE_Mattes").maxInputs() == 3


def test_the_server_in_plain_words(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, server.live.endpoint) as session:
        session.choose("SMITE/Server...")
        session.pump(lambda: bool(session.messages))
        assert session.messages[0].startswith(f"connected to {server.live.endpoint}: version")
        session.choose("SMITE/Jobs...")
        session.pump(lambda: len(session.messages) == 2)
        assert "learn  cart  done" in session.messages[1]
        session.ui.assert_never_blocked(0.05)


def test_a_server_that_is_away_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        session.choose("SMITE/Server...")
        session.pump(lambda: bool(session.messages))
        assert session.messages[0].startswith(f"No SMITE server answers at {NOWHERE}:")
        session.ui.assert_never_blocked(0.05)


def test_preferences_are_kept_and_used(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        monkeypatch.delenv("SMITE_SERVER")

        def fill(panel: object) -> bool:
            assert "SMITE_SERVER" in panel.knobs()["origin"].value()  # type: ignore[attr-defined]
            user_sets(panel, "server", server.live.endpoint)  # type: ignore[arg-type]
            user_sets(panel, "path_map", "P:\\shows=/mnt/shows")  # type: ignore[arg-type]
            user_sets(panel, "quality", "draft")  # type: ignore[arg-type]
            return True

        session.fillings.append(fill)
        session.choose("SMITE/Preferences...")
        written = json.loads((tmp_path / "preferences.json").read_text())
        assert written == {
            "server": server.live.endpoint,
            "path_map": [["P:\\shows", "/mnt/shows"]],
            "quality": "draft",
        }
        from smite_nuke.app import app

        assert app().session.endpoint == server.live.endpoint
        session.choose("SMITE/Server...")
        session.pump(lambda: bool(session.messages))
        assert session.messages[0].startswith("connected to")


def test_cancelled_and_wrong_preferences_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        session.fillings.append(lambda panel: user_sets(panel, "quality", "draft") or False)
        session.choose("SMITE/Preferences...")
        assert session.messages == []
        session.fillings.append(lambda panel: user_sets(panel, "server", "here") or True)
        session.choose("SMITE/Preferences...")
        assert "write it like tcp://127.0.0.1:5771" in session.messages[0]
        assert not (tmp_path / "preferences.json").exists()


def test_the_panel_asks_the_server_that_it_names(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        panels: list[object] = []

        def fill(panel: object) -> bool:
            panels.append(panel)
            user_sets(panel, "server", server.live.endpoint)  # type: ignore[arg-type]
            user_presses(panel, "check")  # type: ignore[arg-type]
            assert panel.knobs()["answer"].value() == "asking ..."  # type: ignore[attr-defined]
            return False

        session.fillings.append(fill)
        session.choose("SMITE/Preferences...")
        answer = panels[0].knobs()["answer"]  # type: ignore[attr-defined]
        session.pump(lambda: answer.value() != "asking ...")
        assert answer.value().startswith(f"connected to {server.live.endpoint}")


def test_the_log_is_there_to_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path, NOWHERE) as session:
        from smite_nuke import menus

        opened: list[Path] = []
        monkeypatch.setattr(menus, "open_file", opened.append)
        session.choose("SMITE/Server...")
        session.pump(lambda: bool(session.messages))
        session.choose("SMITE/Open log")
        assert opened == [tmp_path / "logs" / "nuke.log"]
        assert "No SMITE server answers" in opened[0].read_text()


def test_a_broken_plugin_never_stops_nuke(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as session:
        monkeypatch.setitem(sys.modules, "smite_protocol", None)
        monkeypatch.setitem(sys.modules, "smite_hosts", None)
        session.start_up(PLUGIN)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("SMITE does not load: ")
    assert said[1].startswith("SMITE has no menu: ")


@pytest.mark.parametrize(
    ("version", "system", "machine", "name"),
    [
        pytest.param((3, 9), "linux", "x86_64", "cp39-linux-x86_64", id="Nuke 14 on Linux"),
        pytest.param((3, 10), "win32", "AMD64", "cp310-windows-x86_64", id="Nuke 15 on Windows"),
        pytest.param((3, 11), "darwin", "arm64", "cp311-macos-arm64", id="Nuke 16 on macOS"),
    ],
)
def test_vendor_folders(version: tuple[int, int], system: str, machine: str, name: str) -> None:
    assert folder_name(version, system, machine) == name


def test_vendor_folder_of_this_python_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert not add_vendor(str(tmp_path))
    folder = tmp_path / "vendor" / folder_name()
    folder.mkdir(parents=True)
    assert add_vendor(str(tmp_path))
    assert sys.path[-1] == str(folder)


@pytest.mark.parametrize("file", sorted(PLUGIN.rglob("*.py")), ids=lambda file: file.name)
def test_plugin_is_valid_in_the_python_of_nuke_14(file: Path) -> None:
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_plugin_imports_without_torch_and_numpy() -> None:
    program = """
import sys, types
for name in ("torch", "numpy", "cv2", "OpenEXR", "smite_server", "smite_engine", "fileseq"):
    sys.modules[name] = None
nuke = types.ModuleType("nuke")
scripts = types.ModuleType("nukescripts")
scripts.PythonPanel = object
sys.modules["nuke"], sys.modules["nukescripts"] = nuke, scripts
import importlib, pathlib
for package in ("smite_hosts", "smite_nuke"):
    for file in sorted(pathlib.Path("plugin", package).glob("*.py")):
        importlib.import_module(f"{package}.{file.stem}" if file.stem != "__init__" else package)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(PLUGIN)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
