"""What a worker keeps between jobs: the engine, the backbone on its device, part models."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from smite_protocol.errors import JobCancelled
from smite_protocol.fields import from_map
from smite_protocol.specs import EvaluateSpec, LearnSpec, SegmentSpec
from smite_server.config import MEBIBYTE
from smite_server.worker.link import Link, ProgressTeller
from smite_server.worker.model_cache import ModelCache
from smite_server.worker_messages import WorkerRun

WITH_CHECKPOINTS = ("segment",)
"""Kinds of jobs that pause at their next checkpoint; the others stop at once and begin anew."""

Spec = TypeVar("Spec", LearnSpec, SegmentSpec, EvaluateSpec)


@dataclass(frozen=True)
class Options:
    """The worker's command line."""

    backbone: str
    device: str
    engine: str
    spool: Path
    cache_megabytes: int = 0


class Session:
    """The engine, its backbone and part models, loaded when they are first needed."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._engine: ModuleType | None = None
        self._backbone: Any = None
        self._models = ModelCache(options.cache_megabytes * MEBIBYTE)

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

    def model(self, path: Path) -> Any:
        """The part model in a file; read again when the file has changed.

        Raises the engine's PartModelError.
        """
        return self._models.get(path, self.engine.PartModel.load)

    def make_room(self) -> bool:
        """Drop what is kept for later jobs; return whether there was anything."""
        dropped = self._models.clear()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()
        return dropped


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
        """A function that says whether the job is to stop, now.

        One that pauses goes on to its next checkpoint, if its kind has any.
        """
        return self._is_to_stop

    def _is_to_stop(self) -> bool:
        pauses = self.run.kind not in WITH_CHECKPOINTS and self.link.is_paused(self.run.job)
        return pauses or self.link.is_cancelled(self.run.job)

    def check_cancelled(self) -> None:
        """Raise JobCancelled if the job is to stop, now."""
        if self._is_to_stop():
            raise JobCancelled("Cancelled.")

    def check_paused(self) -> None:
        """Raise JobCancelled if the job is to pause; call it at a checkpoint."""
        if self.link.is_paused(self.run.job):
            raise JobCancelled("Paused.")

    @property
    def state_folder(self) -> Path:
        """Where the job's checkpoints lie."""
        return self.session.options.spool / self.run.job / "state"

    def load_part_model(self) -> Any:
        """Load the engine and the job's part model. Raises the engine's PartModelError."""
        self.progress.tell("loading the engine")
        _ = self.session.engine
        self.check_cancelled()
        return self.session.model(Path(self.run.resolved["model"]))

    def load_backbone(self) -> Any:
        """Load the backbone, once for all jobs. Raises the engine's BackboneError."""
        self.progress.tell("loading the backbone")
        backbone = self.session.backbone
        self.check_cancelled()
        return backbone
