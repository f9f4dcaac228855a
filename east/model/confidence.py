"""The record of a confidence curve: which probability a score stands for in a set of weights, and how that is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CalibrationError
from ..files import written_whole
from ..postprocess.confidence import ConfidenceCurve

SUFFIX = ".confidence.json"
"""What follows the stem of a file of weights in the name of the file with its curve."""

_FORMAT = 1


@dataclass(frozen=True)
class Confidence:
    """The curve of one set of weights.

    Attributes:
        curve: from the highest score in a word's core to a probability.
        weights_sha256: of the weights that it is for, as `ModelSource` has it.
        fitted: how it was found, as JSON values: with which weights and options, on which images, of how many boxes.
    """

    curve: ConfidenceCurve
    weights_sha256: str
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def of(self, weights_sha256: str) -> Confidence:
        """The same curve for other weights, whose scores mean the same."""
        return replace(self, weights_sha256=weights_sha256)

    def as_dict(self) -> dict[str, Any]:
        return {"slope": self.curve.slope, "shift": self.curve.shift, "fitted": dict(self.fitted)}

    def save(self, path: str | Path) -> None:
        """Writes JSON, whole or not at all."""
        content = {"format": _FORMAT, "weights_sha256": self.weights_sha256, **self.as_dict()}
        with written_whole(Path(path)) as file:
            file.write((json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> Confidence:
        """Reads what `save` wrote. Raises `CalibrationError` for a file that is damaged, or something else."""
        path = Path(path)
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']!r}")
            curve = ConfidenceCurve(float(content["slope"]), float(content["shift"]))
            return cls(curve, str(content["weights_sha256"]), dict(content["fitted"]))
        except OSError as error:
            raise CalibrationError(f"cannot read the confidence curve {path}: {error.strerror or error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                f"{path} is damaged or no confidence curve: fit one with 'python -m eval calibrate'"
            ) from error
