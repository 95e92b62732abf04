"""What learning changes in the UNet (SMITE table 3), and float32 masters of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from smite_engine.errors import SettingsError

TUNES = ("embeddings", "cross-attention", "self-attention")

_CROSS = (".attn2.to_k.", ".attn2.to_v.")
_SELF = (".attn1.to_q.", ".attn1.to_k.")


def require_tune(tune: str) -> None:
    """Raises SettingsError unless ``tune`` is one of :data:`TUNES`."""
    if tune not in TUNES:
        raise SettingsError(f'The setting "tune" is {", ".join(TUNES)}, not {tune!r}.')


def is_tuned(name: str, tune: str) -> bool:
    """Whether the UNet's parameter ``name`` is learned beside the embeddings.

    ``embeddings``: none. ``cross-attention``: keys and values of every cross-attention, the
    method's own choice. ``self-attention``: those, and queries and keys of every self-attention,
    which the affinities A of eq. 1 are made of.
    """
    if tune == "embeddings":
        return False
    return any(part in name for part in _CROSS) or (
        tune == "self-attention" and is_self_attention(name)
    )


def is_self_attention(name: str) -> bool:
    """Whether a parameter makes the queries or keys of a self-attention."""
    return any(part in name for part in _SELF)


class MasterWeights:
    """float32 copies of parameters that the network may hold in less.

    A step of 1e-6 is lost when it is added to a bfloat16 weight of 0.05, whose neighbours are 2e-4
    away; the masters keep the sum of such steps. Parameters in float32 are their own masters.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = dict(parameters)
        self.masters: dict[str, torch.Tensor] = {
            name: parameter
            if parameter.dtype == torch.float32
            else parameter.detach().float().requires_grad_(True)
            for name, parameter in parameters.items()
        }

    def require_gradients(self, wanted: bool) -> None:
        """Turns the network's gradients on or off; off drops those there are."""
        for parameter in self._parameters.values():
            parameter.requires_grad_(wanted)
            if not wanted:
                parameter.grad = None

    def take_gradients(self) -> None:
        """Moves the gradients of the network's parameters to their masters."""
        for name, parameter in self._parameters.items():
            master = self.masters[name]
            if master is not parameter and parameter.grad is not None:
                master.grad = parameter.grad.float()
                parameter.grad = None

    @torch.no_grad()
    def give_values(self) -> None:
        """Writes the masters into the network, rounded to its precision."""
        for name, parameter in self._parameters.items():
            if self.masters[name] is not parameter:
                parameter.copy_(self.masters[name])

    def values(self) -> dict[str, torch.Tensor]:
        """Copies of the masters, by name."""
        return {name: master.detach().clone() for name, master in self.masters.items()}
