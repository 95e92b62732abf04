"""Path confinement: nothing outside the roots, by no detour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smite_protocol.errors import BadPath, PathMissing, PathRefused
from smite_server.config import ServerConfig
from smite_server.paths import Roots, check_template, fingerprint


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "root" / "plate").mkdir(parents=True)
    (tmp_path / "rootless").mkdir()
    (tmp_path / "rootless" / "secret.exr").write_bytes(b"x")
    (tmp_path / "root" / "plate" / "a.1.exr").write_bytes(b"x")
    return tmp_path / "root"


@pytest.fixture
def roots(inside: Path) -> Roots:
    return Roots((inside.resolve(),))


def test_paths_inside_are_resolved(roots: Roots, inside: Path) -> None:
    found = roots.existing(f"{inside}/plate/../plate/a.1.exr", "the plate")
    assert found == (inside / "plate" / "a.1.exr").resolve()


@pytest.mark.parametrize(
    "detour",
    [
        pytest.param("{root}/../rootless/secret.exr", id="dots"),
        pytest.param("{root}less/secret.exr", id="a folder whose name begins like the root"),
        pytest.param("{root}/link/secret.exr", id="through a link to a folder"),
        pytest.param("{root}/plate/link.exr", id="a link to a file"),
        pytest.param("{root}/plate/../../rootless", id="dots from below"),
        pytest.param("/etc/passwd", id="somewhere else"),
        pytest.param("/", id="above"),
    ],
)
def test_detours_are_refused(roots: Roots, inside: Path, detour: str) -> None:
    (inside / "link").symlink_to(inside.parent / "rootless")
    (inside / "plate" / "link.exr").symlink_to(inside.parent / "rootless" / "secret.exr")
    path = detour.format(root=inside)
    for check in (roots.existing, roots.output):
        with pytest.raises(PathRefused, match="outside the folders this server may touch"):
            check(path, "the plate")


def test_output_below_a_link_that_leads_out(roots: Roots, inside: Path) -> None:
    (inside / "out").symlink_to(inside.parent / "rootless")
    with pytest.raises(PathRefused):
        roots.output(f"{inside}/out/new/folder", "the output folder")


def test_link_loop_is_no_way_out(roots: Roots, inside: Path) -> None:
    (inside / "loop").symlink_to(inside / "loop")
    with pytest.raises(BadPath):
        roots.existing(f"{inside}/loop/x", "the plate")


def test_relative_paths_are_refused(roots: Roots) -> None:
    with pytest.raises(BadPath, match="not absolute"):
        roots.existing("plate/a.1.exr", "the plate")


def test_without_roots_no_path_is_taken(inside: Path) -> None:
    with pytest.raises(PathRefused, match=r"without --root.*send the files"):
        Roots(()).existing(str(inside), "the plate")


def test_missing_path_inside(roots: Roots, inside: Path) -> None:
    with pytest.raises(PathMissing, match=r"The plate .*b\.exr does not exist"):
        roots.existing(f"{inside}/b.exr", "the plate")


def test_output_may_be_yet_to_be_made_but_not_below_a_file(roots: Roots, inside: Path) -> None:
    assert roots.output(f"{inside}/new/deep", "the output folder") == inside / "new" / "deep"
    with pytest.raises(BadPath, match="is a file"):
        roots.output(f"{inside}/plate/a.1.exr/deep", "the output folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_output_that_is_read_only(roots: Roots, inside: Path) -> None:
    inside.chmod(0o500)
    with pytest.raises(BadPath, match="read-only"):
        roots.output(f"{inside}/new", "the output folder")
    inside.chmod(0o700)


def test_fingerprint_refuses_links_that_lead_out(roots: Roots, inside: Path) -> None:
    before = fingerprint(roots, inside / "plate", "the plate")
    (inside / "plate" / "a.2.exr").symlink_to(inside / "plate" / "a.1.exr")
    assert len(fingerprint(roots, inside / "plate", "the plate")) == len(before) + 1
    (inside / "plate" / "a.3.exr").symlink_to(inside.parent / "rootless" / "secret.exr")
    with pytest.raises(PathRefused, match="a link to"):
        fingerprint(roots, inside / "plate", "the plate")


def test_fingerprint_changes_with_a_file(roots: Roots, inside: Path) -> None:
    before = fingerprint(roots, inside, "the folder", depth=1)
    assert before == fingerprint(roots, inside, "the folder", depth=1)
    (inside / "plate" / "a.1.exr").write_bytes(b"longer")
    assert before != fingerprint(roots, inside, "the folder", depth=1)


@pytest.mark.parametrize("template", ["/abs/{part}.{frame}", "../{part}", "a/../../{part}", "~/x"])
def test_templates_that_leave_the_folder(template: str) -> None:
    with pytest.raises(BadPath, match="leaves the output folder"):
        check_template(template)


def test_server_roots_must_be_folders(tmp_path: Path) -> None:
    with pytest.raises(BadPath, match="does not exist"):
        ServerConfig(home=tmp_path, roots=(tmp_path / "none",))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadPath, match="is not a folder"):
        ServerConfig(home=tmp_path, roots=(tmp_path / "file",))


def test_private_roots_may_be_files_or_yet_to_be_made(tmp_path: Path) -> None:
    config = ServerConfig(home=tmp_path, roots=(tmp_path / "none",), private=True)
    assert Roots(config.roots).output(str(tmp_path / "none" / "x"), "the output folder")


def test_configuration_survives_the_way_to_another_process(tmp_path: Path) -> None:
    config = ServerConfig(home=tmp_path, spool=tmp_path / "s", roots=(tmp_path,), threads=3)
    assert ServerConfig.from_dict(config.to_dict()) == config
