"""Errors that cross the wire, each with a stable code.

The tree (class, wire code, exit status on a command line)::

    SmiteError                    (abstract)
    |-- BadInput                  bad_input            2
    |   |-- BadMessage            bad_message          2
    |   |-- BadPath               bad_path             2
    |   |   |-- PathRefused       path_refused         2
    |   |   `-- PathMissing       path_missing         2
    |   |-- VersionTaken          version_taken        2
    |   |-- BadPlate              bad_plate            2
    |   |-- BadReferences         bad_references       2
    |   |-- BadParts              bad_parts            2
    |   |-- BadSettings           bad_settings         2
    |   |-- BadColour             bad_colour           2
    |   |-- BadPartModel          bad_part_model       2
    |   |   `-- BackboneMismatch  backbone_mismatch    2
    |   |-- BadBackbone           bad_backbone         2
    |   |-- TooLarge              too_large            2
    |   |-- UnknownJob            unknown_job          2
    |   |-- UnknownModel          unknown_model        2
    |   |-- WrongState            wrong_state          2
    |   |-- LimitReached          limit_reached        2
    |   |-- BadChecksum           bad_checksum         2
    |   `-- EndpointRefused       endpoint_refused     2
    |-- ConnectionProblem         connection_problem   2
    |   |-- ServerUnreachable     server_unreachable   2
    |   |-- ServerLost            server_lost          1
    |   |-- VersionMismatch       version_mismatch     2
    |   |-- NotGreeted            not_greeted          1
    |   `-- NotAuthorised         not_authorised       2
    |-- JobFailed                 job_failed           1
    |   |-- DiskFull              disk_full            1
    |   |-- OutOfMemory           out_of_memory        1
    |   |-- WorkerDied            worker_died          1
    |   |-- ServerStopped         server_stopped       1
    |   |-- MatteFailed           matte_failed         1
    |   `-- JobCancelled          job_cancelled        130
    `-- InternalError             internal_error       1

``str(error)`` and ``error.message`` are one sentence for a person: what is wrong, where, and
what would be right. A code never changes its meaning; new codes may be added, and a reader that
does not know a code treats it as `SmiteError` (`error_from_code`).
"""

# ruff: noqa: N818  (names say what happened; the base class says that they are errors)

from __future__ import annotations

from typing import Dict, Iterator, Type


class SmiteError(Exception):
    """Base of every error of the protocol; raised itself only for codes this version lacks."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(SmiteError):
    """Something the caller gave cannot be used; the message says what would be right."""

    code = "bad_input"
    exit_code = 2


class BadMessage(BadInput):
    """A message breaks the protocol: unknown type or field, wrong type, over a limit."""

    code = "bad_message"


class BadPath(BadInput):
    """A path cannot be used: not absolute, not a folder, not writable."""

    code = "bad_path"


class PathRefused(BadPath):
    """A path resolves to a place outside the folders this server may touch."""

    code = "path_refused"


class PathMissing(BadPath):
    """A path names nothing on the server."""

    code = "path_missing"


class VersionTaken(BadInput):
    """The version that a job was to write is there already."""

    code = "version_taken"


class BadPlate(BadInput):
    """Frames are missing, unreadable, or of different sizes."""

    code = "bad_plate"


class BadReferences(BadInput):
    """The reference stills or their masks do not fit together."""

    code = "bad_references"


class BadParts(BadInput):
    """The part names or groups are not a valid part set."""

    code = "bad_parts"


class BadSettings(BadInput):
    """A setting is unknown or out of range."""

    code = "bad_settings"


class BadColour(BadInput):
    """A colour space is unknown."""

    code = "bad_colour"


class BadPartModel(BadInput):
    """A file is not a part model, or is damaged."""

    code = "bad_part_model"


class BackboneMismatch(BadPartModel):
    """A part model was made for another backbone than the server's."""

    code = "backbone_mismatch"


class BadBackbone(BadInput):
    """The server's backbone cannot be loaded."""

    code = "bad_backbone"


class TooLarge(BadInput):
    """An upload or a message is over the server's limits."""

    code = "too_large"


class UnknownJob(BadInput):
    """No job has this id."""

    code = "unknown_job"


class UnknownModel(BadInput):
    """No part model has this name."""

    code = "unknown_model"


class WrongState(BadInput):
    """The job is in a state in which this cannot be done."""

    code = "wrong_state"


class LimitReached(BadInput):
    """A limit per user is reached: jobs in the queue, or requests in a while."""

    code = "limit_reached"


class BadChecksum(BadInput):
    """Bytes were changed on their way; send them again."""

    code = "bad_checksum"


class EndpointRefused(BadInput):
    """An endpoint is malformed, or cannot be used without keys."""

    code = "endpoint_refused"


class ConnectionProblem(SmiteError):
    """The client and the server cannot talk."""

    code = "connection_problem"
    exit_code = 2


class ServerUnreachable(ConnectionProblem):
    """Nothing answers at the endpoint."""

    code = "server_unreachable"


class ServerLost(ConnectionProblem):
    """The server answered before, and does not any more."""

    code = "server_lost"
    exit_code = 1


class VersionMismatch(ConnectionProblem):
    """Client and server have no protocol version in common."""

    code = "version_mismatch"


class NotGreeted(ConnectionProblem):
    """A request came before hello, or from a client the server has forgotten."""

    code = "not_greeted"
    exit_code = 1


class NotAuthorised(ConnectionProblem):
    """The server wants a token that the client does not have."""

    code = "not_authorised"


class JobFailed(SmiteError):
    """A job could not be finished."""

    code = "job_failed"


class DiskFull(JobFailed):
    """No space is left where a result is written."""

    code = "disk_full"


class OutOfMemory(JobFailed):
    """The device has too little memory, also for the smallest window."""

    code = "out_of_memory"


class WorkerDied(JobFailed):
    """The process that ran the job ended in the middle of it."""

    code = "worker_died"


class ServerStopped(JobFailed):
    """The server that owned the job ended before the job did."""

    code = "server_stopped"


class MatteFailed(JobFailed):
    """A matte could not be written, for another reason than a full disk."""

    code = "matte_failed"


class JobCancelled(JobFailed):
    """The job was cancelled."""

    code = "job_cancelled"
    exit_code = 130


class InternalError(SmiteError):
    """A fault in the program itself; the server's log has the details."""

    code = "internal_error"


def error_classes() -> Iterator[Type[SmiteError]]:
    """Yield every error class below `SmiteError` that has a code, parents before children.

    A program may have kinds of its own that go by the code of their parent.
    """
    pending = list(SmiteError.__subclasses__())
    while pending:
        found = pending.pop(0)
        if "code" in vars(found):
            yield found
        pending.extend(found.__subclasses__())


def error_codes() -> Dict[str, Type[SmiteError]]:
    """Return the class of every wire code."""
    return {found.code: found for found in error_classes()}


def error_from_code(code: str, message: str) -> SmiteError:
    """Return the error that a wire code stands for; unknown codes give a plain `SmiteError`."""
    return error_codes().get(code, SmiteError)(message)
