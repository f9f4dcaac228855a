"""Label Studio's JSON, for correcting boxes and texts by hand (https://labelstud.io/guide/predictions)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .coco import named

if TYPE_CHECKING:
    from ..detections import Detections
    from ..types import TextBox

LABEL_STUDIO_CONFIG = """<View>
  <Image name="image" value="$ocr"/>
  <Labels name="label" toName="image"><Label value="Text" background="green"/></Labels>
  <Polygon name="poly" toName="image" strokeWidth="2"/>
  <TextArea name="transcription" toName="image" editable="true" perRegion="true" required="false" maxSubmissions="1"
            rows="1" displayMode="region-list"/>
</View>
"""
"""The labelling interface that `to_label_studio` is made for: Settings, Labeling Interface, Code."""


def to_label_studio(
    results: Iterable[Detections], names: Sequence[str] | None = None, *, prefix: str = ""
) -> list[dict[str, Any]]:
    """The words of any number of images as tasks with predictions, to be corrected in Label Studio.

    Args:
        results: one for each image.
        names: of the images' files, as many; by default those of the files they were read from.
        prefix: what Label Studio finds the images under: ``https://…/`` or ``/data/local-files/?d=``.

    Returns:
        what is to be written as JSON and imported into a project with the interface `LABEL_STUDIO_CONFIG`.

    Raises:
        ValueError: more or fewer names than results.
    """
    tasks = []
    for found, name in named(results, names):
        regions = [region for at, box in enumerate(found) for region in _regions(f"word{at + 1}", box, found)]
        prediction: dict[str, Any] = {"model_version": found.weights, "result": regions}
        if len(found):
            prediction["score"] = round(float(found.scores.mean()), 4)
        tasks.append({"data": {"ocr": prefix + name}, "predictions": [prediction]})
    return tasks


def _regions(number: str, box: TextBox, found: Detections) -> list[dict[str, Any]]:
    """What is known of one word, three parts of one number: its place, its label, its text."""
    points = [[round(100 * x / found.width, 4), round(100 * y / found.height, 4)] for x, y in box.quad.tolist()]
    common = {
        "id": number,
        "to_name": "image",
        "original_width": found.width,
        "original_height": found.height,
        "image_rotation": 0,
        "score": round(float(box.score), 4),
    }
    place = {"points": points, "closed": True}
    parts = [
        {**common, "from_name": "poly", "type": "polygon", "value": place},
        {**common, "from_name": "label", "type": "labels", "value": {**place, "labels": ["Text"]}},
    ]
    if box.text is not None:
        text = {**place, "text": [box.text]}
        parts.append({**common, "from_name": "transcription", "type": "textarea", "value": text})
    return parts
