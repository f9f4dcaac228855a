"""The folder of a run: its configuration, its checkpoint, the weights so far."""

from __future__ import annotations

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...files import written_whole
from ...model.checkpoint import check_variables, write_bundle
from ..config import Config

CHECKPOINT, WEIGHTS, CONFIG = "checkpoint.npz", "weights.npz", "config.json"
Arrays = Mapping[str, NDArray[Any]]


class RunFolder:
    """Files of a run, each replaced as a whole, so that a run killed at any time can be resumed."""

    def __init__(self, path: str | Path) -> None:
        """Makes the folder."""
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def record(self, config: Config) -> None:
        """Writes the configuration."""
        with written_whole(self.path / CONFIG) as file:
            file.write(json.dumps(dataclasses.asdict(config), indent=2).encode())

    def changes(self, config: Config) -> list[str]:
        """What is different from the configuration on record, ``name=value`` each."""
        file = self.path / CONFIG
        if not file.is_file():
            return []
        before = _flat(json.loads(file.read_text(encoding="utf-8")))
        after = _flat(json.loads(json.dumps(dataclasses.asdict(config))))
        return [f"{name}={value}" for name, value in after.items() if before.get(name) != value]

    def save(self, step: int, state: Arrays, weights: Arrays) -> None:
        """Writes the checkpoint after ``step`` steps, and the averaged weights as a bundle."""
        with written_whole(self.path / CHECKPOINT) as file:
            np.savez(file, step=np.asarray(step), **state)
        write_bundle(self.path / WEIGHTS, weights)

    def load(self) -> tuple[int, dict[str, NDArray[Any]]]:
        """Reads the steps done and the state of the checkpoint; 0 and nothing where there is none.

        Raises:
            CheckpointError: for a file that is none.
        """
        path = self.path / CHECKPOINT
        if not path.is_file():
            return 0, {}
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                return int(arrays["step"]), {name: arrays[name] for name in arrays.files if name != "step"}
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise CheckpointError(f"{path} is no training checkpoint, delete it to start anew: {error}") from error

    def check(self, state: Arrays, expected: Arrays) -> None:
        """Raises CheckpointError where a loaded ``state`` is not of the form that the run's own has."""
        try:
            check_variables(state, {name: value.shape for name, value in expected.items()}, "it")
        except CheckpointError as error:
            raise CheckpointError(
                f"{self.path / CHECKPOINT} is of another configuration or Keras backend, "
                f"use another folder or delete it to start anew: {error}"
            ) from error


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
