"""Who must not get in, and what must not be reached: refused, and in the audit log."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest

from smite_protocol.keys import ClientKeys, ServerKeys, new_pair
from smite_protocol.messages import (
    ErrorReply,
    EvaluateSpec,
    Heartbeat,
    JobReply,
    LearnSpec,
    SegmentSpec,
    Spec,
    Submit,
    Submitted,
    Watch,
    Welcome,
)
from smite_server.allow_list import write_allow_list
from tests.support import footage
from tests.support.raw_peer import RawPeer, raw_peer
from tests.support.servers import ServerUnderTest, running_server, wait_for

SHORT = 1.0
"""Seconds in which a stranger would have got an answer."""


@dataclass
class Studio:
    """A server with keys, the keys of its users, and a folder that it may touch."""

    server: ServerUnderTest
    keys: dict[str, ClientKeys]
    stage: Path

    @property
    def endpoint(self) -> str:
        return self.server.live.endpoint

    @property
    def audit_file(self) -> Path:
        return self.server.config.log_folder / "audit.jsonl"

    def audit(self, what: str, **facts: Any) -> list[dict[str, Any]]:
        """The lines of the audit log about ``what`` that have these ``facts``."""
        if not self.audit_file.exists():
            return []
        lines = [json.loads(line) for line in self.audit_file.read_text("ascii").splitlines()]
        return [
            line
            for line in lines
            if line["what"] == what and all(line.get(k) == v for k, v in facts.items())
        ]

    def allow(self, *users: str) -> None:
        """Write the allow-list anew."""
        listed = {user: self.keys[user].public for user in users}
        write_allow_list(self.server.config.allow_list_file, listed)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home, stage = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("stage")
    footage.write_references(stage / "refs")
    footage.write_plate(stage / "plate", 3)
    server_keys = ServerKeys(*new_pair())
    server_keys.save(home / "keys" / "server.key")
    users = ("anna", "bert", "carl", "stranger")
    keys = {user: ClientKeys(*new_pair(), server_keys.public) for user in users}
    allowed = home / "keys" / "allowed"
    write_allow_list(allowed, {user: keys[user].public for user in users[:3]})
    with running_server(
        home, roots=(stage,), keys=home / "keys" / "server.key", allow_list=allowed
    ) as server:
        yield Studio(server, keys, stage)


@pytest.fixture
def anna(studio: Studio) -> Iterator[RawPeer]:
    with raw_peer(studio.endpoint, studio.keys["anna"]) as peer:
        assert isinstance(peer.hello(), Welcome)
        yield peer


class TestHandshakes:
    """Nobody without a listed key says as much as hello."""

    def test_a_listed_key_is_let_in_under_its_name(self, studio: Studio) -> None:
        with raw_peer(studio.endpoint, studio.keys["bert"]) as peer:
            welcome = peer.hello()
        assert isinstance(welcome, Welcome)
        assert welcome.user == "bert"
        (line,) = studio.audit("hello", user="bert")
        assert line["key"] == studio.keys["bert"].public
        assert line["address"] == "127.0.0.1"

    def test_no_key(self, studio: Studio) -> None:
        with raw_peer(studio.endpoint) as peer:
            assert peer.hello(SHORT) is None
        assert wait_for(lambda: studio.audit("refused handshake", key=None))

    def test_a_key_that_is_not_listed(self, studio: Studio) -> None:
        keys = studio.keys["stranger"]
        with raw_peer(studio.endpoint, keys) as peer:
            assert peer.hello(SHORT) is None
        (line, *_) = wait_for(lambda: studio.audit("refused handshake", key=keys.public))
        assert line["address"] == "127.0.0.1"
        assert not studio.audit("hello", key=keys.public)

    def test_the_key_of_another_server(self, studio: Studio) -> None:
        before = len(studio.audit("refused handshake", key=None))
        mine = studio.keys["bert"]
        other = ClientKeys(mine.public, mine.secret, new_pair()[0])
        with raw_peer(studio.endpoint, other) as peer:
            assert peer.hello(SHORT) is None
        assert wait_for(lambda: len(studio.audit("refused handshake", key=None)) > before)


class TestRevoked:
    """A key that is taken from the list loses its live sessions, without a restart."""

    def test_live_session_and_new_handshake(self, studio: Studio) -> None:
        keys = studio.keys["carl"]
        with raw_peer(studio.endpoint, keys) as peer:
            assert isinstance(peer.hello(), Welcome)
            studio.allow("anna", "bert")
            refused = wait_for(lambda: _refusal(peer.ask(Heartbeat())))
            assert refused.code == "not_authorised"
            with raw_peer(studio.endpoint, keys) as again:
                assert again.hello(SHORT) is None
            assert _refusal(peer.hello()).code == "not_authorised"
        assert studio.audit("refused", key=keys.public, code="not_authorised")
        assert studio.audit("refused handshake", key=keys.public)

    def test_it_gets_no_more_events(self, studio: Studio, anna: RawPeer) -> None:
        studio.allow("anna", "bert")
        with raw_peer(studio.endpoint, studio.keys["bert"]) as peer:
            peer.hello()
            job = anna.ask(Submit(spec=LearnSpec(name="waits")))
            assert isinstance(job, Submitted)
            assert isinstance(peer.ask(Watch(job=job.job)), JobReply)
            studio.allow("anna")
            wait_for(lambda: _refusal(peer.ask(Heartbeat())))
            studio.allow("anna", "bert")
            assert wait_for(lambda: _refusal(peer.ask(Heartbeat()), "not_greeted"))

    def test_a_broken_list_keeps_the_last_good_one(self, studio: Studio, anna: RawPeer) -> None:
        studio.allow("anna", "bert")
        wait_for(lambda: anna.ask(Heartbeat()))
        allowed = studio.server.config.allow_list_file
        allowed.write_text("anna\n!!", "utf-8")
        log = studio.server.home / "server.log"
        with raw_peer(studio.endpoint, studio.keys["bert"]) as peer:
            assert isinstance(peer.hello(), Welcome)
            assert isinstance(anna.hello(), Welcome)
        assert log.read_text("utf-8").count("the allow-list is broken") == 1
        studio.allow("anna", "bert")

    def test_no_list_no_users(self, studio: Studio) -> None:
        studio.server.config.allow_list_file.unlink()
        with raw_peer(studio.endpoint, studio.keys["bert"]) as peer:
            assert peer.hello(SHORT) is None
        studio.allow("anna", "bert")


def _refusal(reply: Any, code: str = "not_authorised") -> Any:
    """The reply, when it is an error of this code."""
    return reply if isinstance(reply, ErrorReply) and reply.code == code else None


ESCAPES = [
    pytest.param("{stage}/../secret", id="dots"),
    pytest.param("{stage}/plate/../../secret", id="dots from below"),
    pytest.param("{stage}/door/secret.exr", id="a link to a folder"),
    pytest.param("{stage}/window.exr", id="a link to a file"),
    pytest.param("/etc", id="absolute"),
    pytest.param("etc", id="relative"),
    pytest.param("\\\\nas\\secret", id="UNC"),
    pytest.param("//nas/secret", id="UNC with slashes"),
    pytest.param("C:\\secret", id="a drive"),
    pytest.param("{stage}\\..\\secret", id="backslashes"),
    pytest.param("{stage}/..／secret", id="fullwidth solidus"),
    pytest.param("{stage}/．．/secret", id="fullwidth dots"),
    pytest.param("{stage}/‥/secret", id="two dot leader"),
    pytest.param("{stage}/․․/secret", id="one dot leaders"),
    pytest.param("{stage}∕..∕secret", id="division slash"),
    pytest.param("{stage}⁄..⁄secret", id="fraction slash"),
    pytest.param("{stage}/plate\u202egnp", id="bidi override"),
    pytest.param("{stage}/plate\u200b", id="zero width"),
    pytest.param("{stage}/plate\n", id="line feed"),
    pytest.param("{stage}/plate\x1b[2J", id="escape"),
    pytest.param("{stage}/" + "a" * 300, id="an overlong name"),
    pytest.param("{stage}/" + "é/" * 1500, id="an overlong path"),
]  # fmt: skip


@pytest.fixture(scope="module")
def doors(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Links in the studio's folder that lead out of it."""
    secret = tmp_path_factory.mktemp("secret")
    (secret / "secret.exr").write_bytes(b"x")
    (studio.stage / "door").symlink_to(secret)
    (studio.stage / "window.exr").symlink_to(secret / "secret.exr")


@pytest.mark.usefixtures("doors")
class TestEscapes:
    """Paths that lead out, in every field that takes one."""

    @pytest.mark.parametrize("escape", ESCAPES)
    def test_refused_and_noted(self, studio: Studio, anna: RawPeer, escape: str) -> None:
        path = escape.format(stage=studio.stage)
        stage = str(studio.stage)
        specs: list[tuple[str, Spec]] = [
            ("refs", LearnSpec(name="x", refs=path)),
            ("clip", EvaluateSpec(model="", clip=path, baseline="copy_first")),
            ("out", EvaluateSpec(model="", clip=stage, out=path, baseline="copy_first")),
        ]
        if "/" in path or "\\" in path:
            specs.append(("model", SegmentSpec(model=path, plate=stage)))
        for field, spec in specs:
            reply = anna.ask(Submit(spec=spec))
            assert isinstance(reply, ErrorReply), (field, reply)
            assert reply.code in ("path_refused", "bad_path"), reply
            last = _last_refusal(studio)
            assert last["user"] == "anna"
            assert last["code"] == reply.code
            assert last["paths"][field] == path[:512]

    def test_nul_does_not_even_decode(self, studio: Studio, anna: RawPeer) -> None:
        spec = {"kind": "learn", "name": "x", "refs": f"{studio.stage}/a\x00b"}
        header = {"v": 2, "t": "submit", "i": 77, "b": {"spec": spec}}
        anna.send([msgpack.packb(header)])
        reply = anna.receive()
        assert isinstance(reply, ErrorReply)
        assert (reply.code, "NUL" in reply.message) == ("bad_message", True)
        assert studio.audit("bad message", user="anna")

    def test_a_link_that_comes_after_the_submit(self, studio: Studio, anna: RawPeer) -> None:
        """The worker looks again: here the references become a link before it has them."""
        folder = studio.stage / "swapped"
        footage.write_references(folder)
        first = anna.ask(
            Submit(
                spec=LearnSpec(name="slow", refs=f"{studio.stage}/refs", settings={"delay": 0.2})
            )
        )
        assert isinstance(first, Submitted), first
        second = anna.ask(Submit(spec=LearnSpec(name="swapped", refs=str(folder))))
        assert isinstance(second, Submitted), second
        folder.rename(studio.stage / "swapped_away")
        folder.symlink_to("/etc")
        line = wait_for(lambda: studio.audit("refused", job=second.job), 60)[0]
        assert (line["code"], line["user"]) == ("path_refused", "anna")


def _last_refusal(studio: Studio) -> dict[str, Any]:
    return studio.audit("refused")[-1]


def test_audit_log_is_for_its_owner_and_one_line_each(studio: Studio, anna: RawPeer) -> None:
    mode = stat.S_IMODE(studio.audit_file.stat().st_mode)
    assert mode == 0o600
    for line in studio.audit_file.read_text("ascii").splitlines():
        assert {"when", "what"} <= set(json.loads(line))
        assert len(line) < 16_384


def test_submit_is_noted_with_job_and_paths(studio: Studio, anna: RawPeer) -> None:
    refs = str(studio.stage / "refs")
    reply = anna.ask(Submit(spec=LearnSpec(name="noted", refs=refs)))
    assert isinstance(reply, Submitted)
    (line,) = studio.audit("submit", job=reply.job)
    assert (line["user"], line["kind"], line["paths"]) == ("anna", "learn", {"refs": refs})
