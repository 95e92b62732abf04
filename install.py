#!/usr/bin/env python3
"""Sets SMITE up, and puts it into Nuke and Blender.

    python install.py demo              install, then make mattes of the demo shot
    python install.py test [-- ...]     install, then run the tests (... goes to pytest)
    python install.py server [-- ...]   install, then run the server (... goes to `smite serve`)
    python install.py nuke              put the plug-in into the Nukes of this machine
    python install.py blender           put the add-on into the Blenders of this machine
    python install.py uninstall         remove all of that (`uninstall nuke`: only that)

Standard library only. The first three land in `.venv` beside this file (the environment variable
SMITE_VENV names another folder) and `demo-output`; each command is shown before it runs. Running
it again skips what is in place. Dependencies are taken as wheels: no compiler is needed. What the
plug-ins need is fetched once, to `.wheels`. `install.py COMMAND --help` lists a command's options.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

OLDEST = (3, 11)
TORCH = "torch==2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0
REPO = Path(__file__).resolve().parent
DEMO_OUTPUT = REPO / "demo-output"
STAMP = "smite-install.json"
CONSTRAINTS = "smite-constraints.txt"
REFERENCE_METRICS = "vos-benchmark==0.1.0"
WHEELS = ("--only-binary=:all:", "--disable-pip-version-check")
BPY = "bpy==4.5.*"  # Blender as a module: wheels for Python 3.11 only, and it pins its own numpy
BPY_PYTHON = (3, 11)
BPY_LIBRARIES = "libgl1 libsm6 libxfixes3 libxi6 libxkbcommon0 libxrender1"


class StepFailed(Exception):  # noqa: N818  (it says what happened)
    """A step did not work; the message says which, and how to go on."""


@dataclass(frozen=True)
class TorchChoice:
    """Which build of torch pip is asked for: extra pip arguments, and the reason in words."""

    arguments: tuple[str, ...]
    reason: str


def say(text: str) -> None:
    """Print a line at once, so that it stands before what the next command prints."""
    print(text, flush=True)


def has_nvidia_driver(system: str) -> bool:
    """Return whether an NVIDIA driver is installed."""
    if system == "Windows":
        return ctypes.util.find_library("nvcuda") is not None
    if system == "Darwin":
        return False
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Return whether a web address answers within ``seconds``."""
    request = urllib.request.Request(url + "/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except (OSError, ValueError):
        return False


def choose_torch(system: str, has_driver: bool, cpu_index_answers: bool) -> TorchChoice:
    """Choose the build of torch: the small CPU build where no GPU could use the other one."""
    if system == "Darwin":
        return TorchChoice((), "macOS: the standard build, which has Metal")
    if system == "Windows":
        note = "; for its CUDA build see pytorch.org" if has_driver else ""
        return TorchChoice((), f"Windows: the standard build, which runs on the CPU{note}")
    if has_driver:
        return TorchChoice((), "NVIDIA driver found: the standard build, which has CUDA")
    if cpu_index_answers:
        return TorchChoice(
            ("--extra-index-url", CPU_INDEX), "no NVIDIA driver: the CPU build from pytorch.org"
        )
    return TorchChoice(
        (),
        f"no NVIDIA driver, but {CPU_INDEX} does not answer: whichever build pip finds"
        " (the standard one is large)",
    )


def torch_for_this_machine() -> TorchChoice:
    """Look at this machine and choose the build of torch."""
    system = platform.system()
    has_driver = has_nvidia_driver(system)
    asks = system == "Linux" and not has_driver
    return choose_torch(system, has_driver, asks and answers(CPU_INDEX))


def environment_folder() -> Path:
    """Return the virtual environment's folder."""
    chosen = os.environ.get("SMITE_VENV")
    return Path(chosen).expanduser().absolute() if chosen else REPO / ".venv"


def bpy_folder() -> Path:
    """Return the folder of the environment that has Blender as a module."""
    folder = environment_folder()
    return folder.with_name(f"{folder.name}-bpy")


def environment_python(folder: Path) -> Path:
    """Return the environment's Python, whether it exists or not."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run_step(title: str, command: Sequence[str], how_to_go_on: str) -> None:
    """Show and run one command in the repository's folder. Raises StepFailed."""
    say(f"\n== {title}\n   $ {shlex.join(command)}")
    try:
        status = subprocess.run(command, cwd=REPO, check=False).returncode
    except OSError as problem:
        raise StepFailed(f"The step '{title}' cannot run ({problem}). {how_to_go_on}") from problem
    if status != 0:
        raise StepFailed(f"The step '{title}' failed with status {status}. {how_to_go_on}")


def fingerprint() -> str:
    """Return what decides whether an installation is still the right one, as a hash."""
    found = hashlib.sha256((REPO / "pyproject.toml").read_bytes())
    found.update("\0".join((TORCH, BPY, str(REPO), sys.version)).encode())
    return found.hexdigest()


def installed_extras(folder: Path) -> frozenset[str]:
    """Return the extras that a finished, still valid installation in ``folder`` has."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    if not environment_python(folder).exists() or stamp.get("fingerprint") != fingerprint():
        return frozenset()
    return frozenset(stamp.get("extras", ()))


def install(extras: frozenset[str]) -> Path:
    """Bring the environment in place with these extras; return its Python. Raises StepFailed."""
    folder = environment_folder()
    python = environment_python(folder)
    before = installed_extras(folder)
    if extras <= before:
        say(f"Already installed in {folder}.")
        return python
    if not python.exists():
        make_environment(folder)
    (folder / STAMP).unlink(missing_ok=True)
    choice = torch_for_this_machine()
    say(f"\ntorch: {choice.reason}")
    pip = [str(python), "-m", "pip", "install", *WHEELS]
    go_on = (
        "Check the network, or pip's index settings (`pip config list`), then run the same"
        " command again: what is installed already is kept."
    )
    run_step("install torch", [*pip, *choice.arguments, TORCH], go_on)
    wanted = extras | before
    constraints = folder / CONSTRAINTS
    constraints.write_text(TORCH + "\n", encoding="utf-8")
    project = f".[{','.join(sorted(wanted))}]"
    run_step("install SMITE", [*pip, "-c", str(constraints), "-e", project], go_on)
    if "dev" in wanted:
        # Alone: it asks for a second build of OpenCV, which would lie over ours.
        run_step("install the reference metrics", [*pip, "--no-deps", REFERENCE_METRICS], go_on)
    stamp = {"fingerprint": fingerprint(), "extras": sorted(wanted)}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return python


def make_environment(folder: Path, python: str = sys.executable) -> None:
    """Make the virtual environment. Raises StepFailed."""
    if folder.exists() and not (folder / "pyvenv.cfg").exists() and any(folder.iterdir()):
        raise StepFailed(
            f"{folder} exists and is no virtual environment; move it away, or name another folder"
            " in the environment variable SMITE_VENV."
        )
    run_step(
        "make the virtual environment",
        [python, "-m", "venv", "--clear", str(folder)],
        "Python's venv module is needed (on Debian and Ubuntu: apt install python3-venv); then"
        " run the same command again.",
    )


def install_bpy() -> Path:
    """Bring an environment with Blender as a module in place; return its Python.

    It is apart from the other one, as Blender pins an older numpy. Raises StepFailed.
    """
    folder = bpy_folder()
    python = environment_python(folder)
    if "bpy" in installed_extras(folder):
        say(f"Blender is already installed in {folder}.")
        return python
    base = sys.executable if sys.version_info[:2] == BPY_PYTHON else shutil.which("python3.11")
    if base is None:
        raise StepFailed(f"{BPY} needs Python 3.11, and no python3.11 was found; install it.")
    if not python.exists():
        make_environment(folder, base)
    (folder / CONSTRAINTS).touch()  # says that this folder is ours, also where pip breaks off
    pip = [str(python), "-m", "pip", "install", *WHEELS, BPY, *for_hosts().core_requirements()]
    run_step("install Blender (about 370 MB)", pip, "Check the network, then run it again.")
    run_step(
        "try Blender",
        [str(python), "-c", "import bpy; print('Blender', bpy.app.version_string)"],
        f"Libraries may be missing (on Debian and Ubuntu: apt install {BPY_LIBRARIES}).",
    )
    stamp = {"fingerprint": fingerprint(), "extras": ["bpy"]}
    (folder / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return python


def demo(options: argparse.Namespace) -> int:
    """Install, then make mattes of the demo shot and measure them."""
    started = time.monotonic()
    python = install(frozenset({"server"}))
    command = [str(python), str(REPO / "examples" / "demo.py"), "--out", str(DEMO_OUTPUT)]
    command += options.rest
    go_on = "The lines above say why; the server's log is in demo-output/server/logs."
    run_step("learn, segment and evaluate the demo shot", command, go_on)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    say(f"\nTotal time, set-up included: {minutes} min {seconds} s")
    return 0


def test(options: argparse.Namespace) -> int:
    """Install with the developers' tools, then run the tests; with hosts where asked for."""
    environment = dict(os.environ)
    extras = {"server", "dev"}
    if options.hosts:
        extras.add("readers")
        blender = environment.get("SMITE_BPY_PYTHON") or str(install_bpy())
        environment |= {"SMITE_BPY_PYTHON": blender, "SMITE_REQUIRE_HOSTS": "1"}
    python = install(frozenset(extras))
    return run_through([str(python), "-m", "pytest", *options.rest], environment)


def server(options: argparse.Namespace) -> int:
    """Install, then run the server until it is stopped."""
    python = install(frozenset({"server"}))
    return run_through([str(python), "-m", "smite_server.cli", "serve", *options.rest])


def run_through(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Show and run a command whose exit status becomes ours."""
    say(f"\n   $ {shlex.join(command)}")
    with subprocess.Popen(command, cwd=REPO, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the command got the same Ctrl-C and ends itself


def for_hosts() -> SimpleNamespace:
    """Return what installs into hosts: `tools/smite_install`, for Python 3.11 and newer."""
    sys.path.insert(0, str(REPO / "tools"))
    try:
        from smite_install import commands, options, problems, wheels
    finally:
        sys.path.pop(0)
    return SimpleNamespace(
        add_options=options.add_options,
        core_requirements=lambda: wheels.core_requirements(REPO),
        installer=lambda: commands.Installer(REPO, say),
        options=options.Options.of,
        Problem=problems.InstallProblem,
    )


def put_into_hosts(options: argparse.Namespace) -> int:
    """Put SMITE into the versions of this host that are found, or into the one that is named."""
    hosts = for_hosts()
    try:
        getattr(hosts.installer(), options.command)(hosts.options(options))
    except hosts.Problem as problem:
        raise StepFailed(str(problem)) from problem
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Take everything out of the hosts; remove the environments and what the demo made."""
    hosts = for_hosts()
    folders = []
    if options.what == "all" and not options.prefix and not options.python:
        folders = [folder for folder in (environment_folder(), bpy_folder()) if made_here(folder)]
        made = (DEMO_OUTPUT, REPO / ".wheels", *REPO.glob("smite_comp.egg-info"))
        folders += [path for path in made if path.exists()]
    try:
        installer = hosts.installer()
        inside = installer.installations(options.what, hosts.options(options))
        lines = [*installer.describe_removal(inside), *map(str, folders)]
        if not lines:
            say("Nothing is installed here.")
            return 0
        say("To be removed:\n" + "\n".join(f"  {line}" for line in lines))
        if options.dry_run:
            return 0
        if not options.yes and not confirmed():
            say("Nothing was removed.")
            return 1
        installer.remove(inside)
    except hosts.Problem as problem:
        raise StepFailed(str(problem)) from problem
    for path in folders:
        shutil.rmtree(path)
    say("Removed. Part models and jobs of this user are kept (`smite doctor` shows where).")
    return 0


def made_here(folder: Path) -> bool:
    """Return whether ``folder`` is an environment that this program made."""
    ours = any((folder / name).exists() for name in (STAMP, CONSTRAINTS))
    return (folder / "pyvenv.cfg").exists() and (ours or folder == REPO / ".venv")


def confirmed() -> bool:
    """Ask whether to go on."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        say("No answer can be given here; use --yes.")
        return False


COMMANDS = {
    "demo": demo,
    "test": test,
    "server": server,
    "nuke": put_into_hosts,
    "blender": put_into_hosts,
    "uninstall": uninstall,
}


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` is for the program that is started."""
    given = list(arguments)
    cut = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    of = {name: commands.add_parser(name, help=run.__doc__) for name, run in COMMANDS.items()}
    of["test"].add_argument(
        "--hosts", action="store_true", help="with a real Blender, and no host's test left out"
    )
    for_hosts().add_options(of)
    options = parser.parse_args(given[:cut])
    options.rest = given[cut + 1 :]
    return options


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit status."""
    if sys.version_info < OLDEST:
        found = ".".join(str(number) for number in sys.version_info[:3])
        print(f"SMITE needs Python 3.11 or newer; this is {found}.", file=sys.stderr)
        return 2
    options = read_options(arguments)
    try:
        return COMMANDS[options.command](options)
    except StepFailed as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
