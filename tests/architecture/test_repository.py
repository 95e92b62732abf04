"""Facts about the files themselves."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SOURCES = ("plugin", "server", "smite_engine", "tests", "tools", "examples", "benchmarks")
OBJECTS_OF_THE_DEMO = ("rocket", "spaceship", "spacecraft", "missile", "shuttle", "launcher")
MEBIBYTE = 1024 * 1024


def tracked_files() -> list[Path]:
    """Return the project's files: those git knows, or, without git, those in its folders."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPO,
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        names = [name for name in done.stdout.decode().split("\0") if name]
        return [REPO / name for name in names if (REPO / name).is_file()]
    return [file for folder in SOURCES for file in (REPO / folder).rglob("*") if file.is_file()]


def python_files() -> list[Path]:
    return [file for file in tracked_files() if file.suffix == ".py"]


def test_what_must_be_there() -> None:
    for name in (
        "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "install.py", "pyproject.toml",
        ".ci/run", "plugin/smite_protocol/PROTOCOL.md", "server/smite_server/cli.py",
        "smite_engine/__init__.py",
    ):  # fmt: skip
        assert (REPO / name).is_file(), f"{name} is missing"
    assert os.access(REPO / ".ci" / "run", os.X_OK)


def test_licence_is_apache_2_in_full() -> None:
    text = (REPO / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_readme_opens_with_the_two_commands() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    commands = [line for line in lines[:12] if line.startswith(("git clone", "python install.py"))]
    assert any(line.startswith("python install.py demo") for line in commands)
    assert len(commands) == 2


def test_version_is_said_once_and_the_same() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["project"]["version"]
    source = (REPO / "server" / "smite_server" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{version}"' in source
    assert f"## {version}" in (REPO / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_pin_of_torch_satisfies_the_extra() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    server = project["project"]["optional-dependencies"]["server"]
    (bound,) = [entry for entry in server if entry.startswith("torch>=")]
    (pin,) = re.findall(
        r'^TORCH = "torch==([\d.]+)"$', (REPO / "install.py").read_text(encoding="utf-8"), re.M
    )
    assert _numbers(pin) >= _numbers(bound.removeprefix("torch>="))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def test_core_stays_light() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    names = {re.split(r"[<>=~! ]", entry)[0] for entry in project["project"]["dependencies"]}
    assert names == {"msgpack", "pyzmq"}


def test_nothing_is_pickled_and_nothing_evaluated() -> None:
    forbidden = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "cloudpickle", "yaml"}
    for file in python_files():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            where = f"{file.relative_to(REPO)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not forbidden & {alias.name for alias in node.names}, where
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in forbidden, where
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called == "torch.load":
                    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    assert given.get("weights_only") == "True", where
                named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert named.get("allow_pickle") in (None, "False"), where
                assert called not in {"builtins.eval", "builtins.exec", "torch.hub.load"}, where
                assert called not in {"os.system", "os.popen"}, where
                assert named.get("shell") in (None, "False"), where
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, where


def test_no_paths_of_anybodys_machine() -> None:
    machine = re.compile(r"(?<![\w.])/(?:root|work|home/[a-z]\w*|Users/[a-z]\w*)/")
    for file in tracked_files():
        if file.suffix in {".py", ".md", ".toml", ".json", ".yml", ".sh", ".cfg", ""}:
            if file.stat().st_size > 4 * MEBIBYTE or file == Path(__file__).resolve():
                continue
            found = machine.search(file.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{file.relative_to(REPO)} has {found and found.group()!r}"


def test_the_demo_shot_is_small() -> None:
    folder = REPO / "examples" / "rocket"
    size = sum(file.stat().st_size for file in tracked_files() if file.is_relative_to(folder))
    assert size < 12 * MEBIBYTE, f"examples/rocket has {size / MEBIBYTE:.1f} MiB"


def test_files_and_functions_stay_readable() -> None:
    """A measure to steer by is 300 lines; what ships is never over 400."""
    shipped = [REPO / name for name in ("plugin", "server", "smite_engine", "install.py")]
    for file in python_files():
        if not any(file.is_relative_to(place) for place in shipped):
            continue
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{file.relative_to(REPO)} has {lines} lines; split it"


def manifests() -> list[Path]:
    return sorted((REPO / "smite_engine" / "weights").glob("*/manifest.json"))


@pytest.mark.parametrize("word", OBJECTS_OF_THE_DEMO)
def test_weights_were_not_trained_on_the_demos_kind_of_object(word: str) -> None:
    found = manifests()
    assert found, "smite_engine/weights/*/manifest.json is missing"
    pattern = re.compile(rf"(?<![a-z]){word}s?(?![a-z])", re.IGNORECASE)
    for manifest in found:
        for text in _training_strings(json.loads(manifest.read_text(encoding="utf-8"))):
            assert not pattern.search(text), f"{manifest.parent.name} names {text!r}"


def _training_strings(value: object) -> list[str]:
    """Return the strings of a manifest that name what was trained on, keys included.

    Sentences that say what is *not* in the data are under keys with ``exclu`` in their name.
    """
    if isinstance(value, dict):
        named = {name: entry for name, entry in value.items() if not _says_what_is_not(name)}
        return [*named, *(text for name in named for text in _training_strings(named[name]))]
    if isinstance(value, list):
        return [text for entry in value for text in _training_strings(entry)]
    return [value] if isinstance(value, str) else []


def _says_what_is_not(key: str) -> bool:
    return "exclu" in key or "not_in" in key


def test_the_trainers_read_nothing_of_the_examples() -> None:
    for file in sorted((REPO / "tools" / "training").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _is_docstring(node.value):
                    continue
                assert "examples" not in Path(node.value).parts, f"{file.name}:{node.lineno}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert "examples" not in ast.unparse(node), f"{file.name}:{node.lineno}"


def _is_docstring(text: str) -> bool:
    return len(text.split()) > 6


def test_weights_are_safetensors_and_match_their_manifest() -> None:
    for manifest in manifests():
        told = json.loads(manifest.read_text(encoding="utf-8"))
        files = told.get("files", {})
        for file in manifest.parent.rglob("*"):
            assert file.suffix not in {".pt", ".pth", ".bin", ".ckpt", ".pkl"}, file.name
        for name, entry in files.items() if isinstance(files, dict) else ():
            expected = entry.get("sha256") if isinstance(entry, dict) else entry
            actual = hashlib.sha256((manifest.parent / name).read_bytes()).hexdigest()
            assert actual == expected, f"{name} is not the file of the manifest"
