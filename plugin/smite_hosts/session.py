"""A host's session with its server: is it there, which models are there, and jobs of nodes."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Optional, Tuple

from smite_protocol.client import Client
from smite_protocol.endpoints import check_endpoint, leaves_this_machine
from smite_protocol.errors import BadInput, ConnectionProblem, SmiteError
from smite_protocol.keys import ClientKeys
from smite_protocol.records import JobInfo, ModelInfo
from smite_protocol.states import OnState

from .host_calls import CallInHost
from .job_controller import JobController, OnJob
from .job_memory import JobMemory
from .preferences import Preferences
from .sentences import HostProblem, problem_of

ASK_PATIENCE = 0.0
"""Questions of a panel are not repeated: the artist sees at once that the server is away."""
REQUEST_TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """What became of a question: a value, or the sentence of a problem and its key."""

    value: object = None
    key: str = ""
    message: str = ""

    @property
    def good(self) -> bool:
        """Whether there is a value."""
        return not self.key

    def check(self) -> None:
        """Raise the problem as a HostProblem, if there is one."""
        if self.key:
            raise HostProblem.said(self.key, self.message)


OnAnswer = Callable[[Answer], None]
Question = Callable[[Client], object]


class Session:
    """The server of one host program, by its preferences; for the host's thread.

    Nothing here waits for the server: questions are asked in a thread, and answers come through
    ``call_in_host``. ``name`` is the host and its version, for the server's log.
    """

    def __init__(
        self,
        preferences: Preferences,
        call_in_host: CallInHost,
        *,
        memory: JobMemory,
        log: logging.Logger,
        name: str = "smite host",
    ) -> None:
        self.preferences = preferences
        self.log = log
        self._call_in_host = call_in_host
        self._memory = memory
        self._name = name
        self._questions: queue.Queue[Optional[Tuple[Question, OnAnswer]]] = queue.Queue()
        self._thread: Optional[threading.Thread] = None

    @property
    def endpoint(self) -> str:
        """The server's address in one form, as places of jobs have it."""
        return check_endpoint(self.preferences.server, encrypted=True)

    def client(self, on_state: Optional[OnState] = None, *, patience: float = 0.0) -> Client:
        """Return a client that is not connected yet, for the thread that will use it.

        Raises HostProblem for keys that cannot be used.
        """
        preferences = self.preferences
        keys: Optional[ClientKeys] = None
        if preferences.key:
            try:
                keys = ClientKeys.load(preferences.key)
            except BadInput as problem:
                raise HostProblem("bad_key_file", detail=problem.message) from problem
        elif leaves_this_machine(preferences.server):
            raise HostProblem("key_needed", server=preferences.server)
        return Client(
            preferences.server,
            request_timeout=REQUEST_TIMEOUT,
            patience=patience,
            name=self._name,
            keys=keys,
            on_state=on_state,
        )

    def controller(self, key: str, listener: OnJob) -> JobController:
        """Return the controller of a node's job; ``key`` names script and node."""
        preferences = self.preferences
        return JobController(
            lambda on_state: self.client(on_state, patience=preferences.patience),
            preferences.rules,
            self._call_in_host,
            listener,
            memory=self._memory,
            key=key,
            log=self.log,
            key_file=preferences.key,
        )

    def check(self, heard: OnAnswer) -> None:
        """Ask whether the server is there; the answer's value is a line that says so."""
        self.ask(_describe, heard)

    def models(self, heard: OnAnswer) -> None:
        """Ask for the part models on the server: a tuple of `ModelInfo`."""
        self.ask(lambda client: client.models(), heard)

    def jobs(self, heard: OnAnswer) -> None:
        """Ask for the newest jobs: a tuple of `JobInfo`."""
        self.ask(lambda client: client.jobs(limit=50), heard)

    def ask(self, question: Question, heard: OnAnswer) -> None:
        """Have a question asked in the background; ``heard`` is called in the host's thread."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._answer, name="smite asking", daemon=True)
            self._thread.start()
        self._questions.put((question, heard))

    def ask_now(self, question: Question) -> Answer:
        """Ask in the calling thread and wait; for batch modes."""
        return self._ask_once(question, None)[0]

    def close(self, seconds: float = 5.0) -> None:
        """End the background thread; waits at most so many seconds."""
        if self._thread is not None and self._thread.is_alive():
            self._questions.put(None)
            self._thread.join(timeout=seconds)

    def _answer(self) -> None:
        """The background thread: one question after the other, over one connection."""
        client: Optional[Client] = None
        while True:
            asked = self._questions.get()
            if asked is None:
                break
            question, heard = asked
            answer, client = self._ask_once(question, client, keep=True)
            self._call_in_host(lambda heard=heard, answer=answer: heard(answer))  # type: ignore[misc]
        if client is not None:
            client.close()

    def _ask_once(
        self, question: Question, client: Optional[Client], *, keep: bool = False
    ) -> Tuple[Answer, Optional[Client]]:
        """Return the answer, and the client to go on with."""
        again = client is not None
        try:
            client = client or self.client(patience=ASK_PATIENCE)
            answer = Answer(question(client))
        except SmiteError as problem:
            if isinstance(problem, ConnectionProblem) and client is not None:
                _close(client)
                client = None
                if again:  # the connection was an old one: the server may be back
                    return self._ask_once(question, None, keep=keep)
            answer = self._bad_answer(problem)
        except Exception as problem:
            self.log.exception("a fault in a question")
            answer = self._bad_answer(
                HostProblem("fault", detail=f"{type(problem).__name__}: {problem}")
            )
        if client is not None and not keep:
            _close(client)
            client = None
        return answer, client

    def _bad_answer(self, error: SmiteError) -> Answer:
        problem = problem_of(error, server=self.endpoint, key_file=self.preferences.key)
        self.log.warning("%s (%s)", problem.message, error.message)
        return Answer(key=problem.key, message=problem.message)


def _close(client: Client) -> None:
    with suppress(SmiteError):
        client.close()


def _describe(client: Client) -> str:
    server = client.server
    client.jobs(all=False, limit=1)  # an old connection is only known to stand once asked
    return (
        f"connected to {client.endpoint}: version {server.server_version} on {server.device},"
        f" backbone {server.backbone}"
    )


def model_names(answer: Answer) -> Tuple[str, ...]:
    """Return the names of an answer of `Session.models`."""
    found = answer.value if isinstance(answer.value, tuple) else ()
    return tuple(model.name for model in found if isinstance(model, ModelInfo))


def parts_of(answer: Answer, model: str) -> Tuple[str, ...]:
    """Return the part names of a model in an answer of `Session.models`."""
    found = answer.value if isinstance(answer.value, tuple) else ()
    for entry in found:
        if isinstance(entry, ModelInfo) and entry.name == model:
            return entry.parts
    return ()


def job_lines(answer: Answer) -> Tuple[str, ...]:
    """Return the jobs of an answer of `Session.jobs`, a line each."""
    found = answer.value if isinstance(answer.value, tuple) else ()
    return tuple(
        f"{job.job}  {job.kind}  {job.name}  {job.state}"
        for job in found
        if isinstance(job, JobInfo)
    )
