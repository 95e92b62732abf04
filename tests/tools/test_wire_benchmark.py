"""What `benchmarks/wire.py` makes of its times."""

from __future__ import annotations

import pytest

from benchmarks.wire import FRAME_BYTES, direction, rate, zmq_copy


def test_shares_are_of_the_same_round() -> None:
    seconds = {
        "plain": [1.0, 2.0, 4.0], "zmq": [2.0, 4.0, 8.0], "disk": [4.0, 8.0, 8.0],
        "up": [4.0, 4.0, 8.0],
    }  # fmt: skip
    found = direction(seconds, "up", 10)
    assert (found.share_least, found.share, found.share_most) == (0.25, 0.5, 0.5)
    assert (found.share_of_zmq, found.share_of_disk) == (1.0, 1.0)
    assert found.rate == pytest.approx(10 * FRAME_BYTES / 1e6 / 4.0)


def test_rate_is_of_the_middle_round() -> None:
    assert rate([1.0, 2.0, 9.0], 2) == pytest.approx(FRAME_BYTES / 1e6)


def test_bare_sockets_copy_every_frame() -> None:
    assert zmq_copy([b"x" * 1000, b"y" * 1000]) > 0
