"""Names that look like others, or mean something else on another system: refused, one by one.

What is compared with the roots is what the file system resolves; this is about what people and
other programs read. So look-alikes of separators and dots are refused, characters that are not
seen, and, where it matters, the names that Windows keeps for devices.
"""

from __future__ import annotations

import os
import re
import unicodedata

from smite_protocol.errors import BadPath

ON_WINDOWS = os.name == "nt"
MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories: controls, formats such as bidi overrides, surrogates, private, unassigned."""
_LOOK_ALIKES = frozenset(
    "\u2044\u2215\u2216\u29f5\u29f6\u29f8\u29f9\u2571\u2572\u27cb\u27cd\ua789\u02d0\u02f8\u2236\uff61"
)
"""Slashes, backslashes, colons and a stop that compatibility forms do not turn into ASCII."""
_SEPARATORS = frozenset("/\\.:")
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])"
    r"(\..*)?",
    re.IGNORECASE,
)
_NOT_ON_WINDOWS = frozenset('<>:"|?*')


def refuse_strange_characters(text: str, what: str) -> None:
    """Raise BadPath when a path, name or template has characters that mislead.

    ``what`` names it in the message, e.g. "the plate". Other scripts are welcome, in composed or
    decomposed normal form.
    """
    for letter in text:
        if unicodedata.category(letter) in _UNSEEN:
            raise _bad(text, what, f"has the character {_code(letter)}, which is not seen")
        if letter.isascii():
            continue
        plain = unicodedata.normalize("NFKC", letter)
        if _LOOK_ALIKES.intersection(plain) or _SEPARATORS.intersection(plain):
            raise _bad(text, what, f"has {_code(letter)}, which looks like a separator or a dot")
    if not (unicodedata.is_normalized("NFC", text) or unicodedata.is_normalized("NFD", text)):
        raise _bad(text, what, "mixes composed and decomposed letters")


def refuse_strange_path(text: str, what: str, *, windows: bool = ON_WINDOWS) -> None:
    """Raise BadPath when the path of a file on a server is strange in any way.

    ``windows`` says whether the server runs on Windows, where more is.
    """
    refuse_strange_characters(text, what)
    if len(text.encode("utf-8")) > MAX_PATH_BYTES:
        raise _bad(text, what, f"has over {MAX_PATH_BYTES} bytes")
    if windows:
        if re.match(r"[\\/]{2}[?.]", text):
            raise _bad(text, what, "names a device")
        rest = re.sub(r"^[A-Za-z]:", "", text)
        steps = re.split(r"[\\/]+", rest)
    else:
        if "\\" in text or text.startswith("//") or re.match(r"[A-Za-z]:", text):
            raise _bad(
                text, what, "is a path of another system, which no path map of this server covers"
            )
        steps = text.split("/")
    for step in steps:
        if len(step.encode("utf-8")) > MAX_NAME_BYTES:
            raise _bad(text, what, f"has a name of over {MAX_NAME_BYTES} bytes")
        if windows and step not in ("", ".", ".."):
            refuse_unportable_name(step, what)


def refuse_unportable_name(name: str, what: str) -> None:
    """Raise BadPath when Windows would read a file's ``name`` as another one, or as a device."""
    if _DEVICE.fullmatch(name):
        raise _bad(name, what, "is the name of a device on Windows")
    if name.endswith((".", " ")):
        raise _bad(name, what, "ends with a dot or a space, which Windows leaves out")
    if _NOT_ON_WINDOWS.intersection(name):
        raise _bad(name, what, "has a character that Windows allows in no name")


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X}"


def _bad(text: str, what: str, why: str) -> BadPath:
    shown = ascii(text if len(text) <= 120 else text[:117] + "...")
    return BadPath(f"{what[:1].upper()}{what[1:]} {shown} {why}; use another name.")
