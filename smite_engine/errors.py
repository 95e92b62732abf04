"""Errors of the engine. Each message says in one sentence what is wrong, where, and what is right.

EngineError
 +-- PartSetError            names that cannot form a part set
 +-- BadReferenceError         references that cannot be learned from
 +-- PartModelError          a part model file that cannot be read or written
 +-- SettingsError           an unknown setting, or a value out of range
 +-- BackboneError           weights that are missing or unusable
 |    +-- BackboneMismatchError   a part model made for another backbone
 +-- TrackerError            a point tracker that is missing or unusable
 +-- ShotStateError          a state to resume from that cannot be read
 +-- ShapeError              a tensor of another shape than promised
 +-- OutOfDeviceMemoryError       the device has no memory left for this window
 +-- Cancelled               the caller asked to stop
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of every error that the engine raises on purpose."""


class PartSetError(EngineError):
    """Part names that are empty, reserved, repeated, or too many."""


class BadReferenceError(EngineError):
    """A reference whose image and labels do not fit each other or the part set."""


class PartModelError(EngineError):
    """A part model file that is missing, damaged or of another kind."""


class SettingsError(EngineError):
    """An unknown setting or a value out of its range."""


class BackboneError(EngineError):
    """Backbone weights that are missing, incomplete or of another layout."""


class BackboneMismatchError(BackboneError):
    """A part model that was learned on another backbone."""


class TrackerError(EngineError):
    """A point tracker whose package or weights are missing, or that fails."""


class ShotStateError(EngineError):
    """The state of a shot, to resume from, that is missing, damaged or of another kind."""


class ShapeError(EngineError):
    """A tensor whose shape is not the promised one.

    Attributes:
        expected: The promised shape as text, for example ``[F, K, h, w]``.
        actual: The shape that came.
    """

    def __init__(self, what: str, expected: str, actual: tuple[int, ...]) -> None:
        super().__init__(f"{what} has shape {list(actual)}, but {expected} is needed.")
        self.expected = expected
        self.actual = tuple(actual)


class OutOfDeviceMemoryError(EngineError):
    """The device ran out of memory; a smaller window may fit."""


class Cancelled(EngineError):  # noqa: N818 - the caller's wish, not a fault
    """The caller's ``cancelled()`` returned true."""
