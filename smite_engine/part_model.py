"""Part models: what learning makes from references, as one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from smite_engine.errors import BackboneMismatchError, PartModelError
from smite_engine.part_set import Part, PartSet

FORMAT = "smite-part-model/1"
_EMBEDDINGS = "embeddings"
_WEIGHT_PREFIX = "unet."


@dataclass(frozen=True)
class PartModel:
    """A learned part set.

    Attributes:
        parts: The part set.
        embeddings: float32 [P, D], one row for each part; the background row is the backbone's.
        weights: Changed UNet parameters by their name in the UNet.
        backbone_id: Name of the backbone it was learned on.
        backbone_hash: Hash of that backbone's weights, hexadecimal.
        settings: The learning settings, plain values.
        tune: What was learned, see :data:`smite_engine.tuned_parameters.TUNES`; ``weights`` may be
            empty all the same, where the embeddings alone did best.
        selected_on: What the steps were chosen and ``held_out_iou`` was measured on: ``views`` of
            the references, or ``references`` that were left out.
        held_out_iou: By slug; None where a part was in no held-out picture.
        warnings: Sentences about parts that will be weak.
    """

    parts: PartSet
    embeddings: torch.Tensor
    weights: Mapping[str, torch.Tensor]
    backbone_id: str
    backbone_hash: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tune: str = "cross-attention"
    selected_on: str = "views"
    held_out_iou: Mapping[str, float | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of the file's bytes, hexadecimal."""
        return hashlib.sha256(self._bytes()).hexdigest()

    def require_backbone(self, identity: str, digest: str) -> None:
        """Raises BackboneMismatchError unless the model was learned on this backbone."""
        if digest != self.backbone_hash:
            raise BackboneMismatchError(
                f"This part model was learned on the backbone {self.backbone_id} "
                f"({self.backbone_hash[:12]}), but {identity} ({digest[:12]}) is loaded; load that "
                "backbone, or learn the parts again."
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file under a temporary name and renames it.

        Raises:
            PartModelError: If it cannot be written.
        """
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(self._bytes())
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise PartModelError(
                f"The part model {target} cannot be written: {error.strerror or error}."
            ) from error

    def _bytes(self) -> bytes:
        tensors = {_EMBEDDINGS: self.embeddings.detach().float().cpu().contiguous()}
        for name, value in sorted(self.weights.items()):
            tensors[_WEIGHT_PREFIX + name] = value.detach().cpu().contiguous()
        about = {
            "format": FORMAT,
            "parts": [{"name": part.name, "slug": part.slug} for part in self.parts.parts],
            "backbone_id": self.backbone_id,
            "backbone_hash": self.backbone_hash,
            "settings": dict(self.settings),
            "tune": self.tune,
            "selected_on": self.selected_on,
            "held_out_iou": dict(self.held_out_iou),
            "warnings": list(self.warnings),
        }
        return save(tensors, {"smite": json.dumps(about, sort_keys=True)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PartModel:
        """Reads a part model.

        safetensors maps the file and holds every size in its header against the file's own before
        a tensor is made, so a header that lies about them costs no memory.

        Raises:
            PartModelError: If the file is absent, damaged, or no part model.
        """
        try:
            with safe_open(os.fspath(path), framework="pt") as file:
                about = json.loads((file.metadata() or {}).get("smite", "null"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError as error:
            raise PartModelError(f"There is no part model at {path}.") from error
        except (OSError, SafetensorError, ValueError, RecursionError) as error:
            raise PartModelError(
                f"The part model {path} is damaged or no safetensors file ({error}); "
                "learn it again."
            ) from error
        return cls._from_parts(path, about, tensors)

    @classmethod
    def _from_parts(
        cls, path: str | os.PathLike[str], about: Any, tensors: dict[str, torch.Tensor]
    ) -> PartModel:
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise PartModelError(
                f"{path} is a safetensors file but no part model of the format {FORMAT}."
            )
        try:
            parts = PartSet(tuple(Part(p["name"], p["slug"]) for p in about["parts"]))
            embeddings = tensors.pop(_EMBEDDINGS)
            if embeddings.ndim != 2 or len(embeddings) != len(parts):
                raise ValueError(f"{len(parts)} parts, embeddings {list(embeddings.shape)}")
            weights = {name.removeprefix(_WEIGHT_PREFIX): v for name, v in tensors.items()}
            return cls(
                parts=parts,
                embeddings=embeddings,
                weights=weights,
                backbone_id=str(about["backbone_id"]),
                backbone_hash=str(about["backbone_hash"]),
                settings=about["settings"],
                # Absent from files of the first version, which knew these alone.
                tune=str(about.get("tune", "cross-attention")),
                selected_on=str(about.get("selected_on", "views")),
                held_out_iou=about["held_out_iou"],
                warnings=tuple(about["warnings"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PartModelError(
                f"The part model {path} lacks what its format promises ({error}); learn it again."
            ) from error
