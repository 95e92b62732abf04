"""What the benchmarks share: honest timing, the machine in words, JSON that is checked."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds of one piece of work over many runs.

    Attributes:
        median: The middle run.
        iqr: The middle half of the runs lies within this many seconds.
        runs: Runs that were timed, the warm-up not counted.
    """

    median: float
    iqr: float
    runs: int


def time_together(
    works: Mapping[str, Work], *, runs: int, warm_up: int = 3, device: str = "cpu"
) -> dict[str, Timing]:
    """Times several pieces of work in turns, so that a busy machine slows all of them alike."""
    for work in works.values():
        for _ in range(warm_up):
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            seconds[name].append(time_once(work, device))
    return {name: _summary(each) for name, each in seconds.items()}


def time_once(work: Work, device: str = "cpu") -> float:
    """Wall seconds of one run; what it left on the device's queue is waited for."""
    synchronise(device)
    started = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - started


def synchronise(device: str) -> None:
    """Waits until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def _summary(seconds: list[float]) -> Timing:
    quarters = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
    return Timing(statistics.median(seconds), quarters[2] - quarters[0], len(seconds))


def machine(device: str = "cpu") -> str:
    """The machine and the device in words, for the JSON."""
    text = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    text += f", {torch.get_num_threads()} torch threads, torch {torch.__version__}"
    if device.startswith("cuda"):
        text += f", {torch.cuda.get_device_name(device)}"
    return text


def report(result: Any, target: Path | None) -> None:
    """Prints a result dataclass as JSON, and writes it where asked.

    Raises:
        ValueError: If a figure is infinite, not a number, or negative: nothing here can be.
    """
    values = asdict(result)
    _check(values, type(result).__name__)
    text = json.dumps(values, indent=2, allow_nan=False)
    print(text)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n", encoding="utf-8")


def _check(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _check(each, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _check(each, f"{where}[{index}]")
    elif isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{where} is {value}: the measurement failed")
