"""`smite review` as people run it, on shots that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smite_server.latest import update_latest
from smite_server.output_names import OutputNames
from tests.support.command import Smite
from tests.support.reviewed import write_shot


@pytest.fixture
def smite(tmp_path: Path) -> Smite:
    return Smite(tmp_path / "home")


def opened_by(smite: Smite, folder: Path, *arguments: str | Path) -> tuple[str, list[str]]:
    """What the command prints, and the addresses that a stand-in browser was given."""
    log, browser = folder / "opened.txt", folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {log}\n')
    browser.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "smite_server.cli", "review", *map(str, arguments)],
        env={**smite.environment, "BROWSER": f"{browser} %s"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, log.read_text().split() if log.exists() else []


@pytest.mark.skipif(os.name == "nt", reason="the stand-in browser is a shell script")
def test_it_prints_the_frames_and_opens_the_page(smite: Smite, tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out")
    printed, opened = opened_by(smite, tmp_path, report.parent)
    assert opened == [report.with_suffix(".html").as_uri()]
    lines = printed.splitlines()
    assert lines[0].split() == ["frames", "part", "severity", "what"]
    assert lines[1].split(maxsplit=4)[:4] == ["1006", "the", "hull", "major"]
    assert "flickers (70 % of it changes sides" in lines[1]
    assert lines[-1] == f"page  {report.with_suffix('.html')}"
    again, opened = opened_by(smite, tmp_path, report.parent, "--no-open")
    assert again == printed
    assert len(opened) == 1


def test_a_shot_with_nothing_to_see(smite: Smite, tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out", bad=None)
    done = smite.run("review", report, "--no-open")
    assert done.returncode == 0
    assert "SEQ_010 v001  no frame stands out among 10" in done.stdout


def test_json(smite: Smite, tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out")
    found = smite.json("review", report)
    assert found["report"] == str(report)
    assert found["page"] == str(report.with_suffix(".html"))
    assert [(entry["part"], entry["name"], entry["first"]) for entry in found["review"]] == [
        ("hull", "the hull", 1006),
        ("fins", "fins", 1006),
    ]
    (marker,) = found["markers"]
    assert (marker["first"], marker["last"], marker["severity"]) == (1006, 1006, "major")
    assert marker["colour"].startswith("#")
    assert json.loads(report.read_text(encoding="utf-8"))["markers"] == [marker]


def test_the_newest_version_by_any_name(smite: Smite, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for version in (1, 2, 10):
        newest = write_shot(out, version=version, frames=2)
    names = OutputNames(out, "SEQ_010", 1, {})
    (latest,) = update_latest(replace(names, version=10))
    for given in ((out / "SEQ_010",), ("SEQ_010", "--out", out), (latest,),
                  (newest.with_suffix(".html"),)):  # fmt: skip
        assert smite.json("review", *given)["report"] == str(newest), given
    chosen = smite.json("review", "SEQ_010", "--out", out, "--version", "2")
    assert chosen["version"] == 2
    assert smite.json("review", out / "SEQ_010", "--version", "2")["version"] == 2
    assert smite.json("review", newest, "--version", "1")["version"] == 1


def test_what_is_not_there_is_one_sentence(smite: Smite, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = write_shot(out, frames=2)
    assert "no report in" in smite.refuses("review", out)
    assert "no version 7" in smite.refuses("review", report.parent, "--version", "7")
    assert "There is no report" in smite.refuses(
        "review", "SEQ_010", "--out", out, "--version", "7"
    )
    assert "has no report in" in smite.refuses("review", "SEQ_011", "--out", out)
    assert "does not exist" in smite.refuses("review", "SEQ_010", "--out", tmp_path / "no")
    assert "no shot folder or report" in smite.refuses("review", tmp_path / "no")
    assert "cannot be part of a file name" in smite.refuses("review", "a:b", "--out", out)
    old = report.with_name("OLD_smite_v001.json")
    old.write_text('{"report": 1, "shot": "OLD", "version": 1}')
    assert "made by an older version" in smite.refuses("review", old)
    assert "reports of several shots" in smite.refuses("review", report.parent)
    old.write_text("[]")
    assert "is no report" in smite.refuses("review", old)
    old.write_text("{")
    assert "cannot be read" in smite.refuses("review", old)
