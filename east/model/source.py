"""Where a model comes from: a file or folder of weights, hashed now, frozen when somebody needs the graph."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..files import sha256_file, sha256_files
from ..options import NodeNames
from . import weights
from .checkpoint import checkpoint_prefix
from .reading import reading

if TYPE_CHECKING:
    from .frozen import FrozenModel


@dataclass(frozen=True)
class ModelSource:
    """Weights as the user named them.

    Attributes:
        path: bundle (.npz), TensorFlow checkpoint, frozen graph (.pb) or SavedModel folder, as `freeze` takes them.
        name: what to call them in results.
        sha256: of the file, or of all files of a checkpoint or SavedModel.
        nodes: names of the graph's nodes, where they are not the original's.
    """

    path: Path
    name: str
    sha256: str
    nodes: NodeNames = field(default_factory=NodeNames)

    @classmethod
    def find(cls, name_or_path: str | os.PathLike[str], nodes: NodeNames | None = None) -> ModelSource:
        """Resolves a name or a path; raises `WeightsError` for none, or one that is damaged or cannot be read."""
        path = weights.resolve(name_or_path)
        known = {record.path: record for record in weights.manifest().values()}
        if (record := known.get(path)) is not None:
            return cls(path, record.name, record.sha256, nodes or NodeNames())
        with reading(path):
            return cls(path, *_identify(path), nodes or NodeNames())

    def freeze(self, input_dtype: Literal["uint8", "float32"] = "uint8") -> FrozenModel:
        """The frozen graph; imports TensorFlow."""
        from .freezing.freeze import freeze

        return freeze(self.path, self.nodes, input_dtype=input_dtype)


def _identify(path: Path) -> tuple[str, str]:
    """Name and SHA-256 of what `freeze` makes of a path."""
    if path.name == "saved_model.pb":
        path = path.parent
    if path.suffix in {".npz", ".pb"}:
        return path.stem, sha256_file(path)
    if (path / "saved_model.pb").is_file():
        return path.name or path.resolve().name, sha256_files(path, path.rglob("*"))
    prefix = checkpoint_prefix(path)
    return prefix.name, sha256_files(prefix.parent, [prefix, *prefix.parent.glob(f"{escape(prefix.name)}.*")])
