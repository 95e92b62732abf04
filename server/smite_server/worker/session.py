"""What a worker keeps between jobs: the engine, and the backbone on its device."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from smite_protocol.errors import JobCancelled
from smite_protocol.fields import from_map
from smite_protocol.specs import EvaluateSpec, LearnSpec, SegmentSpec
from smite_server.worker.link import Link, ProgressTeller
from smite_server.worker_messages import WorkerRun

Spec = TypeVar("Spec", LearnSpec, SegmentSpec, EvaluateSpec)


@dataclass(frozen=True)
class Options:
    """The worker's command line."""

    backbone: str
    device: str
    engine: str
    spool: Path


class Session:
    """The engine and its backbone, loaded when they are first needed."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._engine: ModuleType | None = None
        self._backbone: Any = None

    @property
    def engine(self) -> Any:
        """The engine module."""
        if self._engine is None:
            self._engine = importlib.import_module(self.options.engine)
        return self._engine

    @property
    def errors(self) -> ModuleType | None:
        """The engine's errors module; None while the engine is not loaded."""
        if self._engine is None:
            return None
        return importlib.import_module(f"{self.options.engine}.errors")

    @property
    def backbone(self) -> Any:
        """The backbone on its device. Raises the engine's BackboneError."""
        if self._backbone is None:
            self._backbone = self.engine.load_backbone(
                self.options.backbone, device=self.options.device
            )
        return self._backbone


@dataclass(frozen=True)
class Task:
    """One job as its function sees it."""

    run: WorkerRun
    session: Session
    link: Link
    progress: ProgressTeller

    def spec(self, kind: type[Spec]) -> Spec:
        """Return the job's spec as the ``kind`` that it is."""
        fields = {name: value for name, value in self.run.spec.items() if name != "kind"}
        return from_map(kind, fields)

    @property
    def job(self) -> str:
        """Id of the job."""
        return self.run.job

    @property
    def cancelled(self) -> Callable[[], bool]:
        """A function that says whether the job is to stop."""
        return lambda: self.link.is_cancelled(self.run.job)

    def check_cancelled(self) -> None:
        """Raise JobCancelled if the job is to stop."""
        if self.link.is_cancelled(self.run.job):
            raise JobCancelled("Cancelled.")

    def load_model(self) -> Any:
        """Load the backbone and the job's part model. Raises the engine's errors."""
        self.progress.tell("loading the engine")
        engine = self.session.engine
        self.check_cancelled()
        model = engine.PartModel.load(Path(self.run.resolved["model"]))
        self.progress.tell("loading the backbone")
        _ = self.session.backbone
        self.check_cancelled()
        return model
