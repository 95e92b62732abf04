"""The client that was written from PROTOCOL.md alone, with a real server."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from smite_protocol.events import ABOUT_SHOT
from tests.protocol.raw_client import RawClient, RefusedError
from tests.support import footage
from tests.support.raw_server import JOB, RawServer, finished, job_reply, matte
from tests.support.servers import ServerUnderTest, learned_server, wait_for

EXR_MAGIC = b"\x76\x2f\x31\x01"
FRAMES = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server with the part model ``cart`` learned, which may touch ``stage``."""
    stage = tmp_path_factory.mktemp("stage")
    footage.write_references(stage / "refs")
    footage.write_plate(stage / "plate", FRAMES)
    with learned_server(tmp_path_factory.mktemp("home"), stage) as found:
        yield found


@pytest.fixture
def client(server: ServerUnderTest) -> Iterator[RawClient]:
    found = RawClient(server.live.endpoint, user="anna")
    yield found
    found.close()


def test_it_knows_nothing_of_smite() -> None:
    source = Path(__file__).with_name("raw_client.py").read_text(encoding="utf-8")
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules.add(str(node.module).split(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"zmq", "msgpack"}


def upload(client: RawClient, shot: str) -> str:
    """Send a shot as pixels; return the job."""
    submitted = client.submit({"kind": "segment", "model": "cart", "shot": shot})
    assert submitted["wants"] == ["plate"]
    for number in range(FRAMES):
        pixels = np.uint8(255 * footage.cart(5 + 2 * number, seed=number)[0])
        assert client.put_pixels(submitted["job"], number, pixels.shape, pixels.tobytes()) > 0
    ended = client.ask("end_upload", {"job": submitted["job"]})
    return str(ended["job"])


def test_greeted(client: RawClient, server: ServerUnderTest) -> None:
    assert client.welcome["protocol"] == 2
    assert client.welcome["server"] == server.live.server


def test_pixels_there_and_mattes_back(client: RawClient) -> None:
    job = upload(client, "there_and_back")
    mattes, about, states = [], [], []
    for kind, body, raw in client.watch(job):
        if kind == "matte_ready" and body["frame"] == ABOUT_SHOT:
            about.append((body["slug"], body["path"].rpartition(".")[2], raw is not None))
        elif kind == "matte_ready":
            assert raw is not None
            assert raw.startswith(EXR_MAGIC)
            mattes.append(body["seq"])
        if kind in ("state_changed", "finished"):
            states.append(body["state"])
    assert mattes == list(range(1, 2 * FRAMES + 1))
    assert about == [
        ("_contact_sheet", "png", True),
        ("_review", "html", True),
        ("_report", "json", True),
    ]
    assert states[-1] == "done"


def test_heartbeats_keep_it_known_while_it_waits(
    client: RawClient, server: ServerUnderTest
) -> None:
    spec = {
        "kind": "segment", "model": "cart", "shot": "slow",
        "plate": str(server.config.roots[0] / "plate"), "out": str(server.config.roots[0] / "slow"),
        "settings": {"delay": 0.6},
    }  # fmt: skip
    job = client.submit(spec)["job"]
    assert server.config.timing.client_timeout < FRAMES * 0.6
    assert [kind for kind, _, _ in client.watch(job)][-1] == "finished"
    assert client.ask("get_job", {"job": job})["info"]["state"] == "done"


def test_cancel(client: RawClient, server: ServerUnderTest) -> None:
    root = server.config.roots[0]
    spec = {
        "kind": "segment", "model": "cart", "plate": str(root / "plate"),
        "out": str(root / "cancelled"), "settings": {"delay": 0.5},
    }  # fmt: skip
    job = client.submit(spec)["job"]
    client.ask("cancel", {"job": job})
    assert [body for _, body, _ in client.watch(job)][-1]["state"] == "cancelled"
    wait_for(lambda: client.ask("get_job", {"job": job})["info"]["state"] == "cancelled")


def test_errors_have_their_code(client: RawClient) -> None:
    with pytest.raises(RefusedError, match="unknown_job") as refused:
        client.ask("get_job", {"job": "0" * 12})
    assert refused.value.code == "unknown_job"
    with pytest.raises(RefusedError, match="bad_message"):
        client.ask("get_job", {"id": "0" * 12})


def test_it_goes_on_over_a_restart_at_the_first_matte_it_lacks() -> None:
    with RawServer() as server:

        def watch(request):  # type: ignore[no-untyped-def]
            last = 2 if server.lives == 1 else 5
            yield job_reply()
            for seq in range(request.body["after"] + 1, last + 1):
                yield matte(seq, bytes([seq]), 0 if (seq, server.lives) == (2, 1) else None)
            if last == 5:
                yield finished()

        server.answers["watch"] = watch
        client = RawClient(server.endpoint)
        seen = []
        for kind, body, _ in client.watch(JOB):
            if kind == "matte_ready":
                seen.append(body["seq"])
                if body["seq"] == 1:
                    server.kill()
                    server.start()
        client.close()
    assert seen == [1, 2, 3, 4, 5]
    after = [request.body["after"] for request in server.of_type("watch")]
    assert (after[0], set(after[1:])) == (0, {1}), "matte 2 came damaged, or was lost"


def test_it_speaks_version_1_where_it_must() -> None:
    with RawServer(version=1) as server:
        client = RawClient(server.endpoint, user="anna")
        assert client.welcome["protocol"] == 1
        assert client.ask("list_jobs", {}) == {"jobs": []}
        client.close()
