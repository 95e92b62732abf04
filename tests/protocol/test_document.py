"""PROTOCOL.md and the code say the same."""

from __future__ import annotations

import pytest

from smite_protocol import fields, messages, scan, wire
from smite_protocol.errors import error_codes
from smite_protocol.fields import header_fields
from smite_protocol.specs import Spec
from smite_server import watchers
from smite_server.config import Limits
from tests.support import protocol_document


@pytest.mark.parametrize("mark", sorted(protocol_document.generated()))
def test_generated_blocks_are_current(mark: str) -> None:
    text = protocol_document.DOCUMENT.read_text("utf-8")
    block = protocol_document.generated()[mark].rstrip()
    hint = "run `python -m tests.support.protocol_document`"
    assert f"<!-- {mark}: generated -->\n{block}\n<!-- end -->" in text, hint


@pytest.mark.parametrize("name", [*sorted(messages.MESSAGES), *sorted(Spec.variants)])
def test_every_message_has_one_heading_with_all_its_fields(name: str) -> None:
    text = protocol_document.DOCUMENT.read_text("utf-8")
    record = {**messages.MESSAGES, **Spec.variants}[name]
    assert text.count(f"#### `{name}`\n") == 1
    section = text.split(f"#### `{name}`\n")[1].split("\n#### ")[0].split("<!--")[0]
    documented = [row.split("`")[1] for row in section.splitlines() if row.startswith("| `")]
    assert documented == list(header_fields(record))


def test_every_code_is_in_the_document_once() -> None:
    text = protocol_document.DOCUMENT.read_text("utf-8")
    for code in error_codes():
        assert text.count(f"\n| `{code}` | ") == 1, code


def test_limits_named_in_prose_are_those_of_the_code() -> None:
    text = " ".join(protocol_document.DOCUMENT.read_text("utf-8").split())
    assert f"{wire.MAX_HEADER_BYTES // 2**20} MiB and {scan.MAX_DEPTH} levels" in text
    assert f"{scan.MAX_VALUES:,} values in all" in text
    assert f"{fields.FREE_DEPTH} levels and {fields.FREE_ITEMS:,} values" in text
    assert f"{watchers.AHEAD_WITH_PATHS} mattes; of those that carry bytes" in text
    credit = f"{Limits().matte_credit_bytes // 2**20} MiB"
    assert (
        f"at most {watchers.AHEAD_WITH_BYTES}, and at most `watch.credit` bytes, or {credit}"
        in text
    )
