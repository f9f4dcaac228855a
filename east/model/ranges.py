"""The record of ranges: what 8-bit numbers stand for in a set of weights, and on which images that was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CalibrationError
from ..files import written_whole
from ..types import Size

SUFFIX = ".ranges.npz"
"""What follows the stem of a file of weights in the name of the file with its ranges."""

_FORMAT = 1
_HEADER, _ACTIVATIONS, _PEAKS, _BIASES = "header", "activations", "peaks/", "biases/"


@dataclass(frozen=True)
class Rule:
    """How ranges were found: a name, and a version that is raised whenever it gives others."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, eq=False)
class Ranges:
    """The ranges of one set of weights, by the names of nodes in the graph that `upsample_late` makes of it.

    Attributes:
        activations: lowest and highest value of tensors; those that are never negative have zero for the lowest.
        peaks: largest magnitude of the weights of each output channel, float32 ``(C,)``, by the weights' constants.
        biases: the biases that make up for what rounding does to the weights, float32 ``(C,)``, by the constants that
            they replace.
        weights_sha256: of the weights, as `ModelSource` has it.
        images: name and SHA-256 of each image they were measured on, in order.
        size: that these were resized to.
        rule: by which they were found.
    """

    activations: Mapping[str, tuple[float, float]]
    peaks: Mapping[str, NDArray[np.float32]]
    biases: Mapping[str, NDArray[np.float32]]
    weights_sha256: str
    images: tuple[tuple[str, str], ...]
    size: Size
    rule: Rule

    @property
    def sha256(self) -> str:
        """Of all that changes a graph; of which images it comes is not part of it."""
        sha = hashlib.sha256()
        for name, array in sorted(self._arrays().items()):
            sha.update(f"{name}\0".encode() + array.tobytes())
        sha.update("\0".join(self.activations).encode())
        return sha.hexdigest()

    def __str__(self) -> str:
        return f"ranges of {len(self.images)} images at {self.size}, rule {self.rule}"

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz``, whole or not at all."""
        header = {
            "format": _FORMAT,
            "weights_sha256": self.weights_sha256,
            "rule": {"name": self.rule.name, "version": self.rule.version},
            "size": list(self.size),
            "images": [{"file": name, "sha256": sha256} for name, sha256 in self.images],
            "activations": list(self.activations),
            "sha256": self.sha256,
        }
        text = np.frombuffer(json.dumps(header, ensure_ascii=False).encode(), np.uint8)
        arrays: dict[str, NDArray[Any]] = {_HEADER: text, **self._arrays()}
        with written_whole(Path(path)) as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Ranges:
        """Reads what `save` wrote. Raises `CalibrationError` for a file that is damaged, or something else."""
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file) as bundle:
                arrays = {name: bundle[name] for name in bundle.files}
        except OSError as error:
            raise CalibrationError(f"cannot read the ranges {path}: {error.strerror or error}") from error
        except Exception as error:  # NumPy and zipfile fail in many ways on other files
            raise CalibrationError(_damaged(path)) from error
        try:
            header = json.loads(arrays.pop(_HEADER).tobytes())
            activations = arrays.pop(_ACTIVATIONS).astype(np.float32, casting="same_kind")
            found = cls(
                {
                    name: (float(low), float(high))
                    for name, (low, high) in zip(header["activations"], activations, strict=True)
                },
                _below(arrays, _PEAKS),
                _below(arrays, _BIASES),
                str(header["weights_sha256"]),
                tuple((str(image["file"]), str(image["sha256"])) for image in header["images"]),
                Size(*header["size"]),
                Rule(str(header["rule"]["name"]), int(header["rule"]["version"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(_damaged(path)) from error
        if header["format"] != _FORMAT or header["sha256"] != found.sha256:
            raise CalibrationError(_damaged(path))
        return found

    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        values = np.array(list(self.activations.values()), np.float32).reshape(-1, 2)
        peaks = {_PEAKS + name: np.asarray(array, np.float32) for name, array in self.peaks.items()}
        biases = {_BIASES + name: np.asarray(array, np.float32) for name, array in self.biases.items()}
        return {_ACTIVATIONS: values, **peaks, **biases}


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {
        name.removeprefix(prefix): array.astype(np.float32, casting="same_kind")
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _damaged(path: Path) -> str:
    return f"{path} is damaged or no record of ranges: measure them again with 'east calibrate'"
