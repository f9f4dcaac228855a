"""What a conversion did to the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "report.json"


@dataclass(frozen=True)
class ConversionReport:
    """Kept beside the converted model.

    Attributes:
        before: operations by kind in the frozen graph.
        after: the same in what the runtime is given.
        engines: how many parts of the graph the runtime takes over as a whole, to compile them its own way.
        converted: share of the operations in those parts, 0..1.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]
    engines: int
    converted: float

    def save(self, folder: Path) -> None:
        """Writes the report into the folder of a converted model."""
        (folder / _NAME).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ConversionReport:
        """Reads what `save` wrote."""
        return cls(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
