"""The decoder as atheris runs it, for `benchmarks.fuzz_wire`; the arguments are libFuzzer's.

A program of its own, so that nothing but the protocol is instrumented.
"""

from __future__ import annotations

import sys

import atheris  # not in the dev extra: it has no wheels for many systems

with atheris.instrument_imports(include=["smite_protocol"]):
    from smite_protocol.errors import SmiteError
    from smite_protocol.wire import decode

MAX_PAYLOAD = 1024


def decode_one(data: bytes) -> None:
    """Decode one input; with a raw frame where it ends with 1."""
    try:
        decode([data, b"raw"] if data[-1:] == b"\x01" else [data], max_payload=MAX_PAYLOAD)
    except SmiteError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_one)
    atheris.Fuzz()
