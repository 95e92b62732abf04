"""CRC-32 of what travels as raw frames."""

from __future__ import annotations

import zlib
from typing import Optional, Union

from .wire import Buffer


def checksum_of(data: Buffer) -> int:
    """Return the CRC-32 (zlib's) of bytes."""
    return zlib.crc32(data)


def is_whole(data: Union[Buffer, None], checksum: Optional[int]) -> bool:
    """Return whether bytes have their checksum; without one they count as whole."""
    if checksum is None:
        return True
    return data is not None and checksum_of(data) == checksum
