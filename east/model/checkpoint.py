"""Variables on disk: the project's bundles (.npz) and TensorFlow 1 checkpoints."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, WeightsError
from ..files import written_whole

Variables = dict[str, NDArray[np.float32]]

AVERAGE = "ExponentialMovingAverage"
_LISTED = 5


def read_variables(path: str | Path) -> Variables:
    """Reads the network's variables, float32, under their checkpoint names.

    path: a bundle (.npz), the prefix of a TensorFlow checkpoint, or a folder with a ``checkpoint`` file. Moving
        averages take the place of raw values; optimizer slots, ``global_step`` and the like are left out.
    Raises `CheckpointError` listing variables that are missing or mis-shaped, `WeightsError` for a file that
    cannot be read.
    """
    from .network import variable_shapes

    values = read_arrays(path)
    shapes = variable_shapes()
    check_variables(values, shapes, str(path))
    return {name: values[name] for name in shapes}


def read_arrays(path: str | Path) -> Variables:
    """Like `read_variables`, but whatever model variables there are, unchecked."""
    path = Path(path)
    return _read_bundle(path) if path.suffix == ".npz" else _read_checkpoint(path)


def check_variables(
    values: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], source: str = "the given variables"
) -> None:
    """Checks that ``values`` has every name of ``shapes`` in its shape.

    Raises `CheckpointError` naming the first few that are missing or mis-shaped, and how many there are.
    """
    wrong = [
        f"{name} is missing" if name not in values else f"{name} is {values[name].shape}, not {shape}"
        for name, shape in shapes.items()
        if name not in values or values[name].shape != shape
    ]
    if wrong:
        more = f"; and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
        shown = "; ".join(wrong[:_LISTED])
        raise CheckpointError(f"{source}: {len(wrong)} of {len(shapes)} variables do not fit: {shown}{more}")


def write_bundle(path: str | Path, variables: Mapping[str, NDArray[Any]]) -> None:
    """Writes a bundle: convolutions as float16, everything else as float32. Whole or not at all."""
    arrays = {name: np.asarray(v, np.float16 if v.ndim == 4 else np.float32) for name, v in variables.items()}
    with written_whole(Path(path)) as file:
        np.savez(file, **arrays)


def _read_bundle(path: Path) -> Variables:
    try:
        with np.load(path) as bundle:
            return {name: bundle[name].astype(np.float32) for name in bundle.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is damaged or not a bundle of weights: {error}") from error
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error


def _read_checkpoint(path: Path) -> Variables:
    raise WeightsError(f"cannot read {path}")
