"""What the tests of the exports share: a page that has everything, and the schemas that documents must follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree  # type: ignore[import-untyped]

from east import Detections, Precision, TextBox, Timings

DATA = Path(__file__).parent.parent / "data"
LEVEL = [(20, 30), (120, 30), (120, 50), (20, 50)]
TURNED = [(40, 120), (126.6, 70), (136.6, 87.3), (50, 137.3)]  # 30 degrees, climbing
DOWNWARDS = [(190, 20), (190, 120), (170, 120), (170, 20)]
CUT_OFF = [(-8, 160), (200, 161), (200, 181), (-9, 180)]
PICTURE = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 190, axis=0).repeat(3, axis=2)
"""Uint8 RGB ``(190, 200, 3)``, lighter to the right."""
TEXTS = ("Café & <Bar>", "\u4e2d\u6587 \U0001f600", "down", "")


def results(*quads: Any, texts: tuple[str | None, ...] = (), **fields: Any) -> Detections:
    """A result with `PICTURE`."""
    boxes = tuple(
        TextBox(np.array(quad, np.float32), 0.9 - 0.1 * at, *((texts[at], 0.75) if texts else ()))
        for at, quad in enumerate(quads)
    )
    told: dict[str, Any] = {"width": 200, "height": 190, "runtime": "openvino", "precision": Precision.FP32}
    told |= {"timings": Timings(), "image": PICTURE, "weights": "w", "source": "in/scan 1.jpg"}
    return Detections(boxes, **{**told, **fields})


@pytest.fixture
def page() -> Detections:
    """Level, turned, vertical and cut-off words with all kinds of texts."""
    return results(LEVEL, TURNED, DOWNWARDS, CUT_OFF, texts=TEXTS)


@pytest.fixture
def unread() -> Detections:
    """The same words, which nobody has read."""
    return results(LEVEL, TURNED, DOWNWARDS, CUT_OFF)


class _Local(etree.Resolver):  # type: ignore[misc]
    """Finds the schema that ALTO's imports in this folder, and nothing anywhere else."""

    def resolve(self, url: str, public_id: str, context: object) -> object:
        return self.resolve_filename(str(DATA / Path(url).name), context)


def schema(name: str) -> Any:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    return etree.XMLSchema(etree.parse(str(DATA / name), parser))
