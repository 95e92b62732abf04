"""Every error of pixels and engine has a wire code, and every sentence is one line."""

from __future__ import annotations

import errno
import inspect

import pytest

from smite_engine import errors as engine_errors
from smite_protocol import errors as wire
from smite_server import pixel_errors
from smite_server.worker.problems import ENGINE_CODES, PIXEL_CODES, as_wire_error

ENGINE = [
    found
    for _, found in inspect.getmembers(engine_errors, inspect.isclass)
    if issubclass(found, engine_errors.EngineError)
]
PIXEL = [getattr(pixel_errors, name) for name in pixel_errors.__all__]


def raised(kind: type[Exception]) -> Exception:
    """An instance, whatever its constructor wants."""
    made = kind.__new__(kind)
    Exception.__init__(made, "what is\nwrong")
    made.__dict__.update({"what": "what", "where": "", "remedy": ""})
    return made


@pytest.mark.parametrize("kind", ENGINE, ids=lambda kind: kind.__name__)
def test_engine_errors_are_mapped_by_name(kind: type[Exception]) -> None:
    assert kind.__name__ in dict(ENGINE_CODES)
    found = as_wire_error(raised(kind), engine_errors)
    assert type(found) is dict(ENGINE_CODES)[kind.__name__]
    assert found.message == "what is wrong."


def test_no_mapped_engine_error_is_gone() -> None:
    assert {name for name, _ in ENGINE_CODES} == {kind.__name__ for kind in ENGINE}


@pytest.mark.parametrize("kind", PIXEL, ids=lambda kind: kind.__name__)
def test_pixel_errors_are_mapped(kind: type[Exception]) -> None:
    found = as_wire_error(raised(kind), None)
    assert any(type(found) is code for _, code in PIXEL_CODES)
    assert found.message == "what is wrong."


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (pixel_errors.FullDiskError, "disk_full"),
        (pixel_errors.VersionError, "version_taken"),
        (pixel_errors.ChoiceError, "bad_input"),
        (pixel_errors.MatteError, "matte_failed"),
    ],
)
def test_matte_errors_are_told_apart(kind: type[pixel_errors.MatteError], code: str) -> None:
    found = as_wire_error(kind("what is wrong", "/o/a.exr", "do this"), None)
    assert found.code == code
    assert "/o/a.exr" in found.message


def test_full_disk_memory_and_the_unforeseen() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/o/report.json")
    assert as_wire_error(full, None).code == "disk_full"
    assert "/o/report.json" in as_wire_error(full, None).message
    assert as_wire_error(MemoryError(), None).code == "out_of_memory"
    odd = as_wire_error(ZeroDivisionError("division by zero"), engine_errors)
    assert odd.code == "internal_error"
    assert "ZeroDivisionError: division by zero" in odd.message


def test_wire_errors_pass_through() -> None:
    error = wire.BadPlate("Frame 3 is missing.")
    assert as_wire_error(error, engine_errors) is error
