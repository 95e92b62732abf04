"""Cryptomatte's hashes against the specification's values and an independent implementation."""

from __future__ import annotations

import json
import math

import mmh3
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smite_server.cryptomatte_ids import (
    id_as_float,
    manifest,
    murmur3_32,
    name_id,
    name_ids,
    type_key,
)
from smite_server.pixel_errors import MatteError

KNOWN = {  # Psyop's specification and plug-in
    "bunny": "13851a76",
    "default": "42c9679f",
    "torus": "f19c73fd",
    "hello": "248bfa47",
}
SAME_ID = ("part_32590", "part_107525")
"""Two names whose hashes are equal, found by trying."""


@pytest.mark.parametrize(("name", "digits"), KNOWN.items(), ids=KNOWN.keys())
def test_known_ids(name: str, digits: str) -> None:
    assert f"{name_id(name):08x}" == digits


def test_known_key() -> None:
    assert type_key("CryptoObject") == "3ae39a5"


@settings(deadline=None)
@given(st.binary(max_size=70), st.integers(0, 2**32 - 1))
@example(b"", 0)
@example(b"\xff\xff\xff\xff\xff", 0)
def test_murmur_is_what_another_library_finds(data: bytes, seed: int) -> None:
    assert murmur3_32(data, seed) == mmh3.hash(data, seed, signed=False)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40))
@example("part_36")  # exponent 0 before the fix
@example("part_662")  # exponent 255 before the fix
@example("左目")
@example("left eye.001")
def test_ids_are_hashes_that_are_normal_floats(name: str) -> None:
    number, value = name_id(name), id_as_float(name_id(name))
    plain = mmh3.hash(name.encode(), 0, signed=False)
    assert number in (plain, plain ^ 1 << 23)
    assert (number == plain) == (plain >> 23 & 255 not in (0, 255))
    assert math.isfinite(value)
    assert abs(value) >= 2**-126


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=40, unique=True))
@example(['quote " and \\ slash', "line\nbreak", "ö", "a.b", " "])
def test_the_manifest_is_json_of_every_name(names: list[str]) -> None:
    found = json.loads(manifest(names))
    assert list(found) == names
    assert [int(digits, 16) for digits in found.values()] == list(name_ids(names))
    assert all(len(digits) == 8 for digits in found.values())


def test_names_in_the_manifest_stand_as_they_are() -> None:
    assert manifest(["œil gauche"]).startswith('{"œil gauche":"')


BAD_NAMES = {
    "empty": (["a", ""], "without a name"),
    "twice": (["a", "b", "a"], "'a' is named twice"),
    "same id": (SAME_ID, r"'part_32590' and 'part_107525' have the same .* 460b3ddf; rename"),
    "no text": (["\ud800"], "no valid text"),
}


@pytest.mark.parametrize(("names", "sentence"), BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_names_that_cannot_be_told_apart(names: list[str], sentence: str) -> None:
    with pytest.raises(MatteError, match=sentence):
        manifest(names)
