"""A client whose keys a server does not take, or whose server is another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import zmq
from zmq.auth.thread import ThreadAuthenticator

from smite_protocol import Client
from smite_protocol.errors import NotAuthorised, ServerUnreachable
from smite_protocol.keys import ClientKeys, new_pair

SERVER_PUBLIC, SERVER_SECRET = new_pair()


@pytest.fixture
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A socket that wants keys and knows none."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    gate = ThreadAuthenticator(context)
    gate.start()
    gate.configure_curve(domain="*", location=str(tmp_path_factory.mktemp("no keys")))
    router = context.socket(zmq.ROUTER)
    router.curve_server = True
    router.curve_secretkey = SERVER_SECRET.encode()
    router.curve_publickey = SERVER_PUBLIC.encode()
    router.zap_domain = b"smite"
    router.bind("tcp://127.0.0.1:*")
    yield router.getsockopt_string(zmq.LAST_ENDPOINT)
    router.close(linger=0)
    gate.stop()
    context.term()


def test_unknown_key_is_told_at_once(endpoint: str) -> None:
    keys = ClientKeys(*new_pair(), server=SERVER_PUBLIC)
    begun = time.monotonic()
    with pytest.raises(NotAuthorised, match="does not take this client's key"):
        Client(endpoint, keys=keys, timeout=20.0).connect()
    assert time.monotonic() - begun < 10.0


def test_server_that_is_another_is_not_talked_to(endpoint: str) -> None:
    keys = ClientKeys(*new_pair(), server=new_pair()[0])
    with pytest.raises(ServerUnreachable, match="of the server that the key file is for"):
        Client(endpoint, keys=keys, timeout=1.0).connect()


def test_no_keys_where_keys_are_wanted(endpoint: str) -> None:
    with pytest.raises(ServerUnreachable, match="No SMITE server answers"):
        Client(endpoint, timeout=1.0).connect()
