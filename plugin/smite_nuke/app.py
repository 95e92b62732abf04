"""What the plugin keeps while Nuke runs: what all hosts keep, and the nodes' jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Tuple

from smite_hosts import Answer, JobController, JobPlace, JobStatus, NewMatte, memory_key
from smite_hosts.host_app import HostApp
from smite_hosts.job_status import FAILED
from smite_protocol.records import JobInfo

from . import host, knobs
from .host import Node

LOG_NAME = "nuke"
Heard = Callable[[Node, JobStatus, Tuple[NewMatte, ...]], None]


class NodeJob:
    """The job of one node, shown on it; ``heard`` is told what the controller tells."""

    def __init__(self, app: App, node: Node) -> None:
        self.node = node
        self.heard: Optional[Heard] = None
        self.quiet = False
        self.controller: JobController = app.session.controller(app.key_of(node), self._listen)
        saved = JobPlace.from_text(node.raw_text(knobs.JOB))
        self.controller.place = self.controller.place or saved

    def _listen(self, status: JobStatus, mattes: Tuple[NewMatte, ...]) -> None:
        if not self.node.alive:  # the node was deleted: the job goes on, nobody sees it
            return
        self.node.set(knobs.STATUS, status.words or "-")
        if self.controller.place is not None:
            self.node.set(knobs.JOB, self.controller.place.to_text())
        if self.heard is not None:
            self.heard(self.node, status, mattes)
        if status.phase == FAILED and host.gui() and not self.quiet:
            host.tell(status.message)


class App(HostApp):
    """One per Nuke; for the main thread."""

    def __init__(self, plugin_folder: Path) -> None:
        super().__init__(plugin_folder, LOG_NAME, host.call_in_host, host.version_name())
        self._jobs: List[NodeJob] = []

    def reload_preferences(self) -> None:
        """Read the preferences again; jobs that run go on with those they began with."""
        super().reload_preferences()
        self._jobs = [job for job in self._jobs if job.controller.busy]

    def key_of(self, node: Node) -> str:
        """What a node's job is remembered by."""
        return memory_key(host.script_path() or "", node.name)

    def job_of(self, node: Node) -> NodeJob:
        """Return the job of a node, the same one for as long as the node lives."""
        self._jobs = [job for job in self._jobs if job.node.alive or job.controller.busy]
        name = node.name
        for job in self._jobs:
            if job.node.alive and job.node.name == name:
                job.controller.key = self.key_of(node)
                return job
        made = NodeJob(self, node)
        self._jobs.append(made)
        return made

    def find_job_again(self, node: Node, kind: str, heard: Heard, *, wants_result: bool) -> None:
        """Follow a node's job that was begun before the script was opened, if it still runs.

        With ``wants_result`` also one that is done. Without a window nothing is followed.
        """
        job = self.job_of(node)
        place = job.controller.place
        if not host.gui() or place is None or place.kind != kind or job.controller.busy:
            return
        if place.server != self.session.endpoint:
            return

        def known(answer: Answer) -> None:
            info = answer.value
            if not isinstance(info, JobInfo) or not node.alive or job.controller.busy:
                return
            if not info.final or (info.state == "done" and wants_result):
                # Nobody has pressed anything: a server that goes away is only a line.
                job.heard, job.quiet = heard, True
                job.controller.follow(place, node.name)

        self.session.ask(lambda client: client.job(place.job), known)


_app: List[App] = []


def start(plugin_folder: Path) -> App:
    """Make the app, once."""
    if not _app:
        _app.append(App(plugin_folder))
    return _app[0]


def app() -> App:
    """Return the app."""
    return start(Path(__file__).resolve().parent.parent)
