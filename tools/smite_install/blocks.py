"""Marked lines in a Python file of the user's: put in, found again, taken out without a trace.

Files are bytes here: their encoding, byte order mark and line ends stay what they are. The lines
are ASCII, which every encoding that Python reads has in common.
"""

from __future__ import annotations

from collections.abc import Sequence

START = b"# >>> SMITE: put here by install.py, taken away by `install.py uninstall` >>>"
END = b"# <<< SMITE <<<"
# The first line says so where the file had no end of line before it, which then goes too.
JOINED = b" (+)"


def with_block(content: bytes, lines: Sequence[str]) -> bytes:
    """Return the file with the block of ``lines`` in it: in its old place, else at the end."""
    end = line_end(content)
    found = _find(content)
    if found:
        start, stop = found
        joined = _is_joined(content[start:stop])
        return content[:start] + _block(lines, end, joined=joined) + content[stop:]
    joined = bool(content) and not content.endswith((b"\n", b"\r"))
    return content + (end if joined else b"") + _block(lines, end, joined=joined)


def without_block(content: bytes) -> bytes:
    """Return the file as it would be without the block."""
    found = _find(content)
    if not found:
        return content
    start, stop = found
    before, after = content[:start], content[stop:]
    if _is_joined(content[start:stop]) and not after:
        before = before[: -len(line_end(before))]
    return before + after


def has_block(content: bytes) -> bool:
    """Return whether a block, whole or not, is in a file."""
    return START in content


def line_end(content: bytes) -> bytes:
    """Return the end of the first line: what the file uses; LF in an empty one."""
    for index, value in enumerate(content):
        if value == 0x0A:
            return b"\n"
        if value == 0x0D:
            return b"\r\n" if content[index + 1 : index + 2] == b"\n" else b"\r"
    return b"\n"


def _block(lines: Sequence[str], end: bytes, *, joined: bool) -> bytes:
    first = START + (JOINED if joined else b"")
    return b"".join(line + end for line in (first, *(x.encode("ascii") for x in lines), END))


def _is_joined(block: bytes) -> bool:
    return block.startswith(START + JOINED)


def _find(content: bytes) -> tuple[int, int] | None:
    """Return where a whole block starts and stops, its last line end included."""
    start = content.find(START)
    last = content.find(END, start) if start >= 0 else -1
    if last < 0:
        return None
    stop = last + len(END)
    for end in (b"\r\n", b"\n", b"\r"):
        if content.startswith(end, stop):
            return start, stop + len(end)
    return start, stop
