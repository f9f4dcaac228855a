"""Where a model comes from: a file or folder of weights, hashed now, frozen when somebody needs the graph."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import WeightsError
from ..files import sha256_file, sha256_files
from ..options import NodeNames
from ..types import Precision
from . import weights
from .checkpoint import checkpoint_prefix
from .reading import reading

if TYPE_CHECKING:
    from .frozen import FrozenModel

_ONE_FILE = frozenset([".npz", ".pb"])


@dataclass(frozen=True)
class ModelSource:
    """Weights as the user named them.

    Attributes:
        path: bundle (.npz), TensorFlow checkpoint, frozen graph (.pb) or SavedModel folder, as `freeze` takes them.
        name: what to call them in results.
        sha256: of the file, or of all files of a checkpoint or SavedModel.
        nodes: names of the graph's nodes, where they are not the original's.
        faithful: the precisions in which they are on record as accurate as in FP32, that one among them.
    """

    path: Path
    name: str
    sha256: str
    nodes: NodeNames = field(default_factory=NodeNames)
    faithful: frozenset[Precision] = frozenset([Precision.FP32])

    @classmethod
    def find(cls, name_or_path: str | os.PathLike[str], nodes: NodeNames | None = None) -> ModelSource:
        """Resolves a name or a path; raises `WeightsError` for none, or one that is damaged or cannot be read."""
        path = weights.resolve(name_or_path)
        known = {record.path: record for record in weights.manifest().values()}
        if (record := known.get(path)) is not None:
            return cls(path, record.name, record.sha256, nodes or NodeNames(), record.faithful)
        with reading(path):
            return cls(path, *_identify(path), nodes or NodeNames())

    def freeze(self, input_dtype: Literal["uint8", "float32"] = "uint8") -> FrozenModel:
        """The frozen graph; imports TensorFlow unless it is made of a bundle, or of a ``.pb`` where there is none."""
        from .freezing.freeze import freeze

        return freeze(self.path, self.nodes, input_dtype=input_dtype)


def model_files(name_or_path: str | os.PathLike[str]) -> list[Path]:
    """The files that hold the weights of this name or path; none where there are no such weights."""
    known = weights.manifest()
    name = os.fspath(name_or_path)
    record = known.get(weights.default_name() if name == "default" else name)
    try:
        return [record.path] if record is not None else _files(Path(name))[1]
    except (WeightsError, OSError):
        return []


def _identify(path: Path) -> tuple[str, str]:
    """Name and SHA-256 of what `freeze` makes of a path."""
    place, files = _files(path)
    if place.suffix in _ONE_FILE:
        return place.stem, sha256_file(place)
    if place.is_dir():
        return place.name or place.resolve().name, sha256_files(place, files)
    return place.name, sha256_files(place.parent, files)


def _files(path: Path) -> tuple[Path, list[Path]]:
    """The file, folder or prefix that `freeze` takes a path for, and its files."""
    if path.name == "saved_model.pb":
        path = path.parent
    if path.suffix in _ONE_FILE:
        return path, [path]
    if (path / "saved_model.pb").is_file():
        return path, list(path.rglob("*"))
    prefix = checkpoint_prefix(path)
    return prefix, [prefix, *prefix.parent.glob(f"{escape(prefix.name)}.*")]
