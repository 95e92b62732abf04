"""Paths of every style, versions that exist, the next one, what must not be overwritten."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from smite_server.latest import latest_paths, newest_version, read_latest, update_latest
from smite_server.output_names import OutputNames
from smite_server.pixel_errors import MatteError
from smite_server.versions import (
    claim_next_version,
    claim_version,
    existing_versions,
    next_version,
    refuse_overwrite,
    release_claim,
)

MEMBERS = {"parts": ("eye", "mane"), "layers": ("layers",), "cryptomatte": ("cryptomatte",)}
FOLDERS = "{shot}/v{version:03d}/{part}/{shot}_{part}.{frame:04d}.exr"


def names(
    out: Path, version: int = 1, template: str | None = None, **changes: object
) -> OutputNames:
    """Every style of the shot SEQ_010, all by one template."""
    given: dict[str, object] = {
        "members": MEMBERS,
        "shot": "SEQ_010",
        "templates": {} if template is None else dict.fromkeys(MEMBERS, template),
        **changes,
    }
    return OutputNames(out, version=version, **given)  # type: ignore[arg-type]


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def deliver(found: OutputNames, *numbers: int, report: bool = True) -> None:
    """Files as a finished job leaves them."""
    for path in found.files(numbers):
        touch(path)
    if report:
        touch(found.report).write_text(json.dumps({"version": found.version}))
        touch(found.sheet)


def test_default_paths() -> None:
    found = names(Path("out"), 3)
    assert [path.as_posix() for path in found.files([1001])] == [
        "out/SEQ_010/eye/SEQ_010_eye_v003.1001.exr",
        "out/SEQ_010/mane/SEQ_010_mane_v003.1001.exr",
        "out/SEQ_010/layers/SEQ_010_layers_v003.1001.exr",
        "out/SEQ_010/cryptomatte/SEQ_010_cryptomatte_v003.1001.exr",
    ]
    assert found.patterns()["layers"] == {
        "layers": str(Path("out/SEQ_010/layers/SEQ_010_layers_v003.####.exr"))
    }
    assert found.report == Path("out/SEQ_010/SEQ_010_smite_v003.json")
    assert found.sheet == Path("out/SEQ_010/SEQ_010_smite_v003.png")


TEMPLATES = {
    "style in the path": (
        "{style}/{shot}_{part}.{frame:04d}.exr",
        "layers/SEQ_010_layers.0007.exr",
    ),
    "no part": ("{shot}_{style}_v{version}.{frame:04d}.exr", "SEQ_010_layers_v2.0007.exr"),
    "neither": ("{shot}/all_v{version:03d}/m.{frame:04d}.exr", "SEQ_010/all_v002/m.0007.exr"),
    "name without folder": ("{shot}.{frame}.exr", "SEQ_010.7.exr"),
}


@pytest.mark.parametrize(("template", "path"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_templates_of_a_style_with_one_file(template: str, path: str) -> None:
    layers = {"layers": ("layers",)}
    found = names(Path("out"), 2, members=layers, templates={"layers": template})
    assert found.path("layers", "layers", 7) == Path("out") / path
    pattern = found.pattern("layers", "layers").as_posix()
    assert "#" in pattern
    assert "7" not in pattern


def test_style_in_the_template_of_parts() -> None:
    found = names(Path("out"), template="{style}/{part}_v{version}.{frame:04d}.exr")
    assert found.path("parts", "eye", 1) == Path("out/parts/eye_v1.0001.exr")


REFUSED = {
    "a part called like a style": (
        {"members": {"parts": ("layers",), "layers": ("layers",)}},
        "The part 'layers' has the name of an output style",
    ),
    "parts that differ in case": ({"members": {"parts": ("eye", "Eye")}}, "overwrite each other"),
    "one template for two single files": (
        {"templates": dict.fromkeys(("layers", "cryptomatte"), "{shot}.{frame}.exr")},
        "The layers file and the cryptomatte file would overwrite each other",
    ),
    "parts without a part": ({"templates": {"parts": "{shot}.{frame}.exr"}}, r"no \{part\}"),
    "no frame": ({"templates": {"layers": "{shot}_{style}.exr"}}, r"no \{frame\}"),
    "unknown field": ({"templates": {"layers": "{take}.{frame}.exr"}}, r"unknown field \{take\}"),
    "upwards": ({"templates": {"layers": "../{style}.{frame}.exr"}}, "leaves the output folder"),
    "a template of no style": (
        {"templates": {"movie": "{frame}.exr"}},
        "style 'movie', which the job does not",
    ),
    "a part that is a path": ({"members": {"parts": ("a/b",)}}, "'a/b' cannot be part of a file"),
    "a shot that is no name": ({"shot": ".."}, "shot name"),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_names_that_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(MatteError, match=sentence):
        names(Path("out"), **changes)


LAYOUTS = {
    "default": None,
    "folders": FOLDERS,
    "flat": "{shot}_{style}_{part}_v{version:03d}.{frame:04d}.exr",
    "twice": "{shot}/v{version:03d}/{style}/{shot}_{part}_v{version:03d}.{frame:04d}.exr",
    "version in front": "v{version}/{shot}/{style}/{part}.{frame}.exr",
    "twice in one name": "{part}_{style}_{version}/{shot}_v{version}_{version}.{frame}.exr",
    "braces": "{{x}}/{shot}/{part}{style}_{version}.{frame:04d}.exr",
}


@pytest.mark.parametrize("template", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("shot", ["SEQ_010", "SEQ/010"])
def test_versions_that_exist(tmp_path: Path, template: str | None, shot: str) -> None:
    empty = names(tmp_path, template=template, shot=shot)
    assert existing_versions(empty) == set()
    assert next_version(empty) == 1
    for version in (1, 4, 12):
        deliver(replace(empty, version=version), 1001, 1002, -3, report=False)
    assert existing_versions(empty) == {1, 4, 12}
    assert next_version(empty) == 13  # above all: a gap is not filled


ONE_FILE = {
    "a part that the shot no longer has": "SEQ_010/nose/SEQ_010_nose_v007.1001.exr",
    "a layers file": "SEQ_010/layers/SEQ_010_layers_v007.1001.exr",
    "a report alone": "SEQ_010/SEQ_010_smite_v007.json",
    "a sheet alone": "SEQ_010/SEQ_010_smite_v007.png",
    "five digits": "SEQ_010/eye/SEQ_010_eye_v0007.100100.exr",
}


@pytest.mark.parametrize("path", ONE_FILE.values(), ids=ONE_FILE.keys())
def test_any_file_of_the_shot_takes_its_version(tmp_path: Path, path: str) -> None:
    touch(tmp_path / path)
    assert next_version(names(tmp_path)) == 8


OTHERS = (
    "SEQ_011/eye/SEQ_011_eye_v007.1001.exr",
    "SEQ_010/eye/SEQ_011_eye_v007.1001.exr",
    "SEQ_010/eye/SEQ_010_eye_v007.exr",
    "SEQ_010/eye/.SEQ_010_eye_v007.1001.exr.smite-tmp12",
    "SEQ_010/SEQ_010_smite_latest.json",
    "SEQ_010/eye/SEQ_010_eye_v007.1001.exr/folder",
)


@pytest.mark.parametrize("path", OTHERS)
def test_other_files_do_not_count(tmp_path: Path, path: str) -> None:
    touch(tmp_path / path)
    assert existing_versions(names(tmp_path)) == set()


def test_no_version_is_left(tmp_path: Path) -> None:
    touch(tmp_path / "SEQ_010/SEQ_010_smite_v9999.json")
    with pytest.raises(MatteError, match="shot SEQ_010 has version 9999, and versions end at 9999"):
        next_version(names(tmp_path))


def test_jobs_that_ask_at_once_get_versions_of_their_own(tmp_path: Path) -> None:
    deliver(names(tmp_path, 2), 1001)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim_next_version(names(tmp_path)), range(16)))
    assert sorted(found.version for found in claimed) == list(range(3, 19))
    assert next_version(names(tmp_path)) == 19
    for found in claimed:
        release_claim(found)
    assert next_version(names(tmp_path)) == 3
    assert not list(tmp_path.rglob("*.claim"))
    release_claim(claimed[0])  # once more does no harm


def test_a_claim_is_kept_by_the_mattes(tmp_path: Path) -> None:
    found = claim_next_version(names(tmp_path))
    refuse_overwrite(found, [1001])
    deliver(found, 1001, report=False)
    release_claim(found)
    assert claim_next_version(names(tmp_path)).version == 2


def test_a_claim_where_nothing_can_be_written(tmp_path: Path) -> None:
    touch(tmp_path / "SEQ_010")
    with pytest.raises(MatteError, match=r"Version 1 cannot be claimed \(.+\): .*\.claim"):
        claim_next_version(names(tmp_path))


def test_the_same_work_gets_its_own_version_again(tmp_path: Path) -> None:
    first = claim_next_version(names(tmp_path), "work a")
    assert claim_next_version(names(tmp_path), "work b").version == 2
    deliver(first, 1001, report=False)
    assert claim_next_version(names(tmp_path), "work a") == first
    claim_version(first, [1001], "work a")
    with pytest.raises(MatteError, match="was begun by another job, 4 of its 4 files are there"):
        claim_version(first, [1001], "work b")
    touch(first.report)
    for work in ("work a", "work b"):
        with pytest.raises(MatteError, match="was delivered"):
            claim_version(first, [1001], work)
    claim_version(first, [1001], "work b", overwrite=True)
    assert claim_next_version(names(tmp_path), "work a").version == 3, "it is delivered"


def test_a_delivered_version_is_not_overwritten(tmp_path: Path) -> None:
    first = names(tmp_path)
    refuse_overwrite(first, range(1001, 1011))
    deliver(first, 1003, 1004)
    with pytest.raises(MatteError) as caught:
        refuse_overwrite(first, range(1001, 1011))
    sentence = str(caught.value)
    assert sentence.startswith("Version 1 of the shot SEQ_010 was delivered, 8 of its 40 files are")
    assert sentence.endswith("use --version next, or ask for --overwrite")
    assert str(tmp_path / "SEQ_010") in sentence
    refuse_overwrite(replace(first, version=next_version(first)), range(1001, 1011))


def test_frames_that_were_never_written_may_be(tmp_path: Path) -> None:
    deliver(names(tmp_path), 1001, report=False)
    refuse_overwrite(names(tmp_path), [1002])
    with pytest.raises(MatteError, match="4 of its 4 files"):
        refuse_overwrite(names(tmp_path), [1001])


def test_next_is_no_way_out_where_names_have_no_version(tmp_path: Path) -> None:
    found = names(tmp_path, template="{shot}/{part}/{style}.{frame}.exr")
    deliver(found, 1001)
    with pytest.raises(
        MatteError, match=r"use a template with \{version\}, or ask for --overwrite"
    ):
        refuse_overwrite(replace(found, version=2), [1001])


def test_a_report_alone_is_a_delivery(tmp_path: Path) -> None:
    touch(names(tmp_path).report)
    with pytest.raises(MatteError, match=r"was delivered: .*SEQ_010_smite_v001\.json; use"):
        refuse_overwrite(names(tmp_path), [1001])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may list all")
def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    deliver(names(tmp_path), 1001)
    (tmp_path / "SEQ_010").chmod(0)
    try:
        with pytest.raises(MatteError, match="folder cannot be listed"):
            next_version(names(tmp_path))
    finally:
        (tmp_path / "SEQ_010").chmod(0o755)


def no_links(target: str, path: Path) -> None:
    """A file system without links."""
    raise OSError(1, "Operation not permitted")


@pytest.mark.parametrize("link", [os.symlink, no_links], ids=["links", "no links"])
def test_latest_names_the_newest_version(tmp_path: Path, link: object) -> None:
    latest = tmp_path / "SEQ_010" / "SEQ_010_smite_latest.json"
    assert update_latest(names(tmp_path), link) == {}  # type: ignore[arg-type]
    assert read_latest(latest) is None
    for version in (1, 3, 2):  # the second comes late: it was run again
        found = names(tmp_path, version)
        deliver(found, 1001)
        update_latest(found, link)  # type: ignore[arg-type]
        assert json.loads(latest.read_text())["version"] == (3 if version > 1 else 1)
    assert latest.is_symlink() == (link is os.symlink)
    target = read_latest(latest)
    assert target is not None
    assert target == names(tmp_path, 3).report
    assert sorted(path.name for path in latest.parent.iterdir() if "latest" in path.name) == [
        "SEQ_010_smite_latest.json"
    ]


def test_a_version_without_a_report_is_not_the_newest(tmp_path: Path) -> None:
    deliver(names(tmp_path, 1), 1001)
    deliver(names(tmp_path, 2), 1001, report=False)
    assert newest_version(names(tmp_path)) == 1
    assert next_version(names(tmp_path)) == 3


@pytest.mark.parametrize("link", [os.symlink, no_links], ids=["links", "no links"])
@pytest.mark.parametrize("shot", ["SEQ_010", "SEQ/010"])
def test_folders_of_versions_have_a_latest_too(tmp_path: Path, link: object, shot: str) -> None:
    for version in (1, 2):
        found = names(tmp_path, version, FOLDERS, shot=shot)
        deliver(found, 1001)
        made = update_latest(found, link)  # type: ignore[arg-type]
    latest = tmp_path / shot / "latest"
    assert latest in made
    assert read_latest(latest) == tmp_path / shot / "v002"
    if link is os.symlink:
        assert latest.readlink() == Path("v002")
        assert (latest / "eye" / f"{shot.replace('/', '_')}_eye.1001.exr").is_file()
    assert existing_versions(found) == {1, 2}


def test_a_shots_own_folders_below_the_version() -> None:
    template = "v{version}/{shot}/{style}/{part}.{frame}.exr"
    found = latest_paths(names(Path("out"), 2, template, shot="A/B"))
    assert found[Path("out/latest")] == Path("out/v2")
    per_part = latest_paths(names(Path("out"), 2, "{part}/{style}_v{version}/m.{frame}.exr"))
    assert per_part[Path("out/eye/parts_latest")] == Path("out/eye/parts_v2")
    revised = latest_paths(names(Path("out"), 2, "rev{version}/{style}/{part}.{frame}.exr"))
    assert revised[Path("out/revlatest")] == Path("out/rev2")
    assert len(latest_paths(names(Path("out")))) == 1  # the report's alone


def test_links_stay_right_where_a_project_moves(tmp_path: Path) -> None:
    deliver(names(tmp_path / "a"), 1001)
    update_latest(names(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    moved = tmp_path / "b" / "SEQ_010" / "SEQ_010_smite_latest.json"
    assert json.loads(moved.read_text()) == {"version": 1}


def test_a_folder_in_the_way_of_latest(tmp_path: Path) -> None:
    deliver(names(tmp_path), 1001)
    touch(tmp_path / "SEQ_010" / "SEQ_010_smite_latest.json" / "x")
    with pytest.raises(MatteError, match=r"newest version cannot be made \(.+\): .*json"):
        update_latest(names(tmp_path))
    assert not list(tmp_path.rglob("*.smite-tmp*"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"latest": 3}', "\xff"])
def test_what_is_no_latest(tmp_path: Path, text: str) -> None:
    path = tmp_path / "latest"
    path.write_text(text, encoding="latin-1")
    assert read_latest(path) is None
