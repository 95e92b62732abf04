"""Key files and endpoints: what is made, read, and refused."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
import zmq

from smite_protocol.endpoints import (
    check_endpoint,
    is_ipv6,
    leaves_this_machine,
    on_this_machine,
)
from smite_protocol.errors import BadInput, EndpointRefused
from smite_protocol.keys import ClientKeys, ServerKeys, is_key, new_pair


@pytest.fixture
def keys() -> ClientKeys:
    return ClientKeys(*new_pair(), new_pair()[0])


class TestFiles:
    """Reading and writing key files."""

    def test_both_kinds_survive_their_files(self, tmp_path: Path, keys: ClientKeys) -> None:
        keys.save(tmp_path / "deep" / "anna.key", "SMITE keys of anna")
        assert ClientKeys.load(tmp_path / "deep" / "anna.key") == keys
        server = ServerKeys(*new_pair())
        server.save(tmp_path / "server.key")
        assert ServerKeys.load(tmp_path / "server.key") == server

    def test_they_are_for_their_owner_alone(self, tmp_path: Path, keys: ClientKeys) -> None:
        path = tmp_path / "anna.key"
        keys.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
    def test_refused_when_others_can_read_them(
        self, tmp_path: Path, keys: ClientKeys, mode: int
    ) -> None:
        path = tmp_path / "anna.key"
        keys.save(path)
        path.chmod(mode)
        with pytest.raises(BadInput, match=r"can be read or changed by others; run: chmod 600"):
            ClientKeys.load(path)

    def test_not_replaced_unless_forced(self, tmp_path: Path, keys: ClientKeys) -> None:
        path = tmp_path / "anna.key"
        keys.save(path)
        other = ClientKeys(*new_pair(), keys.server)
        with pytest.raises(BadInput, match="without --force"):
            other.save(path)
        assert ClientKeys.load(path) == keys
        other.save(path, force=True)
        assert ClientKeys.load(path) == other
        assert [entry.name for entry in tmp_path.iterdir()] == ["anna.key"]

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="empty"),
            pytest.param("public a\nsecret b\nserver c\n", id="no keys"),
            pytest.param("\xff\x00\n" * 3, id="not text"),
            pytest.param("public " + "a" * 40 + "\n", id="one key"),
            pytest.param("x" * 100_000, id="large"),
        ],
    )
    def test_files_that_hold_no_keys(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "anna.key"
        path.write_bytes(text.encode("latin-1"))
        path.chmod(0o600)
        with pytest.raises(BadInput, match="does not hold the keys public, secret, server"):
            ClientKeys.load(path)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"cannot be read .*smite keys server"):
            ServerKeys.load(tmp_path / "server.key")

    def test_keys_that_are_no_pair(self, keys: ClientKeys) -> None:
        with pytest.raises(BadInput, match="no pair"):
            ClientKeys(keys.public, new_pair()[1], keys.server)

    def test_secrets_are_not_shown(self, keys: ClientKeys) -> None:
        assert keys.secret not in repr(keys)
        with pytest.raises(BadInput) as caught:
            ServerKeys(keys.public, keys.secret + "x")
        assert keys.secret not in caught.value.message


def test_applied_keys_are_the_sockets(keys: ClientKeys) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.DEALER) as socket:
            keys.apply(socket)
            assert socket.get(zmq.MECHANISM) == zmq.CURVE
            assert is_key(keys.public)
    finally:
        context.term()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param("tcp://192.168.1.4:5771", "tcp://192.168.1.4:5771", id="IPv4"),
        pytest.param("tcp://Render01.studio.lan:1", "tcp://render01.studio.lan:1", id="name"),
        pytest.param("tcp://[2001:DB8:0:0::1]:80", "tcp://[2001:db8::1]:80", id="IPv6"),
        pytest.param("tcp://localhost:80", "tcp://127.0.0.1:80", id="localhost"),
    ],
)
def test_any_host_with_keys_none_without(given: str, found: str) -> None:
    assert check_endpoint(given, encrypted=True) == found
    if leaves_this_machine(given):
        with pytest.raises(EndpointRefused, match=r"smite keys server.*--key"):
            check_endpoint(given)


def test_ipv6_loopback_needs_no_keys() -> None:
    assert check_endpoint("tcp://[::1]:5771") == "tcp://[::1]:5771"
    assert is_ipv6("tcp://[::1]:5771")
    assert not is_ipv6("tcp://127.0.0.1:5771")


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "[::]"])
def test_all_interfaces_are_for_servers_with_keys(host: str) -> None:
    bound = check_endpoint(f"tcp://{host}:0", any_port=True, encrypted=True)
    assert on_this_machine(bound) in ("tcp://127.0.0.1:0", "tcp://[::1]:0")
    with pytest.raises(EndpointRefused, match="name the server's machine"):
        check_endpoint(f"tcp://{host}:5771", encrypted=True)
    with pytest.raises(EndpointRefused, match="without keys"):
        check_endpoint(f"tcp://{host}:5771", any_port=True)


@pytest.mark.parametrize(
    "host", ["999.1.1.1", "[::z]", "a_b", "-a", "a b", "a/b", "", "[127.0.0.1]", "1.2.3", "é"]
)
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(EndpointRefused):
        check_endpoint(f"tcp://{host}:5771", encrypted=True)
