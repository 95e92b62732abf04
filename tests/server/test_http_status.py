"""The status page's HTTP port: what it answers, to whom, and what it refuses."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from smite_protocol import Client, LearnSpec
from smite_protocol.errors import BadInput, EndpointRefused
from smite_protocol.fields import to_map
from smite_server.config import Limits, ServerConfig
from smite_server.health import health_of
from smite_server.http_address import check_http_address
from smite_server.http_status import MOST_THREADS, StatusServer, is_this_machine
from smite_server.jobs import Job, State
from smite_server.metrics import Metrics, WorkerView
from smite_server.registry import LiveServer
from smite_server.status_page import StatusPage
from smite_server.store import Store
from tests.support.servers import running_server, wait_for

JOB = "0123456789ab"
LIVE = LiveServer("here.1.1", "tcp://127.0.0.1:1", "", 1, False, 0.0)


@dataclass
class Port:
    """A status server without a router, and what it shows."""

    address: str
    config: ServerConfig
    store: Store
    metrics: Metrics

    def ask(
        self, target: str, *, method: str = "GET", host: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        connection.request(method, target, headers={"Host": host or self.address})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.headers), body


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    config = ServerConfig(home=tmp_path, http="127.0.0.1:0", limits=Limits(low_disk_bytes=1))
    config.make_folders()
    store = Store(config.store_file, LIVE.server)
    metrics = Metrics()
    metrics.begin_turn()
    metrics.end_turn(clients=2, watchers=1, workers=[WorkerView("cpu", starts=1)])
    page = StatusPage(config, LIVE, metrics)
    with ExitStack() as stack:
        stack.callback(store.close)
        server = StatusServer(config.http, page)
        stack.callback(server.close)
        yield Port(server.address, config, store, metrics)


class TestAddress:
    """Loopback only."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            pytest.param("", "", id="empty: nowhere"),
            pytest.param("localhost:80", "127.0.0.1:80", id="a name becomes the address"),
            pytest.param("127.0.0.3:0", "127.0.0.3:0", id="any loopback address, a free port"),
            pytest.param("[::1]:5772", "[::1]:5772", id="IPv6"),
        ],
    )
    def test_taken(self, given: str, kept: str) -> None:
        assert check_http_address(given) == kept

    @pytest.mark.parametrize(
        "given",
        [
            "0.0.0.0:5772",
            "[::]:5772",
            "10.0.0.1:80",
            "example.com:80",
            "127.0.0.1",
            "x:99999",
            "::1:2",
        ],
    )
    def test_refused_in_one_sentence(self, given: str) -> None:
        with pytest.raises(EndpointRefused) as caught:
            check_http_address(given)
        assert caught.value.message.count(". ") == 0
        assert "127.0.0.1:5772" in caught.value.message

    def test_a_port_that_is_taken(self, port: Port) -> None:
        page = StatusPage(port.config, LIVE, port.metrics)
        with pytest.raises(BadInput, match="cannot be served at"):
            StatusServer(port.address, page)


class TestAnswers:
    """What it serves."""

    @pytest.mark.parametrize("target", ["/", "/status.css", "/status.js", "/status.json"])
    def test_every_answer_carries_the_policy(self, port: Port, target: str) -> None:
        status, headers, body = port.ask(target)
        assert status == 200
        assert body
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name in headers if name.startswith("Access-Control")]

    def test_the_page_has_no_script_of_its_own(self, port: Port) -> None:
        _, _, body = port.ask("/")
        assert body.count(b"<script") == 1
        assert b'<script src="/status.js" defer></script>' in body
        assert b"style=" not in body

    def test_head_has_no_body(self, port: Port) -> None:
        status, headers, body = port.ask("/", method="HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 0

    def test_the_status_has_the_jobs_of_the_store(self, port: Port) -> None:
        added = port.store.add(Job(JOB, "learn", "x", {}, {}))
        _, _, body = port.ask("/status.json")
        found = json.loads(body)
        assert found["jobs"] == [json.loads(json.dumps(to_map(added.info(ahead=0))))]
        assert found["queue"] == [JOB]
        assert (found["clients"], found["watchers"]) == (2, 1)

    def test_a_thumbnail(self, port: Port) -> None:
        folder = port.config.spool_folder / JOB
        folder.mkdir()
        (folder / "thumb.png").write_bytes(b"\x89PNG")
        assert port.ask(f"/jobs/{JOB}/thumb.png?17")[::2] == (200, b"\x89PNG")
        (folder / "thumb.png").unlink()
        (folder / "thumb.png").symlink_to(port.config.store_file)
        assert port.ask(f"/jobs/{JOB}/thumb.png")[0] == 404

    def test_a_log_is_escaped(self, port: Port) -> None:
        port.store.add(
            Job(
                JOB, "learn", "<i>", {}, {}, state=State.FAILED, message="<script>alert(1)</script>"
            )
        )
        log = port.config.log_folder / "worker-1.log"
        log.write_text(f"before\njob {JOB} begins\n<b>bold</b>\njob {JOB} ends\nafter\n")
        status, _, body = port.ask(f"/jobs/{JOB}/log")
        text = body.decode()
        assert status == 200
        assert "&lt;b&gt;bold&lt;/b&gt;</pre>" in text
        assert "&lt;script&gt;" in text
        assert "<script" not in text
        assert "before" not in text
        assert "after" not in text

    def test_metrics(self, port: Port) -> None:
        assert b"smite_clients 2.0\n" in port.ask("/metrics")[2]


class TestHealth:
    """/health: 200 while all is well, else 503 and why."""

    def test_well(self, port: Port) -> None:
        status, _, body = port.ask("/health")
        assert (status, json.loads(body)) == (200, {"status": "ok", "reasons": []})

    def test_a_store_that_is_gone(self, port: Port) -> None:
        port.store.close()
        port.config.store_file.unlink()
        status, _, body = port.ask("/health")
        assert status == 503
        (reason,) = json.loads(body)["reasons"]
        assert reason.startswith("The job store cannot be read")

    def test_reasons(self) -> None:
        now = [100.0]
        metrics = Metrics(lambda: now[0])

        def turn(seconds: float, crashes: int) -> None:
            metrics.begin_turn()
            now[0] += seconds
            metrics.end_turn(clients=0, watchers=0, workers=[WorkerView("cpu", crashes=crashes)])

        turn(0.1, 0)
        assert health_of(metrics, 10, 10).reasons == ()
        assert health_of(metrics, 9, 10).reasons[0].startswith("The spool's disk has")
        turn(3.0, 2)
        assert health_of(metrics, 10, 10).reasons == (
            "Requests wait up to 3.0 s for the server's loop.",
        )
        turn(0.1, 3)
        assert (
            health_of(metrics, 10, 10).reasons[1] == "3 workers have died in the last 10 minutes."
        )
        now[0] += 700
        assert health_of(metrics, 10, 10).reasons == (
            "The server's loop has not turned for 700 s.",
        )


class TestRefusals:
    """Strangers, and what is no page."""

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    def test_only_reading(self, port: Port, method: str) -> None:
        status, headers, _ = port.ask("/status.json", method=method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")

    @pytest.mark.parametrize(
        "target",
        [
            "/status.html",
            "/jobs",
            "/../jobs.sqlite",
            "/jobs/../thumb.png",
            f"/jobs/{JOB}/thumb.png",
            f"/jobs/{JOB}/log",
            f"/jobs/{JOB.upper()}/log",
            f"/jobs/{JOB}%00/thumb.png",
            f"/jobs/{JOB}/../{JOB}/thumb.png",
            "//localhost/",
            "/" + "x" * 5000,
        ],
    )
    def test_no_such_page(self, port: Port, target: str) -> None:
        assert port.ask(target)[0] == 404

    @pytest.mark.parametrize(
        ("host", "ours"),
        [
            pytest.param("localhost:5772", True, id="localhost"),
            pytest.param("127.0.0.1:8080", True, id="the port of a tunnel"),
            pytest.param("[::1]:5772", True, id="IPv6"),
            pytest.param("evil.example:5772", False, id="a rebound name"),
            pytest.param("localhost.evil.example", False, id="a name that begins well"),
            pytest.param("127.0.0.1.evil.example", False, id="a name that looks like an address"),
            pytest.param("10.0.0.1", False, id="another address"),
            pytest.param("127.0.0.1:80 x", False, id="something behind it"),
            pytest.param("", False, id="nothing"),
        ],
    )
    def test_hosts(self, port: Port, host: str, ours: bool) -> None:
        assert is_this_machine(host) == ours
        if host:
            assert port.ask("/status.json", host=host)[0] == (200 if ours else 421)

    def test_without_a_host(self, port: Port) -> None:
        host, number = port.address.split(":")
        with socket.create_connection((host, int(number)), timeout=10) as connection:
            connection.sendall(b"GET /status.json HTTP/1.0\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.0 421 ")

    def test_more_connections_than_threads(self, port: Port) -> None:
        host, number = port.address.split(":")
        with ExitStack() as stack:
            for _ in range(MOST_THREADS):
                held = stack.enter_context(socket.create_connection((host, int(number))))
                held.sendall(b"GET / HTTP/1.0\r\n")

            def refused() -> bool:
                try:
                    port.ask("/health")
                except (ConnectionError, http.client.HTTPException):
                    return True
                return False

            assert wait_for(refused, 4.0)
        wait_for(lambda: not refused())
        assert port.ask("/health")[0] == 200


def test_a_running_server_serves_it(stage: Path, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, roots=(stage,), http="localhost:0") as server,
        server.client() as client,
    ):
        client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        told = [to_map(job) for job in client.jobs(all=True)]
        ask = http.client.HTTPConnection(server.live.http, timeout=10)
        ask.request("GET", "/status.json")
        found = json.loads(ask.getresponse().read())
        ask.close()
        assert found["jobs"] == json.loads(json.dumps(told))
        assert found["clients"] == 1
        (worker,) = found["workers"]
        assert worker["ready"]
        assert worker["memory_used"] > 1024**2
        assert_log_lines(server.config.log_folder, server.live.endpoint, client)


def assert_log_lines(folder: Path, endpoint: str, client: Client) -> None:
    """The server's own file has JSON lines, and those of a job carry its id."""
    path = folder / f"server-{endpoint.rpartition(':')[2]}.log"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (job,) = [info.job for info in client.jobs(all=True)]
    assert [line["event"] for line in lines if line.get("job") == job][-1] == "job ended"
