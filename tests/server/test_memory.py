"""A long shot holds the worker's and the server's memory flat."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from smite_protocol import Client, MatteReady, SegmentSpec
from tests.support import footage
from tests.support.servers import ServerUnderTest


@pytest.mark.slow
def test_a_long_shot_needs_no_more_memory_than_a_short_one(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    footage.write_plate(stage / "long", 20)
    stills = sorted((stage / "long").iterdir())
    for number in range(1021, 1601):
        (stage / "long" / f"cart.{number}.png").hardlink_to(stills[number % 20])
    spec = SegmentSpec(model="cart", plate=str(stage / "long"), out=str(stage / "long_out"))
    sizes: dict[int, int] = {}
    job = client.submit(spec)
    for event in client.watch(job):
        if isinstance(event, MatteReady) and event.frame in (1100, 1600):
            process = psutil.Process(server.process.pid)
            family = [process, *process.children()]
            sizes[event.frame] = sum(found.memory_info().rss for found in family)
    assert sizes[1600] < 1.05 * sizes[1100]
