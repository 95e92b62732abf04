"""Logs: lines with names, a file that is moved aside, a job's part of a worker's log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from smite_server import job_log
from smite_server.config import Log
from smite_server.job_log import begin_mark, end_mark, log_of_job
from smite_server.logs import Logging, log_context, name_in_log

ONE, OTHER = "0123456789ab", "ba9876543210"


Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging leaves structlog as it was."""
    yield
    assert not structlog.is_configured()


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


class TestLines:
    """What a line says, and where it goes."""

    def test_names_of_a_request_stay_in_it(self, capsys: Capture) -> None:
        log = structlog.get_logger("x")
        with Logging(Log(format="json")):
            with log_context():
                name_in_log(job=ONE, user="")
                log.info("inside", size=3)
            log.info("outside")
        inside, outside = lines(capsys.readouterr().err)
        assert inside["event"] == "inside"
        assert (inside["job"], inside["size"], inside["level"]) == (ONE, 3, "info")
        assert "user" not in inside
        assert "job" not in outside

    def test_the_console_is_for_people(self, capsys: Capture) -> None:
        with Logging(Log()):
            structlog.get_logger().warning("look out", job=ONE)
        told = capsys.readouterr().err
        assert "look out" in told
        assert f"job={ONE}" in told

    def test_the_level(self, capsys: Capture) -> None:
        with Logging(Log(format="json", level="warning")):
            log = structlog.get_logger()
            log.info("small news")
            log.error("great news")
        assert [line["event"] for line in lines(capsys.readouterr().err)] == ["great news"]

    def test_an_exception_is_one_line(self, capsys: Capture) -> None:
        with Logging(Log(format="json")):
            try:
                raise RuntimeError("unforeseen")
            except RuntimeError:
                structlog.get_logger().exception("failed")
        (line,) = lines(capsys.readouterr().err)
        assert "RuntimeError: unforeseen" in str(line["exception"])

    def test_the_file_is_moved_aside(self, tmp_path: Path) -> None:
        with Logging(Log(max_bytes=65536, files=2)) as logging:
            logging.to_file(tmp_path / "server-1.log")
            for number in range(400):
                structlog.get_logger().info("news", number=number, text="x" * 1000)
        files = sorted(path.name for path in tmp_path.iterdir())
        assert files == ["server-1.log", "server-1.log.1", "server-1.log.2"]
        assert all(path.stat().st_size <= 65536 for path in tmp_path.iterdir())
        newest = lines((tmp_path / "server-1.log").read_text())
        assert newest[-1]["number"] == 399


class TestJobLog:
    """The part of a worker's log that is about one job."""

    def test_between_its_marks(self, tmp_path: Path) -> None:
        log = tmp_path / "worker-7.log"
        log.write_text(
            f"{begin_mark(ONE)}first\n{end_mark(ONE)}{begin_mark(OTHER)}x\n{end_mark(OTHER)}"
            f"{begin_mark(ONE)}second\nattempt\n{end_mark(ONE)}idle\n"
        )
        assert log_of_job(tmp_path, ONE) == ["second", "attempt"]
        assert log_of_job(tmp_path, OTHER) == ["x"]
        assert log_of_job(tmp_path, "f" * 12) is None

    def test_a_worker_that_died(self, tmp_path: Path) -> None:
        log = tmp_path / "worker-7.log"
        log.write_text(f"{begin_mark(ONE)}Segmentation fault\n{begin_mark(OTHER)}x\n")
        assert log_of_job(tmp_path, ONE) == ["Segmentation fault"]
        assert log_of_job(tmp_path, OTHER) == ["x"]

    def test_only_the_last_lines(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job_log, "SHOWN_LINES", 2)
        log = tmp_path / "worker-7.log"
        log.write_text(begin_mark(ONE) + "\n".join("abc"))
        assert log_of_job(tmp_path, ONE) == ["b", "c"]
        monkeypatch.setattr(job_log, "SHOWN_BYTES", 1)
        assert log_of_job(tmp_path, ONE) == ["c"]
