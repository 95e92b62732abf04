"""Sending a job's files: several on their way at once, bounded, sent again where they must be."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Deque, Iterable, Iterator, Union

from .checksums import checksum_of
from .errors import (
    BadChecksum,
    BadMessage,
    LimitReached,
    NotGreeted,
    ServerLost,
    SmiteError,
    TooLarge,
)
from .link import Link
from .replies import Received
from .requests import PutFile, PutPixels
from .uploads import WireFile, WireFrame

Entry = Union[WireFile, WireFrame]
Request = Union[PutFile, PutPixels]

MOST_IN_FLIGHT = 16
"""Files that are on their way at once."""
MOST_BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Their bytes, where more than `LEAST_IN_FLIGHT` are on their way."""
LEAST_IN_FLIGHT = 2
"""So many may be on their way whatever their size, so that the wire is not idle."""
ATTEMPTS = 4
"""How often a file is sent that the server receives damaged, or too soon."""
SLOWER_SECONDS = 1.0
"""Wait after a file that came faster than the server takes them."""
MOST_LOSSES = 10
"""Losses in a row without one file received in between, after which sending is given up."""


@dataclass
class _Sent:
    """A request on its way: its number in this session, its bytes, and how often it was sent."""

    request: Request
    size: int
    number: int = 0
    attempts: int = 1


class Sending:
    """Sends the files or frames of one job; memory holds those on their way and one more."""

    def __init__(self, link: Link, job: str, role: str) -> None:
        self._link = link
        self._job = job
        self._role = role
        self._sent: Deque[_Sent] = deque()
        self._losses = 0

    def send_all(self, entries: Iterable[Entry]) -> int:
        """Send ``entries`` in order, each read when its turn comes; return how many.

        Raises the first error that the server answers with, TooLarge, PathMissing, ServerLost.
        """
        count = 0
        try:
            for entry in self._requests(entries):
                while not self._has_room(entry.size):
                    self._settle_oldest()
                self._sent.append(entry)
                self._post(entry)
                count += 1
            while self._sent:
                self._settle_oldest()
        finally:
            for entry in self._sent:
                self._link.connection.forget(entry.number)
        return count

    def _requests(self, entries: Iterable[Entry]) -> Iterator[_Sent]:
        for entry in entries:
            self._check_size(entry)
            request = self._request(entry)
            yield _Sent(request, memoryview(request.data or b"").nbytes)

    def _check_size(self, entry: Entry) -> None:
        limit = self._link.server.max_file_bytes
        if entry.size > limit:
            name = entry.name if isinstance(entry, WireFile) else f"frame {entry.frame}"
            raise TooLarge(
                f"{name} has {entry.size} bytes; this server takes {limit} at most, so let it read"
                " the file by path (--root)."
            )

    def _request(self, entry: Entry) -> Request:
        data = entry.read() if isinstance(entry, WireFile) else memoryview(entry.data).cast("B")
        checksum = checksum_of(data) if self._link.server.protocol >= 2 else None
        if isinstance(entry, WireFile):
            return PutFile(
                job=self._job, part_of=self._role, path=entry.name, checksum=checksum, data=data
            )
        return PutPixels(
            job=self._job,
            frame=entry.frame,
            shape=entry.shape,
            dtype=entry.dtype,
            geometry=entry.windows,
            colour_space=entry.colour_space,
            checksum=checksum,
            data=data,
        )

    def _has_room(self, size: int) -> bool:
        if len(self._sent) < LEAST_IN_FLIGHT:
            return True
        together = size + sum(entry.size for entry in self._sent)
        return len(self._sent) < MOST_IN_FLIGHT and together <= MOST_BYTES_IN_FLIGHT

    def _post(self, entry: _Sent) -> None:
        link = self._link
        try:
            link.states.asked()
            entry.number = link.connection.post(entry.request, link.request_timeout)
        except ServerLost as problem:
            self._recover(problem)

    def _settle_oldest(self) -> None:
        """Wait until the oldest on its way is received; what was damaged is sent again."""
        link = self._link
        entry = self._sent[0]
        try:
            reply = link.connection.reply_to(entry.number, link.request_timeout)
        except (ServerLost, NotGreeted) as problem:
            self._recover(problem)
            return
        except (BadChecksum, LimitReached) as problem:
            self._sent.popleft()
            if entry.attempts >= ATTEMPTS:
                raise
            if isinstance(problem, LimitReached):
                time.sleep(SLOWER_SECONDS)
            entry.attempts += 1
            self._sent.append(entry)
            self._post(entry)
            return
        except SmiteError:
            self._sent.popleft()
            raise
        self._sent.popleft()
        if not isinstance(reply, Received):
            raise BadMessage(f"The server answered {entry.request.type} with {reply.type}.")
        self._losses = 0
        link.states.answered()

    def _recover(self, problem: SmiteError) -> None:
        """Begin a new session, and send again all that was on its way."""
        lost = True
        while lost:
            self._losses += 1
            if self._losses > MOST_LOSSES:
                raise problem
            self._link.recover(problem)
            try:
                for entry in self._sent:
                    entry.number = self._link.connection.post(
                        entry.request, self._link.request_timeout
                    )
                lost = False
            except ServerLost as again:
                problem = again
