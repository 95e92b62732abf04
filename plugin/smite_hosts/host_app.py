"""What a plugin keeps while its host runs: preferences, the session, the log, remembered jobs."""

from __future__ import annotations

from pathlib import Path

from .host_calls import CallInHost
from .host_log import log_file, open_log
from .job_memory import JobMemory
from .places import find_places
from .preferences import Loaded, Preferences, load_preferences
from .session import Session


class HostApp:
    """One per program, for the host's thread; a host's own app adds its jobs.

    ``plugin_folder`` is where the studio's preferences may lie, ``log_name`` the log file's name,
    ``name`` the host and its version, for the server's log.
    """

    def __init__(
        self, plugin_folder: Path, log_name: str, call_in_host: CallInHost, name: str
    ) -> None:
        self.plugin_folder = plugin_folder
        self.places = find_places()
        self.loaded: Loaded = load_preferences(self.places, plugin_folder=plugin_folder)
        self._log_name, self._call_in_host, self._name = log_name, call_in_host, name
        self.log = open_log(self.places.logs, log_name, self.preferences.log_level)
        self.memory = JobMemory(self.places.jobs)
        self.session = self.new_session(self.preferences)
        for sentence in self.loaded.problems:
            self.log.error("%s", sentence)

    @property
    def preferences(self) -> Preferences:
        """The preferences now."""
        return self.loaded.values

    @property
    def log_path(self) -> Path:
        """The log file."""
        return log_file(self.places.logs, self._log_name)

    @property
    def references_folder(self) -> Path:
        """Where rendered references lie, a folder per part model."""
        chosen = self.preferences.references
        return Path(chosen).expanduser() if chosen else self.places.cache / "references"

    def reload_preferences(self) -> None:
        """Read the preferences again; jobs that run go on with those they began with."""
        self.loaded = load_preferences(self.places, plugin_folder=self.plugin_folder)
        open_log(self.places.logs, self._log_name, self.preferences.log_level)
        self.session.close(0.0)
        self.session = self.new_session(self.preferences)

    def new_session(self, preferences: Preferences) -> Session:
        """Return a session with these preferences."""
        return Session(
            preferences, self._call_in_host, memory=self.memory, log=self.log, name=self._name
        )
