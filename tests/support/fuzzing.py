"""What the fuzz tests and their long form share: good messages to start from, and a way to ask."""

from __future__ import annotations

from smite_protocol import messages as m
from smite_protocol.errors import BadMessage
from smite_protocol.messages import ErrorReply
from smite_protocol.wire import decode, decode_header, encode
from smite_server.config import Limits
from tests.support.mutations import mutated
from tests.support.raw_peer import RawPeer

MOST_GROWTH = 50 * 2**20
"""Bytes by which a program may grow while it is sent nonsense."""
NO_LIMITS = Limits(
    bad_messages_per_minute=10**9, requests_per_second=10**9, submits_per_minute=10**9,
    uploads_per_second=10**9, max_open_jobs=10,
)  # fmt: skip
JOB = "0123456789ab"
GEOMETRY = m.GeometryInfo(display=(0, 0, 4, 2), data=(0, 0, 4, 2))
REQUESTS: tuple[m.Message, ...] = (
    m.Hello(protocol_min=1, protocol_max=2, client="fuzzer"),
    m.Submit(spec=m.LearnSpec(name="h", groups=(("top", ("a", "b")),), settings={"x": [1, {}]})),
    m.Submit(spec=m.SegmentSpec(model="h", plate="/p/x.####.exr", out="/o", version=3)),
    m.Submit(spec=m.EvaluateSpec(model="h", clip="/c", labels=((255, "h"),), ignore=(11,))),
    m.PutFile(job=JOB, part_of="plate", path="a.exr", data=b"bytes"),
    m.PutPixels(job=JOB, frame=1, shape=(2, 4, 3), dtype="uint8", geometry=GEOMETRY, data=b"p"),
    m.EndUpload(job=JOB),
    m.Watch(job=JOB, after=3),
    m.Acknowledge(job=JOB, seq=9),
    m.Cancel(job=JOB),
    m.Retry(job=JOB),
    m.Reorder(job=JOB, priority=5, before=""),
    m.GetJob(job=JOB),
    m.ListJobs(all=False),
)
SEEDS = [[bytes(frame) for frame in encode(message, request=7)] for message in REQUESTS]


def readable(frames: list[bytes]) -> bool:
    """Whether these frames have a header that can be read."""
    try:
        decode_header(frames)
    except BadMessage:
        return False
    return True


def send_all(peer: RawPeer, start: int, end: int) -> list[int]:
    """Send mutations, a batch at a time; return those that should have been answered and were not.

    A mutation's request number is not its own to choose, so each is followed by a question that
    is, and answers are counted between.
    """
    unanswered = []
    notices = {"acknowledge", "unwatch", "goodbye"}
    for number, frames in enumerate(mutated(SEEDS, end - start, start), start):
        peer.send(frames)
        marker = 10**6 + number
        peer.send([bytes(f) for f in encode(m.GetJob(job="zzzzzzzzzzzz"), request=marker)])
        answers = 0
        while True:
            assert peer.socket.poll(20_000), f"no answer after mutation {number}"
            found = peer.socket.recv_multipart()
            header, message = decode(found, max_payload=2**20)
            if header.request == marker:
                assert isinstance(message, ErrorReply)
                break
            answers += 1
            if isinstance(message, ErrorReply):
                assert message.code != "internal_error", (number, message.message)
        wants_answer = not readable(frames) or decode_header(frames).type not in notices
        if answers != 1 and wants_answer:
            unanswered.append(number)
    return unanswered
