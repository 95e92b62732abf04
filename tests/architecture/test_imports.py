"""What is imported by what, seen from outside: in fresh processes, with modules blocked."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
ARRAYS = ("torch", "numpy", "cv2", "OpenEXR", "OpenImageIO", "PyOpenColorIO", "av", "diffusers")
THIRD_PARTY_OF_THE_PROTOCOL = {"msgpack", "zmq"}

BLOCK = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked)", name=name)
sys.meta_path.insert(0, Block())
"""


def run_blocked(program: str, blocked: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run a program in a process that cannot import the ``blocked`` modules."""
    paths = os.pathsep.join(str(REPO / folder) for folder in ("plugin", "server", "."))
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(blocked=blocked) + program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def all_modules(package: Path) -> list[str]:
    """Return the dotted names of a package's modules."""
    return sorted(
        ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for file in package.rglob("*.py")
    )


def test_protocol_imports_without_torch_numpy_or_the_server() -> None:
    modules = all_modules(REPO / "plugin" / "smite_protocol")
    assert "smite_protocol.client" in modules
    blocked = (*ARRAYS, "smite_server", "smite_engine", "typer", "rich", "structlog")
    done = run_blocked("\n".join(f"import {name}" for name in modules), blocked)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("smite_protocol", THIRD_PARTY_OF_THE_PROTOCOL),
        ("smite_hosts", {"smite_protocol"}),
        ("smite_nuke", {"smite_protocol", "smite_hosts", "nuke", "nukescripts"}),
        ("smite_blender", {"smite_protocol", "smite_hosts", "bpy"}),
    ],
)
def test_plugin_uses_the_standard_library_and_little_else(package: str, others: set[str]) -> None:
    allowed = set(sys.stdlib_module_names) | others | {package}
    for file in (REPO / "plugin" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = {node.module.split(".")[0]}
            else:
                continue
            assert names <= allowed, f"{file.name} imports {sorted(names - allowed)}"


def test_command_line_and_router_import_no_array_library() -> None:
    modules = (
        "smite_server.cli_app",
        "smite_server.router",
        "smite_server.store",
        "smite_server.jobs",
        "smite_server.private",
    )
    done = run_blocked("\n".join(f"import {name}" for name in modules), ARRAYS)
    assert done.returncode == 0, done.stderr


def test_only_the_worker_names_the_engine() -> None:
    for file in sorted((REPO / "server" / "smite_server").rglob("*.py")):
        names = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
        if "worker" not in (file.stem, file.parent.name):
            assert "smite_engine" not in names, f"{file.name} imports the engine"
            assert "torch" not in names, f"{file.name} imports torch"


@pytest.mark.parametrize("missing", ["typer", "torch"])
def test_command_without_the_server_extra_is_one_sentence(missing: str) -> None:
    program = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = "
        f"lambda name, *a: None if name == {missing!r} else real(name, *a)\n"
        "sys.argv = ['smite', 'doctor']\n"
        "from smite_server.cli import main; main()"
    )
    done = run_blocked(program, (missing,))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert missing in done.stderr
    assert 'pip install "smite-comp[server]"' in done.stderr
