"""One command checks everything: the linters and type checkers run as tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in the repository; skip where it is not installed."""
    folder = Path(sys.executable).parent
    program = shutil.which(name, path=f"{folder}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    paths = os.pathsep.join(str(REPO / folder) for folder in ("plugin", "server", "."))
    environment = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1"}
    return subprocess.run(
        [program, *arguments],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_clean(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"\n{done.stdout}\n{done.stderr}"


def test_ruff_check() -> None:
    assert_clean(run_tool("ruff", "check", "--no-cache", "."))


def test_ruff_format() -> None:
    assert_clean(run_tool("ruff", "format", "--no-cache", "--check", "."))


def test_mypy_strict(tmp_path: Path) -> None:
    assert_clean(run_tool("mypy", "--cache-dir", str(tmp_path)))


def test_import_contracts() -> None:
    assert_clean(run_tool("lint-imports", "--no-cache"))


def test_plugin_is_python_3_9() -> None:
    done = run_tool(
        "vermin",
        "--no-tips",
        "--violations",
        "--target=3.9-",
        "--eval-annotations",
        "--backport",
        "typing",
        "plugin",
    )
    assert_clean(done)


@pytest.mark.parametrize("file", ["install.py", "server/smite_server/cli.py"])
def test_files_that_answer_an_old_python_with_a_sentence(file: str) -> None:
    assert_clean(run_tool("vermin", "--no-tips", "--violations", "--target=3.9-", file))
