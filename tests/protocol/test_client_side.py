"""The client without a server: endpoints, uploads, imports, and nobody at home."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import smite_protocol
from smite_protocol import Client, MatteReady, WireFile, WireFrame, check_endpoint
from smite_protocol.errors import (
    BadInput,
    BadPlate,
    BadReferences,
    EndpointRefused,
    PathMissing,
    ServerUnreachable,
)
from smite_protocol.uploads import files_of_plate, files_of_references
from tests.support.raw_server import JOB, RawServer, job_reply, matte
from tests.support.servers import free_endpoint, wait_for

PUBLIC = [
    "Client", "ConnectionState", "ConnectionStatus", "DEFAULT_ENDPOINT", "DoctorSpec",
    "EvaluateSpec", "Event", "FINAL_STATES", "Finished", "GeometryInfo", "JobInfo", "LearnSpec",
    "MatteReady", "ModelInfo", "PROTOCOL_MAX", "PROTOCOL_MIN", "Progress", "SegmentSpec",
    "SmiteError", "Spec", "StateChanged", "Welcome", "WireFile", "WireFrame", "check_endpoint",
    "error_codes", "error_from_code", "files_of_plate", "files_of_references",
]  # fmt: skip


def test_public_names_are_these() -> None:
    assert sorted(smite_protocol.__all__) == sorted(PUBLIC)
    assert all(hasattr(smite_protocol, name) for name in PUBLIC)


def test_imports_neither_arrays_nor_server() -> None:
    code = (
        "import sys, smite_protocol;"
        "heavy = {'numpy', 'torch', 'smite_server', 'smite_engine', 'cv2', 'structlog'};"
        "found = heavy & set(sys.modules); assert not found, found"
    )
    folder = Path(smite_protocol.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param("tcp://127.0.0.1:5771", "tcp://127.0.0.1:5771", id="loopback"),
        pytest.param("tcp://localhost:1", "tcp://127.0.0.1:1", id="localhost becomes an address"),
        pytest.param(" tcp://127.9.9.9:80 ", "tcp://127.9.9.9:80", id="all of 127/8, spaces"),
    ],
)
def test_endpoints_on_this_machine(given: str, found: str) -> None:
    assert check_endpoint(given) == found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param("127.0.0.1:5771", "write it like", id="no transport"),
        pytest.param("tcp://127.0.0.1", "write it like", id="no port"),
        pytest.param("ipc:///tmp/x", "write it like", id="another transport"),
        pytest.param("tcp://127.0.0.1:0", "from 1 to 65535", id="port 0"),
        pytest.param("tcp://127.0.0.1:70000", "from 1 to 65535", id="port too high"),
        pytest.param("tcp://192.168.1.4:5771", "not on this machine", id="another machine"),
        pytest.param("tcp://0.0.0.0:5771", "not on this machine", id="all interfaces"),
        pytest.param("tcp://render01:5771", "not on this machine", id="a host name"),
    ],
)
def test_endpoints_refused(given: str, says: str) -> None:
    with pytest.raises(EndpointRefused, match=says):
        Client(given)


def test_nobody_at_home_is_one_sentence_in_time() -> None:
    begun = time.monotonic()
    with pytest.raises(ServerUnreachable, match=r"No SMITE server answers at tcp://127.*serve"):
        Client(free_endpoint(), timeout=0.5).connect()
    assert time.monotonic() - begun < 3.0


def test_a_port_that_speaks_something_else() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ServerUnreachable):
            Client(f"tcp://127.0.0.1:{other.getsockname()[1]}", timeout=0.5).connect()


class TestUploads:
    """Which files are sent for a plate and for references."""

    def test_sequence_sends_its_frames_only(self, tmp_path: Path) -> None:
        for name in ("a.1001.exr", "a.1002.exr", "b.1001.exr", "a.exr", "a.1001.exr.bak"):
            (tmp_path / name).write_bytes(b"x")
        for pattern in ("a.####.exr", "a.%04d.exr", "a.@.exr"):
            found = [file.name for file in files_of_plate(tmp_path / pattern)]
            assert found == ["a.1001.exr", "a.1002.exr"]

    def test_folder_sends_all_but_hidden(self, tmp_path: Path) -> None:
        for name in ("1.png", "2.png", ".DS_Store"):
            (tmp_path / name).write_bytes(b"x")
        assert [file.name for file in files_of_plate(tmp_path)] == ["1.png", "2.png"]

    def test_nothing_there(self, tmp_path: Path) -> None:
        for plate in (tmp_path, tmp_path / "x.####.exr", tmp_path / "none" / "x.#.exr"):
            with pytest.raises(BadPlate, match="names no files"):
                list(files_of_plate(plate))
        with pytest.raises(BadReferences, match="has no files"):
            list(files_of_references(tmp_path))

    def test_references_keep_relative_names(self, tmp_path: Path) -> None:
        for name in ("images/a.png", "masks/a.png", "labels.json"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(name.encode())
        found = {file.name: file.read() for file in files_of_references(tmp_path)}
        assert found == {name: name.encode() for name in found}
        assert sorted(found) == ["images/a.png", "labels.json", "masks/a.png"]

    def test_file_that_vanished(self, tmp_path: Path) -> None:
        with pytest.raises(PathMissing, match=r"gone\.exr cannot be read"):
            WireFile("gone.exr", tmp_path / "gone.exr").read()

    def test_frame_whose_sizes_disagree(self) -> None:
        with pytest.raises(BadInput, match=r"has 5 bytes; 2 x 4 x 3 values of uint8 take 24"):
            WireFrame(1, (2, 4, 3), "uint8", bytes(5))
        with pytest.raises(BadInput, match="float64"):
            WireFrame(1, (1, 1, 1), "float64", bytes(8))

    def test_frame_without_geometry_is_its_display_window(self) -> None:
        frame = WireFrame(1, (2, 4, 3), "uint8", bytes(24))
        assert frame.windows.display == frame.windows.data == (0, 0, 4, 2)


def test_plate_files_of_some_frames(tmp_path: Path) -> None:
    for name in ("x.0999.exr", "x.1001.exr", "x.1002.exr", "shot-003.png"):
        (tmp_path / name).write_bytes(b"x")
    found = files_of_plate(tmp_path / "x.####.exr", {1001, 1002, 1003})
    assert [file.name for file in found] == ["x.1001.exr", "x.1002.exr"]
    found = files_of_plate(tmp_path, {3})
    assert [file.name for file in found] == ["shot-003.png"]
    still = files_of_plate(tmp_path / "shot-003.png", {7})
    assert [file.name for file in still] == ["shot-003.png"], "a still or a movie goes whole"
    with pytest.raises(BadPlate, match="has none of the frames"):
        list(files_of_plate(tmp_path / "x.####.exr", {5}))


def test_watching_ends_when_it_is_told_to() -> None:
    with RawServer() as server, Client(server.endpoint) as client:
        server.answers["watch"] = lambda _: [job_reply(), matte(1)]
        seen = []
        for event in client.watch(JOB, stop=lambda: bool(seen)):
            seen.append(event)  # noqa: PERF402  (`stop` looks at it meanwhile)
        assert [type(event) for event in seen] == [MatteReady]
        wait_for(lambda: "unwatch" in server.types())
        assert "cancel" not in server.types()
