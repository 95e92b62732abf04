"""A small model hub on the loopback: the requests that `huggingface_hub` makes for a download."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".ckpt")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the hub has, how it misbehaves, and what it was asked for.

    Attributes:
        models: Files of each model: id -> name -> content.
        commits: Commit of each model; `COMMIT` where it is not named.
        licences: What each model's card says.
        damaged: Names of files that come with a flipped last byte.
        cut: Names of files that come without their second half.
        stalled: Names of files that stop in the middle until `go_on` is set.
        not_a_hub: Answer everything with a page of HTML.
        asked: "GET path" of every request for a file, in order.
    """

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)
    not_a_hub: bool = False
    asked: list[str] = field(default_factory=list)
    in_the_middle: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    endpoint: str = ""

    def add(self, hub_id: str, folder: Path) -> None:
        """Give the hub a model: the files of a folder."""
        self.models[hub_id] = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def downloads(self) -> list[str]:
        """Return the names of the files that were downloaded."""
        found = [line.split("/resolve/")[1] for line in self.asked if line.startswith("GET")]
        return [name.partition("/")[2] for name in found]

    def commit(self, hub_id: str) -> str:
        return self.commits.get(hub_id, COMMIT)

    def description(self, hub_id: str) -> dict[str, Any]:
        """Return the answer about a model, with the hashes of its files."""
        return {
            "_id": "0",
            "id": hub_id,
            "modelId": hub_id,
            "sha": self.commit(hub_id),
            "private": False,
            "tags": ["diffusers"],
            "downloads": 0,
            "likes": 0,
            "cardData": {"license": self.licences.get(hub_id, "openrail++")},
            "siblings": [_listed(name, content) for name, content in self.models[hub_id].items()],
        }


def git_blob(content: bytes) -> str:
    """Return git's id of a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _listed(name: str, content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rfilename": name,
        "size": len(content),
        "blobId": git_blob(content),
    }
    if name.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return found


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """Run a hub on a free port until the context ends."""
    hub = FakeHub()

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: FakeHub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.served.not_a_hub:
            self._send(200, b"<html>A captive portal</html>", {}, with_body)
        elif path.startswith("/api/models/"):
            self._describe(path.removeprefix("/api/models/"), with_body)
        else:
            self._file(path, with_body)

    def _describe(self, path: str, with_body: bool) -> None:
        hub_id, _, revision = path.partition("/revision/")
        if hub_id not in self.served.models:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
        elif revision not in ("", "main", "fp32", self.served.commit(hub_id)):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, with_body)
        else:
            self._send(200, json.dumps(self.served.description(hub_id)).encode(), {}, with_body)

    def _file(self, path: str, with_body: bool) -> None:
        hub_id, _, rest = path.strip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        self.served.asked.append(f"{self.command} {path}")
        content = self.served.models.get(hub_id, {}).get(name)
        if content is None or revision != self.served.commit(hub_id):
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
            return
        headers = {"X-Repo-Commit": revision, "ETag": f'"{git_blob(content)}"'}
        if name.endswith(LARGE):
            headers["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            headers["X-Linked-Size"] = str(len(content))
        if with_body and name in self.served.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if with_body and name in self.served.cut:
            content = content[: len(content) // 2]
        self._send(200, content, headers, with_body, stall=name in self.served.stalled)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str],
        with_body: bool,
        *,
        stall: bool = False,
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not with_body:
            return
        half = len(body) // 2 if stall else len(body)
        try:
            self.wfile.write(body[:half])
            if stall:
                self.wfile.flush()
                self.served.in_the_middle.set()
                self.served.go_on.wait(30)
                self.wfile.write(body[half:])
        except OSError:  # the other side has gone
            self.close_connection = True
