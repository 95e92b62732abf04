"""install.py: the choice of torch, the steps, the stamp, and what failures say.

pip and venv are faked where processes are started; everything else is the real program.
"""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
CPU_INDEX = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")


@pytest.mark.parametrize(
    ("system", "driver", "index_answers", "arguments", "reason"),
    [
        pytest.param("Linux", False, True, CPU_INDEX, "CPU build from", id="linux, no driver"),
        pytest.param("Linux", False, False, (), "does not answer", id="linux, no driver, offline"),
        pytest.param("Linux", True, True, (), "has CUDA", id="linux with a driver"),
        pytest.param("Darwin", False, True, (), "macOS", id="macos"),
        pytest.param("Windows", False, True, (), "on the CPU", id="windows"),
        pytest.param("Windows", True, True, (), "pytorch.org", id="windows with a driver"),
    ],
)
def test_choice_of_torch(
    installer: ModuleType,
    system: str,
    driver: bool,
    index_answers: bool,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    choice = installer.choose_torch(system, driver, index_answers)
    assert choice.arguments == arguments
    assert reason in choice.reason


@pytest.fixture
def silent_server() -> Iterator[str]:
    """An address that takes connections and never answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.server_close()


def test_an_index_that_does_not_answer_costs_little_time(
    folder_with_spaces: Path, silent_server: str
) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(folder_with_spaces)!r}); import install;"
        f" print(install.answers({silent_server!r}, 0.3))"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    assert time.monotonic() - started < 3.0


def test_an_index_that_answers_is_seen(folder_with_spaces: Path) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        program = (
            f"import sys; sys.path.insert(0, {str(folder_with_spaces)!r}); import install;"
            f" print(install.answers('http://127.0.0.1:{server.server_address[1]}'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.stdout.strip() == "True"


def test_torch_comes_first_pinned_and_stays(installer: ModuleType, processes: Any) -> None:
    installer.install(frozenset({"server"}))
    first, second = processes.pip()
    assert first[-1] == "torch==2.13.0"
    assert second[-2:] == ["-e", ".[server]"]
    constraints = Path(second[second.index("-c") + 1])
    assert constraints.read_text(encoding="utf-8") == "torch==2.13.0\n"
    assert " " in str(constraints)
    for arguments in (first, second):
        assert "--only-binary=:all:" in arguments
    assert not any("torchvision" in word for command in processes.commands for word in command)


def test_the_second_run_skips_pip(installer: ModuleType, processes: Any) -> None:
    installer.install(frozenset({"server"}))
    processes.commands.clear()
    installer.install(frozenset({"server"}))
    assert processes.commands == []


def test_test_after_demo_adds_the_tools_and_demo_after_test_does_not(
    installer: ModuleType, processes: Any
) -> None:
    installer.install(frozenset({"server"}))
    processes.commands.clear()
    installer.install(frozenset({"server", "dev"}))
    assert processes.pip()[-2][-1] == ".[dev,server]"
    assert processes.pip()[-1][-2:] == ["--no-deps", "vos-benchmark==0.1.0"]
    assert not any(command[1:3] == ["-m", "venv"] for command in processes.commands)
    processes.commands.clear()
    installer.install(frozenset({"server"}))
    assert processes.commands == []


def test_a_changed_pyproject_installs_again(
    installer: ModuleType, processes: Any, folder_with_spaces: Path
) -> None:
    installer.install(frozenset({"server"}))
    processes.commands.clear()
    with (folder_with_spaces / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    installer.install(frozenset({"server"}))
    assert len(processes.pip()) == 2


def test_an_installation_that_broke_off_is_done_again(
    installer: ModuleType, processes: Any
) -> None:
    installer.install(frozenset({"server"}))
    processes.fail = lambda command: "-e" in command
    with pytest.raises(installer.StepFailed, match="run the same command again"):
        installer.install(frozenset({"server", "dev"}))
    processes.fail = lambda command: False
    processes.commands.clear()
    installer.install(frozenset({"server"}))
    assert len(processes.pip()) == 2


def test_a_failed_step_is_told_with_the_way_on(
    installer: ModuleType, processes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.fail = lambda command: command[1:3] == ["-m", "venv"]
    assert installer.main(["demo"]) == 1
    shown = capsys.readouterr()
    assert "make the virtual environment" in shown.err
    assert "python3-venv" in shown.err
    assert "-m venv" in shown.out


def test_a_folder_that_is_no_environment_is_left_alone(
    installer: ModuleType, processes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "film.txt").write_text("mine", encoding="utf-8")
    monkeypatch.setenv("SMITE_VENV", str(precious))
    assert installer.main(["demo"]) == 1
    assert processes.commands == []
    assert installer.main(["uninstall", "--yes"]) == 0
    assert (precious / "film.txt").exists()


def test_demo_runs_the_demo_with_the_environments_python(
    installer: ModuleType, processes: Any, folder_with_spaces: Path
) -> None:
    assert installer.main(["demo", "--", "--draft"]) == 0
    last = processes.commands[-1]
    assert Path(last[0]).is_relative_to(folder_with_spaces / ".venv")
    assert last[1].endswith("demo.py")
    assert last[-1] == "--draft"


def test_another_folder_for_the_environment(
    installer: ModuleType, processes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "an environment"
    monkeypatch.setenv("SMITE_VENV", str(elsewhere))
    python = installer.install(frozenset({"server"}))
    assert python.is_relative_to(elsewhere)


def test_uninstall_removes_what_was_made_and_nothing_else(
    installer: ModuleType, processes: Any, folder_with_spaces: Path
) -> None:
    installer.install(frozenset({"server"}))
    (folder_with_spaces / "demo-output").mkdir()
    assert installer.main(["uninstall", "--yes"]) == 0
    assert sorted(path.name for path in folder_with_spaces.iterdir()) == [
        "install.py",
        "pyproject.toml",
        "tools",
    ]
    assert installer.main(["uninstall"]) == 0


def test_uninstall_asks(
    installer: ModuleType,
    processes: Any,
    folder_with_spaces: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installer.install(frozenset({"server"}))
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    assert installer.main(["uninstall"]) == 1
    assert (folder_with_spaces / ".venv").is_dir()


def test_a_real_process_in_a_path_with_spaces(
    folder_with_spaces: Path, fresh_home: dict[str, str]
) -> None:
    """The program as people start it; what it says needs no installation."""
    done = subprocess.run(
        [sys.executable, str(folder_with_spaces / "install.py"), "uninstall"],
        env=fresh_home,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "Nothing is installed here."


def test_an_old_python_is_told_so(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installer.sys, "version_info", (3, 10, 4, "final", 0))
    assert installer.main(["demo"]) == 2
    assert capsys.readouterr().err.strip() == "SMITE needs Python 3.11 or newer; this is 3.10.4."
