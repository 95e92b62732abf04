"""The tables of PROTOCOL.md, made from the messages.

``python -m tests.support.protocol_document`` (with plugin/ on the path) writes them anew between
their marks; a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Union, get_args, get_origin

import smite_protocol
from smite_protocol import messages
from smite_protocol.errors import error_classes
from smite_protocol.fields import Limits, has_payload, header_fields, hints_of, is_required
from smite_protocol.specs import Spec

DOCUMENT = Path(smite_protocol.__file__).with_name("PROTOCOL.md")
RECORDS = (messages.JobInfo, messages.ModelInfo, messages.GeometryInfo)
NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def type_name(hint: Any) -> str:
    """The document's word for a field's type."""
    origin = get_origin(hint)
    if origin is Union:
        return f"{type_name(get_args(hint)[0])} or nil"
    if origin is tuple:
        arms = get_args(hint)
        if arms[-1] is Ellipsis:
            return f"list of {type_name(arms[0])}"
        return "[" + ", ".join(type_name(arm) for arm in arms) + "]"
    if origin is dict:
        return "map"
    return NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def limit_text(hint: Any, limits: Limits) -> str:
    """The document's words for a field's limits."""
    text = type_name(hint)
    found = []
    if limits.choices:
        found.append(" ".join(f"`{choice or '(empty)'}`" for choice in limits.choices))
    elif "string" in text:
        found.append(limits.says or f"at most {limits.length} characters")
    if "list" in text or text == "map":
        found.append(f"at most {limits.items} entries")
    if "integer" in text or "number" in text:
        if limits.low is not None and limits.high is not None:
            found.append(f"{limits.low:.10g} to {limits.high:.10g}")
        elif limits.low is not None:
            found.append(f"at least {limits.low:.10g}")
    return "; ".join(found)


def table(record: type[Any]) -> str:
    """One table: field, type, required, limits, meaning."""
    rows = ["| field | type | needed | limits | meaning |", "|---|---|---|---|---|"]
    for name, entry in header_fields(record).items():
        hint, limits = hints_of(record)[name], entry.metadata["limits"]
        needed = "yes" if is_required(entry) else "no"
        since = entry.metadata["since"]
        doc = entry.metadata["doc"] + (f" (since version {since})" if since > 1 else "")
        rows.append(
            f"| `{name}` | {type_name(hint)} | {needed} | {limit_text(hint, limits)} | {doc} |"
        )
    if len(rows) == 2:
        rows = ["No fields."]
    return "\n".join(rows)


def section(title: str, record: type[Any]) -> str:
    """A heading, the first line of the docstring, the table."""
    first = (record.__doc__ or "").strip().splitlines()[0]
    raw = " A raw frame follows the header." if has_payload(record) else ""
    since = getattr(record, "since", 1)
    version = f" Since version {since}." if since > 1 else ""
    return f"#### `{title}`\n\n{first}{raw}{version}\n\n{table(record)}\n"


def generated() -> dict[str, str]:
    """Every generated block of the document by its mark."""
    roles: dict[str, list[str]] = {"request": [], "notice": [], "reply": [], "event": []}
    for name, record in messages.MESSAGES.items():
        roles[record.role].append(section(name, record))
    codes = ["| code | parent | exit status | meaning |", "|---|---|---|---|"]
    codes += [
        f"| `{found.code}` | {_parent(found)} | {found.exit_code} |"
        f" {(found.__doc__ or '').strip().splitlines()[0]} |"
        for found in error_classes()
    ]
    return {
        "version": f"Protocol version: **{messages.PROTOCOL_MAX}**"
        f" (this release speaks {messages.PROTOCOL_MIN} to {messages.PROTOCOL_MAX}).",
        "requests": "\n".join(roles["request"] + roles["notice"]),
        "replies": "\n".join(roles["reply"]),
        "events": "\n".join(roles["event"]),
        "specs": "\n".join(section(kind, record) for kind, record in Spec.variants.items()),
        "records": "\n".join(section(record.__name__, record) for record in RECORDS),
        "codes": "\n".join(codes),
    }


def _parent(found: type[Any]) -> str:
    parent = found.__mro__[1].code
    return "" if parent == "error" else f"`{parent}`"


def with_blocks(text: str) -> str:
    """``text`` with every generated block as it should be."""
    for mark, block in generated().items():
        start = f"<!-- {mark}: generated -->\n"
        before, found, rest = text.partition(start)
        _, end, after = rest.partition("<!-- end -->")
        assert found, mark
        assert end, mark
        text = f"{before}{start}{block.rstrip()}\n{end}{after}"
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(with_blocks(DOCUMENT.read_text("utf-8")), "utf-8")
