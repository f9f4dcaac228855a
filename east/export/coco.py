"""COCO's detection JSON, which annotation tools import and evaluation tools read (https://cocodataset.org/#format-data)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..geometry import signed_areas
from .layout import image_name

if TYPE_CHECKING:
    from ..detections import Detections


def to_coco(results: Iterable[Detections], names: Sequence[str] | None = None) -> dict[str, Any]:
    """The words of any number of images as one COCO dataset.

    Args:
        results: one for each image.
        names: of the images' files, as many; by default those of the files they were read from.

    Returns:
        what is to be written as JSON: ``images``, ``annotations`` and one category, ``word``. An annotation has the
        quad as ``segmentation``, the rectangle around it as ``bbox`` (left, top, width, height), both in pixels of the
        upright image, and besides what COCO asks for the ``score``, and the text as an attribute.

    Raises:
        ValueError: more or fewer names than results.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for found, name in named(results, names):
        number = len(images) + 1
        images.append({"id": number, "file_name": name, "width": found.width, "height": found.height})
        for box, (left, top, right, bottom) in zip(found, found.xyxy.astype(float).tolist(), strict=True):
            attributes = {} if box.text is None else {"attributes": {"text": box.text}}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": [_short(value) for value in (left, top, right - left, bottom - top)],
                    "area": _short(abs(float(signed_areas(box.quad)))),
                    "segmentation": [[_short(value) for value in box.quad.ravel().tolist()]],
                    "iscrowd": 0,
                    "score": round(float(box.score), 4),
                    **attributes,
                }
            )
    return {
        "info": {"description": "words found by east-text-detector"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "word", "supercategory": "text"}],
    }


def named(results: Iterable[Detections], names: Sequence[str] | None) -> list[tuple[Detections, str]]:
    """Results with the names of their images. Raises ``ValueError`` for more or fewer names than results."""
    every = list(results)
    if names is not None and len(names) != len(every):
        raise ValueError(f"there must be a name for each of the {len(every)} results, got {len(names)}")
    return [(found, image_name(found, None if names is None else names[at])) for at, found in enumerate(every)]


def _short(value: float) -> float:
    return round(value, 2)
