"""Ten thousand wrong messages, to the decoder and to a running server: refused, one by one.

`benchmarks/fuzz_wire.py` is the long form.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_protocol import LearnSpec
from smite_protocol.errors import BadMessage, SmiteError
from smite_protocol.messages import ErrorReply
from smite_protocol.scan import MAX_VALUES, check_packed
from smite_protocol.wire import decode
from smite_server.config import Limits
from tests.support import footage
from tests.support.fuzzing import MOST_GROWTH, NO_LIMITS, REQUESTS, SEEDS, send_all
from tests.support.mutations import BOMBS, mutated
from tests.support.raw_peer import raw_peer
from tests.support.servers import running_server, wait_for

COUNT = 10_000
MEBIBYTE = 2**20


def test_the_decoder_takes_or_refuses_ten_thousand() -> None:
    """Nothing but its own errors, quickly, and nothing kept."""
    refused = 0
    gc.collect()
    before = psutil.Process().memory_info().rss
    begun = time.process_time()
    for number, frames in enumerate(mutated(SEEDS, COUNT)):
        try:
            decode(frames, max_payload=1024)
        except SmiteError:
            refused += 1
        except Exception as problem:  # noqa: BLE001  (whatever it is, it is a bug)
            pytest.fail(f"mutation {number} raised {type(problem).__name__}: {problem}")
    assert refused > COUNT / 2
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH
    assert time.process_time() - begun < 120.0


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"{bomb[:5].hex()} x{len(bomb)}")
def test_bombs_are_refused_before_memory_is_taken(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadMessage):
            decode([bomb], max_payload=1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * MEBIBYTE


def test_declared_lengths_are_held_against_what_is_there() -> None:
    for packed in (b"\xdd\xff\xff\xff\xff\x01", b"\xdf\x00\x00\x00\x02\x01\x01", b"\xd9\x05abc"):
        with pytest.raises(BadMessage, match=r"declares more|ends too early"):
            check_packed(packed)
    with pytest.raises(BadMessage, match=rf"over {MAX_VALUES} values"):
        check_packed(msgpack.packb([0] * (MAX_VALUES + 1)))
    check_packed(msgpack.packb([0] * (MAX_VALUES - 2)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(value=VALUES)
def test_the_scan_takes_what_msgpack_writes(value: Any) -> None:
    check_packed(msgpack.packb(value))


@given(packed=st.binary(max_size=64))
def test_the_scan_takes_nothing_that_msgpack_cannot_read(packed: bytes) -> None:
    try:
        check_packed(packed)
    except BadMessage:
        return
    # Pairs, because a map may have lists as keys here.
    msgpack.unpackb(packed, strict_map_key=False, raw=True, object_pairs_hook=list)


@settings(max_examples=500)
@given(
    name=st.sampled_from([message.type for message in REQUESTS]),
    body=st.dictionaries(
        st.sampled_from(["job", "spec", "kind", "path", "shape", "geometry", "seq", "priority"])
        | st.text(max_size=4),
        VALUES,
        max_size=6,
    ),
)
def test_any_fields_are_a_message_or_an_error(name: str, body: dict[str, Any]) -> None:
    packed = msgpack.packb({"v": 2, "t": name, "i": 1, "b": body})
    with suppress(SmiteError):
        assert decode([packed], max_payload=10)[1].type == name


def test_a_running_server_answers_ten_thousand(tmp_path: Path) -> None:
    """Over a real socket: an error each time a header can be read, and no harm done."""
    footage.write_references(tmp_path / "refs")
    with running_server(tmp_path / "home", roots=(tmp_path / "refs",), limits=NO_LIMITS) as server:
        process = psutil.Process(server.process.pid)
        with raw_peer(server.live.endpoint) as peer:
            peer.hello()
            send_all(peer, 0, 1000)
            before = process.memory_info().rss
            unanswered = send_all(peer, 1000, COUNT)
            growth = process.memory_info().rss - before
        assert unanswered == []
        assert server.process.poll() is None
        assert growth < MOST_GROWTH, f"{growth / MEBIBYTE:.0f} MiB"
        with server.client() as client:
            for job in client.jobs(all=False):
                client.cancel(job.job)
            job_id = client.submit(LearnSpec(name="after", refs=str(tmp_path / "refs")))
            assert client.wait(job_id).state == "done"


def test_a_peer_that_talks_nonsense_is_ignored_for_a_while(tmp_path: Path) -> None:
    limits = Limits(bad_messages_per_minute=5)
    with running_server(tmp_path / "home", limits=limits) as server:
        with raw_peer(server.live.endpoint) as peer, raw_peer(server.live.endpoint) as other:
            peer.hello()
            for _ in range(6):
                peer.send([b"nonsense"])
                reply = peer.receive()
                assert isinstance(reply, ErrorReply)
                assert reply.code == "bad_message"
            assert peer.hello(seconds=0.5) is None
            assert other.hello() is not None
        audit = server.config.log_folder / "audit.jsonl"
        assert wait_for(lambda: '"what": "ignored"' in audit.read_text("ascii"))
        assert audit.read_text("ascii").count('"what": "bad message"') == 6
