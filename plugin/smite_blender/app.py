"""What the add-on keeps while Blender runs: what all hosts keep, and the scenes' jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from smite_hosts import HostProblem, JobController, JobPlace, JobStatus, NewMatte, memory_key
from smite_hosts.host_app import HostApp
from smite_hosts.job_status import FAILED

from . import host
from .words import in_blender

LOG_NAME = "blender"
LEARN, MATTES = "learn", "mattes"
Heard = Callable[[str, JobStatus, Tuple[NewMatte, ...]], None]


class SceneJob:
    """A scene's learning or its mattes, shown in the panel; ``heard`` is told of the mattes job."""

    def __init__(self, app: App, scene: str, kind: str) -> None:
        self.scene, self.kind = scene, kind
        self.heard: Optional[Heard] = None
        self.left = False
        key = memory_key(host.script_path() or "", f"{scene} {kind}")
        self.controller: JobController = app.session.controller(key, self._listen)
        settings = host.settings(scene)
        saved = JobPlace.from_text(getattr(settings, f"{kind}_job", ""))
        self.controller.place = self.controller.place or saved

    def _listen(self, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
        settings = host.settings(self.scene)
        if settings is None or self.left:  # the scene or file is gone: the job goes on unseen
            return
        message = status.words or "-"
        if status.phase == FAILED:
            message = in_blender(HostProblem.said(status.key, status.message))
        say(self.scene, self.kind, message, problem=status.phase == FAILED)
        if self.controller.place is not None:
            setattr(settings, f"{self.kind}_job", self.controller.place.to_text())
        if self.heard is not None:
            self.heard(self.scene, status, mattes)


def say(scene: str, kind: str, message: str, *, problem: bool = False) -> None:
    """Show a line in the panel."""
    settings = host.settings(scene)
    if settings is not None:
        setattr(settings, f"{kind}_status", message)
        setattr(settings, f"{kind}_failed", problem)
        host.redraw()


class App(HostApp):
    """One per Blender; for its own thread."""

    def __init__(self, plugin_folder: Path) -> None:
        super().__init__(plugin_folder, LOG_NAME, host.call_in_host, host.version_name())
        host.log_faults_to(self.log)
        self.models: Tuple[str, ...] = ()
        self.said = ""
        self._jobs: Dict[Tuple[str, str], SceneJob] = {}

    def job_of(self, scene: str, kind: str) -> SceneJob:
        """Return the job of a scene, the same one until another file is opened."""
        found = self._jobs.get((scene, kind))
        if found is None:
            found = self._jobs[(scene, kind)] = SceneJob(self, scene, kind)
        found.controller.key = memory_key(host.script_path() or "", f"{scene} {kind}")
        return found

    def reload_preferences(self) -> None:
        """Read the preferences again; jobs that run go on with those they began with."""
        super().reload_preferences()
        self._jobs = {key: job for key, job in self._jobs.items() if job.controller.busy}

    def leave_jobs(self, seconds: float = 0.0) -> None:
        """Stop following all jobs: another file was opened, or Blender ends. They go on."""
        for job in self._jobs.values():
            job.left = True
            job.controller.leave(seconds)
        self._jobs.clear()

    def close(self) -> None:
        """End the threads."""
        self.leave_jobs(5.0)
        self.session.close()


_app: List[App] = []


def app() -> App:
    """Return the app, which is made once."""
    if not _app:
        _app.append(App(Path(__file__).resolve().parent))
    return _app[0]


def forget() -> None:
    """End the app; the next call of `app` makes another."""
    while _app:
        _app.pop().close()
