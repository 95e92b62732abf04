"""The other ends of the copies that `wire.py` measures itself against; they start fast.

    python -m benchmarks.wire_sinks plain|zmq FRAMES [FOLDER]

Each prints where it listens, takes so many frames, and answers when it has them.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import zmq

HEIGHT, WIDTH, CHANNELS = 2160, 4096, 4
FRAME_BYTES = HEIGHT * WIDTH * CHANNELS * 2


def sink(count: int, folder: Path | None) -> None:
    """The other end of a plain copy; with a folder every frame is synced to a file."""
    buffer = memoryview(bytearray(FRAME_BYTES))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        stream, _ = listener.accept()
        with stream:
            for number in range(count):
                have = 0
                while have < FRAME_BYTES:
                    have += stream.recv_into(buffer[have:])
                if folder is not None:
                    with (folder / f"{number}.bin").open("wb") as file:
                        file.write(buffer)
                        file.flush()
                        os.fsync(file.fileno())
            stream.sendall(b"k")


def zmq_sink(count: int) -> None:
    """The other end of the bare zmq sockets."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    print(router.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
    for messages in (1, count):
        for _ in range(messages):
            identity = router.recv_multipart(copy=False)[0].bytes
        router.send_multipart([identity, b"k"])
    router.close()
    context.term()


def main() -> None:
    kind, count, *folder = sys.argv[1:]
    if kind == "zmq":
        zmq_sink(int(count))
    else:
        sink(int(count), Path(folder[0]) if folder else None)


if __name__ == "__main__":
    main()
