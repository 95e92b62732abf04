"""Clients and jobs in a storm: what is killed when, and what must be there when it is over."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from smite_protocol import Client, LearnSpec, SegmentSpec
from smite_server.jobs import Job, State
from smite_server.store import Store
from tests.support import footage
from tests.support.proxy import Faults, Proxy
from tests.support.servers import REPOSITORY, environment
from tests.support.storm.keeper import ServerKeeper
from tests.support.storm.ledger import Ledger, Seen

SLUGS = ("body", "left_wheel")
QUALITIES = ("draft", "standard")
FIRST = 1001
PAGE = 4096
FULL_SECONDS = 1.0


@dataclass(frozen=True)
class Weather:
    """How bad it is.

    Attributes:
        seed: Of everything that is drawn.
        clients, jobs: How many; jobs are dealt to clients in turn.
        frames: Of each job's plate.
        every: Seconds between two blows, drawn from this range.
        blows: How often each thing is hit, relative to the others: ``server``, ``worker``,
            ``client``; ``disk`` fills the one that ``out`` is on, which must be small.
        corrupt: Share of the raw frames on the wire that get wrong bytes.
        seconds: When the storm counts as one that never ends.
    """

    seed: int
    clients: int
    jobs: int
    frames: int = 8
    every: tuple[float, float] = (1.0, 4.0)
    blows: dict[str, float] = field(
        default_factory=lambda: {"server": 1.0, "worker": 2.0, "client": 2.0}
    )
    corrupt: float = 0.0
    seconds: float = 600.0


@dataclass
class Damage:
    """What the storm did, and what was found amiss afterwards: nothing, if ``wrong`` is empty."""

    blows: dict[str, int]
    states: dict[str, int]
    mattes: int
    corrupted: int
    full_disks: int
    server_starts: int
    seconds: float
    wrong: list[str]


def sail(keeper: ServerKeeper, stage: Path, weather: Weather, settings: dict[str, Any]) -> Damage:
    """Bring all jobs to their ends through the storm; return the damage.

    Args:
        keeper: A server that is up, knows the part model ``cart`` and may touch ``stage``.
        stage: Has the plate ``plate``; outputs go to ``out``, ledgers to ``ledgers``.
        weather: See :class:`Weather`.
        settings: Engine settings of all jobs.
    """
    begun = time.monotonic()
    work = _deal(stage, weather, settings)
    (stage / "ledgers").mkdir(exist_ok=True)
    faults = Faults(corrupt=weather.corrupt)
    with Proxy(keeper.config.endpoint, seed=weather.seed, faults=faults) as proxy:
        fleet = [
            _Client(stage / "ledgers", index, entries, proxy.endpoint, keeper.config.home)
            for index, entries in enumerate(work)
        ]
        blows = _blow(keeper, fleet, weather, stage)
        corrupted = proxy.counts["corrupted"]
    ended = _wait_for_quiet(keeper.config.store_file)
    seen = {shot: found for boat in fleet for shot, found in boat.ledger.read().items()}
    entries = [entry for mine in work for entry in mine]
    wrong = [
        *(f"{job.job} is {job.state} after the storm" for job in ended if not job.state.final),
        *_check(entries, seen, stage, weather, keeper.config.spool_folder),
        *_half_files(stage / "out"),
        *_half_files(keeper.config.spool_folder),
    ]
    states: dict[str, int] = {}
    for found in seen.values():
        states[found.state] = states.get(found.state, 0) + 1
    return Damage(
        blows=blows,
        states=states,
        mattes=sum(len(found.mattes) for found in seen.values()),
        corrupted=corrupted,
        full_disks=sum(found.full_disks for found in seen.values()),
        server_starts=keeper.starts,
        seconds=time.monotonic() - begun,
        wrong=wrong,
    )


def _deal(stage: Path, weather: Weather, settings: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return each client's jobs: by path, and every fourth sent over the wire, both ways."""
    plate = str(stage / "plate" / "cart.####.png")
    work: list[list[dict[str, Any]]] = [[] for _ in range(weather.clients)]
    for index in range(weather.jobs):
        entry: dict[str, Any] = {
            "model": "cart",
            "shot": f"shot{index:03d}",
            "quality": QUALITIES[index % 2],
            "settings": settings,
        }
        if index % 4 == 3:
            entry["send"] = plate
        else:
            entry |= {"plate": plate, "out": str(stage / "out" / entry["shot"])}
        work[index % weather.clients].append(entry)
    return work


class _Client:
    """A client process and its ledger."""

    def __init__(
        self, folder: Path, index: int, entries: list[dict[str, Any]], endpoint: str, home: Path
    ) -> None:
        self.ledger = Ledger(folder / f"client{index}.jsonl")
        self._work = folder / f"client{index}.json"
        self._work.write_text(json.dumps(entries), encoding="utf-8")
        self._log = folder / f"client{index}.log"
        self._endpoint, self._home = endpoint, home
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        command = [sys.executable, "-m", "tests.support.storm.client", self._endpoint]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._work), str(self.ledger.path)],
                stdout=log,
                stderr=log,
                env=environment(self._home),
                cwd=REPOSITORY,
            )

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def hit(self) -> None:
        """Kill it and start it again."""
        self._process.kill()
        self._process.wait()
        self.start()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self._log.read_text("utf-8", "replace")[-1500:]


def _blow(
    keeper: ServerKeeper, fleet: list[_Client], weather: Weather, stage: Path
) -> dict[str, int]:
    """Hit things at random, each once at first, until every client is through; return how often."""
    luck = random.Random(weather.seed)
    done = dict.fromkeys(weather.blows, 0)
    end = time.monotonic() + weather.seconds
    while any(boat.status is None for boat in fleet):
        assert time.monotonic() < end, "the storm does not end: " + fleet[0].last_words()
        time.sleep(luck.uniform(*weather.every))
        spared = [name for name, count in done.items() if not count]
        what = luck.choices(spared or list(done), [weather.blows[n] for n in spared or done])[0]
        afloat = [boat for boat in fleet if boat.status is None]
        if what == "server":
            keeper.restart()
        elif what == "worker":
            with suppress(IndexError, psutil.NoSuchProcess):
                luck.choice(keeper.workers()).kill()
        elif what == "disk":
            _fill_for_a_moment(stage / "out")
        elif afloat:
            luck.choice(afloat).hit()
        done[what] += 1
    for boat in fleet:
        assert boat.status == 0, boat.last_words()
    return done


def _fill_for_a_moment(folder: Path) -> None:
    """Leave no room on a small disk, and make room again."""
    ballast = folder / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(PAGE))
    time.sleep(FULL_SECONDS)
    ballast.unlink()


def _wait_for_quiet(store_file: Path, seconds: float = 30.0) -> list[Job]:
    """Return all jobs once none is open, or as they are after ``seconds``."""
    store = Store(store_file, "the count after the storm")
    try:
        end = time.monotonic() + seconds
        while store.open_jobs(own=False) and time.monotonic() < end:
            time.sleep(0.2)
        return store.list_jobs(ended=True, limit=100_000)
    finally:
        store.close()


def _check(
    entries: list[dict[str, Any]],
    seen: dict[str, Seen],
    stage: Path,
    weather: Weather,
    spool: Path,
) -> Iterator[str]:
    """Yield what is wrong with any shot: lost, half, or other pixels than in calm weather."""
    places = [(slug, number) for slug in SLUGS for number in range(FIRST, FIRST + weather.frames)]
    calm = {
        (quality, *place): footage.read_alpha(_matte(stage / "calm", quality, *place))[1]
        for quality in QUALITIES
        for place in places
    }
    for entry in entries:
        shot = entry["shot"]
        found = seen.get(shot, Seen())
        if found.state != State.DONE:
            yield f"{shot} ended as {found.state or 'nothing'}: {found.message}"
            continue
        told = len(places) + (0 if "out" in entry else footage.ABOUT_SHOT_FILES)
        if len(found.mattes) != told:
            yield f"{shot}: {len(found.mattes)} files were told of, not {told}"
        out = Path(entry["out"]) if "out" in entry else spool / found.job / "out"
        for place in places:
            path = _matte(out, shot, *place)
            if not path.is_file():
                yield f"{path.name} is lost"
            elif not np.array_equal(footage.read_alpha(path)[1], calm[entry["quality"], *place]):
                yield f"{path.name} has other pixels than in calm weather"
        for name, crc in found.mattes.items():
            path = out / name
            if not path.is_file():
                yield f"{name} was told of and is lost"
            elif crc is not None and crc != zlib.crc32(path.read_bytes()):
                yield f"{name} came with other bytes than it has on disk"


def _matte(out: Path, shot: str, slug: str, number: int) -> Path:
    return out / shot / slug / f"{shot}_{slug}_v001.{number:04d}.exr"


def _half_files(folder: Path) -> Iterator[str]:
    """Yield every finished EXR file below ``folder`` that cannot be read to its end."""
    for path in sorted(folder.rglob("*.exr")):
        if path.name.startswith("."):
            continue  # A temporary name: nobody takes it for a matte.
        try:
            footage.read_alpha(path)
        except Exception as problem:  # noqa: BLE001  (whatever a reader says of it)
            yield f"{path} is half written: {problem}"


def prepare(
    keeper: ServerKeeper,
    stage: Path,
    frames: int,
    settings: dict[str, Any],
    learning: dict[str, Any],
) -> None:
    """Write references and plate, learn ``cart``, and make the mattes of calm weather."""
    footage.write_references(stage / "refs")
    plate = footage.write_plate(stage / "plate", frames, first=FIRST)
    calm = [
        SegmentSpec(
            model="cart",
            plate=plate,
            shot=quality,
            quality=quality,
            out=str(stage / "calm"),
            settings=settings,
        )
        for quality in QUALITIES
    ]
    with Client(keeper.config.endpoint) as client:
        learn = LearnSpec(name="cart", refs=str(stage / "refs"), settings=learning)
        client.wait(client.submit(learn))
        for spec in calm:
            client.wait(client.submit(spec))
