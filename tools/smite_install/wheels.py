"""The wheels of pyzmq and msgpack for a host's Python, had once by pip, and unpacked.

A wheel is for one Python and one kind of machine, which is seldom the one that runs this. pip
chooses (`--python-version`, `--platform`) and checks; each choice is kept in a folder called like
the one it is unpacked to, for instance `cp310-linux-x86_64`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .hosts import Python
from .problems import InstallProblem, explaining

# What pip calls the machines on which a wheel runs, in steps: the first that has all wheels is
# taken. glibc 2.17 is that of CY2022 hosts on CentOS 7; a wheel for it runs on all later ones.
PLATFORMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "linux-x86_64": (
        ("manylinux2014_x86_64", "manylinux_2_17_x86_64"),
        ("manylinux2014_x86_64", "manylinux_2_26_x86_64", "manylinux_2_28_x86_64"),
    ),
    "macos-arm64": (("macosx_11_0_arm64",), ("macosx_12_0_arm64",)),
    "macos-x86_64": (("macosx_10_15_x86_64",), ("macosx_12_0_x86_64",)),
    "windows-x86_64": (("win_amd64",),),
}
PYTHONS: tuple[Python, ...] = ((3, 9), (3, 10), (3, 11), (3, 13))
REQUIREMENTS = "requirements.txt"
_NO_NETWORK = re.compile(
    r"Retrying|NewConnectionError|ConnectionError|Could not fetch URL|Name or service"
    r"|name resolution|timed out|SSLError|ProxyError",
    re.IGNORECASE,
)

Run = Callable[[Sequence[str], Mapping[str, str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, order=True)
class Target:
    """The Python of a host and the machine it runs on."""

    python: Python
    platform: str

    @property
    def name(self) -> str:
        """Return the name of its folder below `vendor`."""
        return f"cp{self.python[0]}{self.python[1]}-{self.platform}"


def all_targets() -> list[Target]:
    """Return every target there is."""
    return sorted(Target(python, platform) for python in PYTHONS for platform in PLATFORMS)


def named_target(name: str) -> Target:
    """Return the target whose folder is called ``name``. Raises InstallProblem."""
    by_name = {target.name: target for target in all_targets()}
    if name not in by_name:
        raise InstallProblem(f"--vendor {name} is unknown; there are {', '.join(by_name)}.")
    return by_name[name]


def run_pip(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run pip with the Python that runs this."""
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(
        command,
        env=dict(environment),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


@dataclass(frozen=True)
class WheelSource:
    """Where wheels come from: pip's index, once, into ``cache``; or ``offline``, a folder, only."""

    cache: Path
    requirements: tuple[str, ...]
    offline: Path | None = None
    run: Run = run_pip
    say: Callable[[str], None] | None = None  # hears of each download, which takes seconds

    def wheels(self, target: Target) -> list[Path]:
        """Return the wheels for a target, one for each requirement. Raises InstallProblem."""
        if self.offline is not None and not self.offline.is_dir():
            raise InstallProblem(f"--offline {self.offline} is no folder with wheels in it.")
        folder = self.cache / target.name
        if self.offline is None and self._is_complete(folder):
            return sorted(folder.glob("*.whl"))
        with explaining(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache, prefix=".new-") as name:
                new = Path(name) / target.name
                new.mkdir()
                self._have_pip_fetch(target, new)
                (new / REQUIREMENTS).write_text(self._wanted(), encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                new.rename(folder)
        return sorted(folder.glob("*.whl"))

    def _wanted(self) -> str:
        return "\n".join(self.requirements) + "\n"

    def _is_complete(self, folder: Path) -> bool:
        try:
            wanted = (folder / REQUIREMENTS).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        return wanted == self._wanted() and len([*folder.glob("*.whl")]) == len(self.requirements)

    def _have_pip_fetch(self, target: Target, folder: Path) -> None:
        if self.offline is None and self.say is not None:
            self.say(f"fetching wheels for {target.name}")
        arguments = [
            *("download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--implementation", "cp", "--retries", "1", "--no-cache-dir"),
            *("--python-version", f"{target.python[0]}.{target.python[1]}", "--dest", str(folder)),
        ]
        # pip asks rustc for its version, and rustup then makes a folder in a home that has none.
        environment = {"RUSTUP_HOME": str(folder.parent / "rustup"), **os.environ}
        if self.offline is not None:
            # Nothing but that folder: no index and no place that pip's own settings name.
            arguments += ["--no-index", "--find-links", str(self.offline)]
            environment = {k: v for k, v in environment.items() if not k.startswith("PIP_")}
            environment["PIP_CONFIG_FILE"] = os.devnull
        said = ""
        for step in PLATFORMS[target.platform]:
            platforms = [word for name in step for word in ("--platform", name)]
            done = self.run([*arguments, *platforms, *self.requirements], environment)
            if done.returncode == 0:
                return
            said = done.stderr + done.stdout
            if _NO_NETWORK.search(said):
                break
        raise InstallProblem(self._why(target, said))

    def _why(self, target: Target, said: str) -> str:
        if "No module named pip" in said:
            return (
                f"{sys.executable} has no pip, which fetches the wheels; install it (on Debian and"
                " Ubuntu: apt install python3-pip) or use another Python 3.11 or newer."
            )
        if self.offline is not None:
            return (
                f"{self.offline} has no wheels of {' and '.join(self.requirements)} for"
                f" {target.name}; put them there, or name the folders that you need, each with"
                " --vendor."
            )
        if _NO_NETWORK.search(said):
            return (
                f"The wheels for {target.name} cannot be had: pip does not reach its index. Check"
                " the network and pip's settings (`pip config list`), or bring the wheels in a"
                " folder: --offline WHEEL_DIR."
            )
        last = [line for line in said.splitlines() if line.startswith("ERROR")][-1:]
        reason = last[0].removeprefix("ERROR: ") if last else "it gives no reason"
        return f"pip finds no wheels for {target.name}: {reason}"


def core_requirements(repository: Path) -> tuple[str, ...]:
    """Return what SMITE's client needs of other people's packages, from `pyproject.toml`."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return tuple(project["project"]["dependencies"])


def version_of(repository: Path) -> str:
    """Return SMITE's version, from `pyproject.toml`."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def unpack(wheels: Iterable[Path], folder: Path) -> None:
    """Unpack wheels into a folder. Raises InstallProblem for one that is damaged or strange.

    A wheel is a zip file whose top folders are packages ("Binary distribution format",
    packaging.python.org); one with a `.data` folder needs a real installer, which ours have not.
    """
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as file:
                for name in file.namelist():
                    parts = PurePosixPath(name).parts
                    if PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
                        raise InstallProblem(f"{wheel} has a file outside of itself: {name}.")
                    if parts[0].endswith(".data"):
                        raise InstallProblem(f"{wheel} is no plain wheel: it has {parts[0]}.")
                file.extractall(folder)
        except (zipfile.BadZipFile, EOFError) as problem:
            raise InstallProblem(f"{wheel} is damaged ({problem}); fetch it again.") from problem
