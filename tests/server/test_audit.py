"""The audit log: whole lines, bounded, for its owner, and never in the server's way."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

from smite_server.audit import FILE_NAME, SAME_IN_A_WHILE, WHILE_SECONDS, AuditLog
from tests.support.clocks import Clock

NOW = 1_800_000_000.0


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE_NAME).read_text("ascii").splitlines()]


def test_a_line_says_who_what_and_when(tmp_path: Path) -> None:
    AuditLog(tmp_path, clock=Clock(NOW)).write("submit", user="anna", key="", job="j1", ahead=0)
    assert lines(tmp_path) == [
        {
            "when": "2027-01-15T08:00:00.000+00:00",
            "what": "submit",
            "user": "anna",
            "job": "j1",
            "ahead": 0,
        }
    ]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_nobody_forges_a_line(tmp_path: Path) -> None:
    evil = 'x"}\n{"what": "submit", "user": "root"}\r\u2028\x1b[2J\x00'
    AuditLog(tmp_path).write("refused", why=evil, paths={"out": evil})
    (line,) = lines(tmp_path)
    assert line["why"] == evil
    assert b"\x1b" not in (tmp_path / FILE_NAME).read_bytes()


def test_a_line_is_short_whatever_is_sent(tmp_path: Path) -> None:
    huge = {str(n) * 100: ["\U0001f600" * 10_000] * 1000 for n in range(1000)}
    AuditLog(tmp_path).write("refused", why="é" * 10**6, paths=huge)
    assert (tmp_path / FILE_NAME).stat().st_size < 16 * 16 * 512 * 12 + 10_000
    assert len(lines(tmp_path)) == 1


def test_a_flood_is_counted_not_written(tmp_path: Path) -> None:
    clock = Clock(NOW)
    log = AuditLog(tmp_path, clock=clock)
    for _ in range(5000):
        log.write("bad message", by="peer 1", code="bad_message")
    log.write("bad message", by="peer 2", code="bad_message")
    assert len(lines(tmp_path)) == SAME_IN_A_WHILE + 1
    clock.now += WHILE_SECONDS
    log.write("bad message", by="peer 1", code="bad_message")
    assert lines(tmp_path)[-1]["unwritten_before"] == 5000 - SAME_IN_A_WHILE


def test_what_is_done_is_always_written(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    for number in range(500):
        log.write("submit", user="anna", job=str(number))
    assert [line["job"] for line in lines(tmp_path)] == [str(number) for number in range(500)]


def test_full_files_are_moved_aside_and_few_are_kept(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, max_bytes=1000, keep=3)
    for number in range(200):
        log.write("submit", job=str(number))
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == [FILE_NAME, *(f"{FILE_NAME}.{n}" for n in (1, 2, 3))]
    assert all(entry.stat().st_size <= 1000 for entry in tmp_path.iterdir())
    assert lines(tmp_path)[-1]["job"] == "199"


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "gone")
    log.write("submit", job="1")
    (tmp_path / "gone").mkdir()
    log.write("submit", job="2")
    assert [line["job"] for line in lines(tmp_path / "gone")] == ["2"]


def test_threads_share_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)

    def write() -> None:
        for number in range(100):
            log.write("submit", job=str(number), why="x" * 400)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 400
