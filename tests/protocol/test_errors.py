"""The error tree, its codes, and who maps what to them."""

from __future__ import annotations

import re

import pytest

from smite_protocol import errors
from smite_protocol.errors import SmiteError, error_classes, error_codes, error_from_code


def test_codes_are_unique_and_well_formed() -> None:
    codes = [found.code for found in error_classes()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_class_has_a_code_of_its_own() -> None:
    assert all("code" in vars(found) for found in error_classes())


@pytest.mark.parametrize("found", list(error_classes()), ids=lambda found: found.code)
def test_code_brings_back_the_class_and_its_sentence(found: type[SmiteError]) -> None:
    error = error_from_code(found.code, "What is wrong.")
    assert type(error) is found
    assert (error.message, str(error)) == ("What is wrong.", "What is wrong.")


def test_unknown_code_of_a_newer_server_is_a_plain_error() -> None:
    assert type(error_from_code("from_the_future", "Hm.")) is SmiteError


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"(\w+) +([a-z_]+) +(\d+)$", errors.__doc__ or "", flags=re.M)
    assert {code: name for name, code, _ in drawn} == {
        code: found.__name__ for code, found in error_codes().items()
    }
    assert {code: int(status) for _, code, status in drawn} == {
        code: found.exit_code for code, found in error_codes().items()
    }


def test_bad_input_exits_with_two() -> None:
    for found in error_classes():
        if issubclass(found, errors.BadInput):
            assert found.exit_code == 2, found
