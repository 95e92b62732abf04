"""Device memory: from torch, where the engine uses CUDA already, to the status page."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from smite_server.worker.device_memory import device_memory


def torch(*, initialized: bool, asked: list[object]) -> SimpleNamespace:
    def mem_get_info(device: object) -> tuple[int, int]:
        asked.append(device)
        return 30, 100

    return SimpleNamespace(
        cuda=SimpleNamespace(is_initialized=lambda: initialized, mem_get_info=mem_get_info)
    )


@pytest.mark.parametrize(
    ("device", "initialized", "found", "asked"),
    [
        pytest.param("cuda:1", True, (70, 100), ["cuda:1"], id="a device with a number"),
        pytest.param("auto", True, (70, 100), [None], id="auto: the one in use"),
        pytest.param("auto", False, None, [], id="auto on a CPU: nothing is begun"),
        pytest.param("cpu", True, None, [], id="a CPU"),
    ],
)
def test_what_torch_tells(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    initialized: bool,
    found: tuple[int, int] | None,
    asked: list[object],
) -> None:
    questions: list[object] = []
    monkeypatch.setitem(sys.modules, "torch", torch(initialized=initialized, asked=questions))
    assert device_memory(device) == found
    assert questions == asked


def test_without_torch_it_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert device_memory("cuda") is None
    assert "torch" not in sys.modules
