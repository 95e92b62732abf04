"""A client of the storm: ``python -m tests.support.storm.client ENDPOINT WORK LEDGER``.

It submits its jobs, two at a time, and follows them to their ends; one that failed for a full disk
is tried again. Started again after it was killed, it goes on with the jobs that its ledger names.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from pathlib import Path

from smite_protocol import Client, SegmentSpec
from smite_protocol.errors import DiskFull
from smite_protocol.events import Finished, MatteReady
from smite_protocol.fields import from_map
from smite_protocol.uploads import files_of_plate
from tests.support.storm.ledger import Ledger

PATIENCE = 120.0
ROOM_SECONDS = 1.0
"""How long somebody takes to make room on a disk."""
AHEAD = 2


def main() -> int:
    """Bring all jobs of WORK to their ends."""
    endpoint, work, ledger_path = sys.argv[1:4]
    ledger = Ledger(Path(ledger_path))
    wanted = json.loads(Path(work).read_text("utf-8"))
    seen = ledger.read()
    left = [entry for entry in wanted if entry["shot"] not in seen or not seen[entry["shot"]].state]
    with Client(endpoint, timeout=PATIENCE, patience=PATIENCE) as client:
        for index, entry in enumerate(left):
            for coming in left[index : index + AHEAD]:
                _submit(client, ledger, coming)
            _follow(client, ledger, entry["shot"])
    return 0


def _submit(client: Client, ledger: Ledger, entry: dict[str, object]) -> None:
    """Submit a job, unless it was; a plate that the spec does not name is sent."""
    shot = str(entry["shot"])
    if shot in ledger.read():
        return
    sent = entry.get("send")
    fields = {name: value for name, value in entry.items() if name != "send"}
    plate = files_of_plate(str(sent)) if sent else None
    job = client.submit(from_map(SegmentSpec, fields), plate=plate)
    ledger.add(shot, "job", job=job)


def _follow(client: Client, ledger: Ledger, shot: str) -> None:
    job = ledger.read()[shot].job
    end = _watch(client, ledger, shot, job)
    while end.error == DiskFull.code:
        ledger.add(shot, "full")
        time.sleep(ROOM_SECONDS)
        client.retry(job)
        end = _watch(client, ledger, shot, job)
    ledger.add(shot, "end", state=end.state, message=end.message)


def _watch(client: Client, ledger: Ledger, shot: str, job: str) -> Finished:
    """Note the mattes of a job; return how it ended."""
    for event in client.watch(job):
        if isinstance(event, MatteReady):
            crc = None if event.data is None else zlib.crc32(event.data)
            ledger.add(shot, "matte", path=event.path, crc=crc)
        elif isinstance(event, Finished):
            return event
    raise AssertionError(f"the events of job {job} ended without an end")


if __name__ == "__main__":
    sys.exit(main())
