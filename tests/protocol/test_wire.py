"""Messages to frames and back, and everything that is refused on the way."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smite_protocol import messages as m
from smite_protocol.errors import BadMessage, SmiteError, TooLarge
from smite_protocol.wire import MAX_HEADER_BYTES, decode, decode_header, encode

JOB = "0123456789ab"
INFO = m.JobInfo(job=JOB, kind="segment", state="done", result={"files": {"a": "b"}, "n": [1, 2.5]})
GEOMETRY = m.GeometryInfo(display=(0, 0, 4, 2), data=(-1, 0, 3, 2), pixel_aspect=2.0)
EXAMPLES: tuple[m.Message, ...] = (
    m.Hello(protocol_min=1, protocol_max=1, client="c"),
    m.Submit(spec=m.LearnSpec(name="horse", groups=(("top", ("a", "b")),), settings={"x": 1})),
    m.Submit(spec=m.SegmentSpec(model="horse", plate="/p/x.####.exr", out="/o", version=3)),
    m.Submit(spec=m.EvaluateSpec(model="h", clip="/c", labels=((255, "horse"),), ignore=(11,))),
    m.Submit(spec=m.DoctorSpec()),
    m.PutFile(job=JOB, part_of="plate", path="a.exr", data=b"bytes"),
    m.PutPixels(job=JOB, frame=1001, shape=(2, 4, 3), dtype="uint8", geometry=GEOMETRY, data=b"p"),
    m.EndUpload(job=JOB),
    m.Watch(job=JOB, after=3),
    m.Unwatch(job=JOB),
    m.Acknowledge(job=JOB, seq=9),
    m.Cancel(job=JOB),
    m.Pause(job=JOB),
    m.Resume(job=JOB),
    m.Retry(job=JOB),
    m.Reorder(job=JOB, priority=5, before=""),
    m.GetJob(job=JOB),
    m.ListJobs(all=False),
    m.ListModels(),
    m.Heartbeat(),
    m.Goodbye(),
    m.Welcome(
        protocol=1, server_version="0.1", server="s", backbone="embedded", device="cpu",
        max_file_bytes=1, max_frames=1, max_upload_bytes=1, heartbeat_seconds=1.0,
        client_timeout_seconds=1.0, roots=("/a",),
    ),
    m.Submitted(job=JOB, state="queued", wants=("plate",)),
    m.Received(job=JOB, count=1),
    m.JobReply(info=INFO),
    m.JobList(jobs=(INFO, INFO)),
    m.ModelList(models=(m.ModelInfo(name="h", path="/h", bytes=1, modified=1.5, parts=("a",)),)),
    m.Alive(),
    m.ErrorReply(code="bad_plate", message="Frame 1003 is missing."),
    m.Progress(job=JOB, stage="mattes", done=1, total=2, seconds_left=0.5),
    m.MatteReady(job=JOB, seq=1, frame=-3, part="left eye", slug="left_eye", path="a", data=b"x"),
    m.StateChanged(job=JOB, state="running"),
    m.Finished(job=JOB, state="failed", error="bad_plate", message="Why."),
)  # fmt: skip


def packed(**changes: Any) -> list[bytes]:
    header: dict[Any, Any] = {"v": 1, "t": "get_job", "i": 1, "b": {"job": JOB}}
    header.update(changes)
    return [msgpack.packb(header)]


def refusal(frames: list[bytes]) -> str:
    with pytest.raises(BadMessage) as caught:
        decode(frames, max_payload=100)
    return caught.value.message


def test_examples_cover_every_message() -> None:
    assert {type(example) for example in EXAMPLES} == set(m.MESSAGES.values())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_round_trip_keeps_every_field(example: m.Message) -> None:
    header, found = decode(encode(example, request=7), max_payload=100)
    assert header.request == 7
    assert found == example
    payload = getattr(example, "data", None)
    if payload is not None:
        assert bytes(found.data) == payload  # type: ignore[attr-defined]


def test_payload_is_not_copied() -> None:
    pixels = bytearray(64)
    frames = encode(m.PutFile(job=JOB, part_of="plate", path="a", data=pixels))
    assert frames[1] is pixels
    found = decode(frames, max_payload=100)[1]
    pixels[0] = 7
    assert found.data[0] == 7  # type: ignore[attr-defined]


class TestRefused:
    """What `decode` does not take; the sentence names the field."""

    def test_unknown_type(self) -> None:
        assert "'reboot' is unknown" in refusal(packed(t="reboot"))

    def test_unknown_field(self) -> None:
        text = refusal(packed(b={"job": JOB, "jbo": 1}))
        assert "'jbo'" in text
        assert "knows job" in text

    def test_missing_field(self) -> None:
        assert "lacks the field 'job'" in refusal(packed(b={}))

    def test_unknown_field_in_a_spec(self) -> None:
        spec = {"kind": "segment", "model": "a", "quallity": "draft"}
        assert "'quallity'" in refusal(packed(t="submit", b={"spec": spec}))

    def test_unknown_kind_of_spec(self) -> None:
        text = refusal(packed(t="submit", b={"spec": {"kind": "dream"}}))
        assert "doctor, evaluate, learn, segment" in text

    @pytest.mark.parametrize(
        "job", [None, 3, True, b"0123456789ab", "UPPER0123", "../../etc", "", "a" * 33]
    )
    def test_job_of_wrong_type_or_form(self, job: Any) -> None:
        refusal(packed(b={"job": job}))

    @pytest.mark.parametrize("version", [-1, 10_000, "1", 1.0, True])
    def test_version_out_of_range_or_type(self, version: Any) -> None:
        spec = {"kind": "segment", "model": "a", "version": version}
        assert "spec.version" in refusal(packed(t="submit", b={"spec": spec}))

    @pytest.mark.parametrize("value", [math.nan, math.inf, 2**60])
    def test_numbers_that_json_cannot_say(self, value: float) -> None:
        spec = {"kind": "segment", "model": "a", "settings": {"window": value}}
        assert "spec.settings" in refusal(packed(t="submit", b={"spec": spec}))

    def test_deep_nesting(self) -> None:
        deep: Any = 1
        for _ in range(300):
            deep = [deep]
        assert "deep" in refusal(packed(b={"job": deep}))

    def test_nesting_beyond_the_unpacker(self) -> None:
        frame = b"\x91" * 200_000 + b"\x01"
        assert "deeper than 12 levels" in refusal([frame])

    def test_repeated_key(self) -> None:
        body = b"\x82" + 2 * (b"\xa3job" + msgpack.packb(JOB))
        frame = b"\x84\xa1v\x01\xa1t\xa7get_job\xa1i\x01\xa1b" + body
        assert "same key twice" in refusal([frame])

    @pytest.mark.parametrize("keys", [{"x": 1}, {"v": -1}, {"i": -1}, {"i": "1"}, {"b": []}])
    def test_header_of_another_form(self, keys: dict[str, Any]) -> None:
        refusal(packed(**keys))

    def test_too_many_items(self) -> None:
        spec = {"kind": "learn", "name": "a", "parts": ["p"] * 256}
        assert "at most 255" in refusal(packed(t="submit", b={"spec": spec}))

    def test_shape_of_another_length(self) -> None:
        pixels = replace(EXAMPLES[6], data=None)  # type: ignore[type-var]
        header = msgpack.unpackb(bytes(encode(pixels)[0]))
        header["b"]["shape"] = [2, 4]
        assert "shape has 2 items; it must have 3" in refusal([msgpack.packb(header)])

    def test_raw_frame_where_none_belongs(self) -> None:
        assert "must have none" in refusal([*packed(), b"raw"])

    def test_three_frames(self) -> None:
        assert "1 or 2" in refusal([*packed(), b"", b""])

    def test_large_raw_frame(self) -> None:
        frames = encode(m.PutFile(job=JOB, part_of="plate", path="a", data=bytes(101)))
        with pytest.raises(TooLarge, match="101 bytes; at most 100"):
            decode(frames, max_payload=100)

    def test_large_header_is_not_unpacked(self) -> None:
        assert "at most" in refusal([bytes(MAX_HEADER_BYTES + 1)])

    def test_nul_in_text(self) -> None:
        spec = {"kind": "segment", "model": "/a\x00b"}
        assert "NUL" in refusal(packed(t="submit", b={"spec": spec}))


def test_sender_hears_of_its_mistake_before_sending() -> None:
    with pytest.raises(BadMessage, match="version is -1; it must be from 0 to 9999"):
        encode(m.Submit(spec=m.SegmentSpec(model="a", version=-1)))


@pytest.mark.parametrize("asked", [{"styles": ("layers",)}, {"edges": "hard"}, {"proxy": 2}])
def test_what_an_older_server_would_make_otherwise_is_not_sent(asked: dict[str, Any]) -> None:
    name = next(iter(asked))
    spec = m.SegmentSpec(model="a", **asked)
    with pytest.raises(BadMessage, match=f"speaks protocol 2, which has no '{name}'"):
        encode(m.Submit(spec=spec), version=2)
    encode(m.Submit(spec=spec), version=3)
    encode(m.Submit(spec=m.SegmentSpec(model="a")), version=1)


@given(st.binary(max_size=200))
def test_noise_is_refused_and_nothing_else(noise: bytes) -> None:
    with pytest.raises(SmiteError):
        decode([noise], max_payload=10)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(m.MESSAGES)), st.dictionaries(st.text(max_size=6), json_like))
def test_any_body_is_a_message_or_refused(name: str, body: dict[str, Any]) -> None:
    try:
        frames = [msgpack.packb({"v": 1, "t": name, "i": 1, "b": body})]
    except OverflowError:
        return
    try:
        found = decode(frames, max_payload=10)[1]
    except SmiteError:
        return
    assert type(found) is m.MESSAGES[name]


def test_header_is_read_before_the_fields_are() -> None:
    header = decode_header(packed(t="hello", b={"protocol_min": 7, "from": "the future"}))
    assert header.body["protocol_min"] == 7


def test_a_session_of_the_version_before_lacks_what_came_later() -> None:
    job = decode_header(encode(m.JobReply(info=INFO), version=1)).body["info"]
    assert "job" in job
    assert not {"user", "lane", "ahead"} & set(job)
    with pytest.raises(BadMessage, match="pause is unknown to protocol 1"):
        encode(m.Pause(job=JOB), version=1)
