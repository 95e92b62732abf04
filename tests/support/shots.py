"""Segment jobs without a server: what a worker's function does, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smite_protocol.fields import to_map
from smite_protocol.messages import SegmentSpec
from smite_server.worker import segment
from smite_server.worker.session import Options, Session, Task
from smite_server.worker_messages import WorkerRun
from tests.support import fake_engine, footage

JOB = "abcdef123456"


class Killed(BaseException):
    """The process ends here."""


def write_model(path: Path) -> Path:
    """Write a part model of the fake engine for the cart."""
    references = [
        fake_engine.Reference(*footage.cart(20 * n, seed=n), f"still_{n}") for n in (0, 1)
    ]
    parts = fake_engine.PartSet.from_names(footage.PARTS)
    backbone = fake_engine.load_backbone("embedded")
    settings = fake_engine.LearnSettings()
    model = fake_engine.learn(
        backbone, references, parts, settings, progress=None, cancelled=lambda: False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return path


@dataclass
class Line:
    """The line to a server that commits at once; ``at`` is called before each thing said."""

    at: Callable[[], None] = lambda: None
    mattes_told: list[int] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)
    paused: bool = False

    def mattes(self, job: str, frame: int, files: list[Any]) -> None:
        self.at()
        assert all(Path(file.path).is_file() for file in files)
        self.mattes_told.append(frame)

    def checkpoint(self, job: str, file: str) -> None:
        self.at()
        self.checkpoints.append(file)

    def window(self, job: str, window: int) -> None:
        self.windows.append(window)

    def is_cancelled(self, job: str) -> bool:
        return False

    def is_paused(self, job: str) -> bool:
        return self.paused

    def progress(self, message: Any) -> None:
        pass


class _Quiet:
    """Progress that nobody reads."""

    def tell(self, stage: str, done: int = 0, total: int = 0) -> None:
        pass


@dataclass
class ShotUnderTest:
    """A job's place on disk; `run` is one attempt at it.

    ``asked`` are further fields of the spec, ``roots`` the folders that its server may touch.
    """

    folder: Path
    model: Path
    plate: str
    settings: dict[str, Any]
    quality: str = "standard"
    engine: str = fake_engine.__name__
    session: Session | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    roots: tuple[str, ...] = ("/",)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def state(self) -> Path:
        return self.folder / "spool" / JOB / "state"

    @property
    def spec(self) -> SegmentSpec:
        return SegmentSpec(
            model="cart",
            plate=self.plate,
            out=str(self.out),
            shot="s",
            quality=self.quality,
            settings=self.settings,
            **self.asked,
        )

    def run(
        self, line: Line, *, checkpoint: str = "", window: int = 0, job: str = JOB
    ) -> dict[str, Any]:
        """Run the job's function as a worker does."""
        resolved = {
            "model": str(self.model),
            "plate": self.plate,
            "out": str(self.out),
            "roots": list(self.roots),
        }
        order = WorkerRun(
            job=job,
            kind="segment",
            spec=to_map(self.spec),
            resolved=resolved,
            checkpoint=checkpoint,
            window=window,
        )
        if self.session is None:
            options = Options("embedded", "cpu", self.engine, self.folder / "spool", 64)
            self.session = Session(options)
        return segment.run(Task(order, self.session, line, _Quiet()))  # type: ignore[arg-type]

    def clear(self) -> None:
        """Remove what earlier attempts left."""
        for folder in (self.out, self.folder / "spool"):
            shutil.rmtree(folder, ignore_errors=True)

    def result(self) -> dict[str, str]:
        """The files by name, as digests; the report without its times."""
        return contents(self.out)


def contents(out: Path) -> dict[str, str]:
    """Return the digest of each file below ``out``; a report's without its times."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".json":
                data = without_times(data)
            found[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def without_times(report: bytes) -> bytes:
    """Return a report's content without what differs between two runs of the same work."""
    found = json.loads(report)
    del found["timings"]
    for frame in found["frames"]:
        del frame["seconds"]
    return json.dumps(found, sort_keys=True).encode()
