"""What all hosts share: preferences, names, frames, and jobs in threads; no host is imported here.

A host's package gives its `CallInHost` and draws what comes back: `Session` asks the server,
`JobController` runs one node's job, `sentences` has what an artist reads.
"""

from __future__ import annotations

from .host_calls import CallInHost, HostQueue
from .job_controller import JobController, OnJob
from .job_memory import JobMemory, JobPlace, memory_key
from .job_status import JobStatus, NewMatte
from .places import Places, find_places
from .preferences import Loaded, Preferences, load_preferences, save_preferences
from .sentences import TABLE, HostProblem, Sentence, problem_of
from .session import Answer, OnAnswer, Session

__all__ = [
    "TABLE",
    "Answer",
    "CallInHost",
    "HostProblem",
    "HostQueue",
    "JobController",
    "JobMemory",
    "JobPlace",
    "JobStatus",
    "Loaded",
    "NewMatte",
    "OnAnswer",
    "OnJob",
    "Places",
    "Preferences",
    "Sentence",
    "Session",
    "find_places",
    "load_preferences",
    "memory_key",
    "problem_of",
    "save_preferences",
]
