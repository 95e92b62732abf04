"""Is anything lost when everything is killed at random?

    python -m benchmarks.storm                       # 8 clients, 200 jobs, the fake engine
    python -m benchmarks.storm --real 10             # and 10 jobs on the real engine
    python -m benchmarks.storm --seed 5 --jobs 400

Servers, workers and clients are killed -9 at random moments, bytes are changed on the wire, the
server's clock jumps by up to a year, and where a small disk can be mounted for the mattes, it fills
up now and then. Afterwards every matte is compared with one made in calm weather. Ends with status
1 if anything is amiss. Needs the [server,dev] extras.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.support.storm.keeper import ServerKeeper
from tests.support.storm.storm import Damage, Weather, prepare, sail

RESULTS = Path(__file__).parent / "results" / "storm.json"
FAKE = {"delay": 0.05}
REAL: dict[str, Any] = {"area": 96 * 96, "window": 4}
REAL_LEARNING = {"embedding_steps": 4, "weight_steps": 2, "key_steps": 50, "key_views": 2}


def fake_storm(folder: Path, weather: Weather) -> Damage:
    """A storm over the fake engine, on two workers."""
    keeper = ServerKeeper(
        folder / "home",
        clock_seed=weather.seed,
        roots=(folder,),
        device="cpu,cpu",
        max_attempts=100,
    )
    with small_disk(folder / "out") as mounted:
        if mounted:
            weather = replace(weather, blows={**weather.blows, "disk": 2.0})
        return _storm(keeper, folder, weather, FAKE, {})


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a disk of 64 MiB where the system lets us; say whether it did."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def real_storm(folder: Path, weather: Weather) -> Damage:
    """A storm over the real engine and the embedded backbone."""
    keeper = ServerKeeper(
        folder / "home",
        roots=(folder,),
        engine="smite_engine",
        max_attempts=100,
    )
    return _storm(keeper, folder, weather, REAL, REAL_LEARNING)


def _storm(
    keeper: ServerKeeper,
    folder: Path,
    weather: Weather,
    settings: dict[str, Any],
    learning: dict[str, Any],
) -> Damage:
    keeper.start()
    try:
        prepare(keeper, folder, weather.frames, settings, learning)
        return sail(keeper, folder, weather, settings)
    finally:
        keeper.stop()


def main() -> int:
    """Run the storms; print and store the damage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--real", type=int, default=0, help="jobs on the real engine")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="smite-storm-") as name:
        if options.jobs:
            weather = Weather(options.seed, options.clients, options.jobs,
                              every=(0.5, 2.0), corrupt=0.05, seconds=3000)  # fmt: skip
            found["fake"] = asdict(fake_storm(_folder(name, "fake"), weather))
        if options.real:
            weather = Weather(options.seed, min(options.clients, 4), options.real,
                              every=(4.0, 12.0), corrupt=0.05, seconds=3000)  # fmt: skip
            found["real"] = asdict(real_storm(_folder(name, "real"), weather))
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 1 if any(damage["wrong"] for damage in found.values()) else 0


def _folder(parent: str, name: str) -> Path:
    folder = Path(parent) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
