"""COCO and Label Studio: what annotation tools import."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from shapely import Polygon

from east import Detections
from east.export import LABEL_STUDIO_CONFIG, to_coco, to_label_studio

from .conftest import LEVEL, TEXTS, TURNED, results


def test_coco_refers_to_images_and_categories_that_are_there(page: Detections, unread: Detections) -> None:
    coco = json.loads(json.dumps(to_coco([page, results(), unread]), allow_nan=False))
    assert [image["id"] for image in coco["images"]] == [1, 2, 3]
    assert coco["images"][0] == {"id": 1, "file_name": "scan 1.jpg", "width": 200, "height": 190}
    assert [one["id"] for one in coco["annotations"]] == list(range(1, 9))
    assert [one["image_id"] for one in coco["annotations"]] == [1] * 4 + [3] * 4
    assert {one["category_id"] for one in coco["annotations"]} == {one["id"] for one in coco["categories"]}
    assert [one["attributes"]["text"] for one in coco["annotations"][:4]] == list(TEXTS)
    assert all("attributes" not in one for one in coco["annotations"][4:])


def test_coco_boxes_and_areas_are_those_of_the_polygons() -> None:
    for one in to_coco([results(LEVEL, TURNED)])["annotations"]:
        polygon = Polygon(np.reshape(one["segmentation"][0], (4, 2)))
        left, top, width, height = one["bbox"]
        assert (left, top, left + width, top + height) == pytest.approx(polygon.bounds, abs=0.02)
        assert one["area"] == pytest.approx(polygon.area, rel=1e-3)


def test_names_are_as_many_as_results(page: Detections) -> None:
    for write in (to_coco, to_label_studio):
        with pytest.raises(ValueError, match="a name for each of the 1 results, got 2"):
            write([page], ["a.jpg", "b.jpg"])
    assert to_coco([page], ["b.jpg"])["images"][0]["file_name"] == "b.jpg"


def controls() -> dict[str, str]:
    """The names of the interface's controls with their kinds."""
    kinds = {"Polygon": "polygon", "Labels": "labels", "TextArea": "textarea"}
    root = ElementTree.fromstring(LABEL_STUDIO_CONFIG)  # noqa: S314
    return {one.get("name", ""): kinds[one.tag] for one in root.iter() if one.tag in kinds}


def test_label_studio_fills_the_controls_of_its_interface(page: Detections) -> None:
    [task] = to_label_studio([page], prefix="/data/local-files/?d=")
    root = ElementTree.fromstring(LABEL_STUDIO_CONFIG)  # noqa: S314
    image = next(root.iter("Image"))
    assert task["data"] == {str(image.get("value")).lstrip("$"): "/data/local-files/?d=scan 1.jpg"}
    [prediction] = task["predictions"]
    words: dict[str, list[dict[str, Any]]] = {}
    for region in prediction["result"]:
        assert controls()[region["from_name"]] == region["type"]
        assert region["to_name"] == image.get("name")
        words.setdefault(region["id"], []).append(region)
    assert [[part["type"] for part in parts] for parts in words.values()] == [["polygon", "labels", "textarea"]] * 4
    for parts, box, text in zip(words.values(), page, TEXTS, strict=True):
        assert parts[2]["value"]["text"] == [text]
        for part in parts:
            points = np.array(part["value"]["points"]) / 100 * (part["original_width"], part["original_height"])
            np.testing.assert_allclose(points, box.quad, atol=1e-3)


def test_label_studio_takes_unread_words_and_pages_without_words(unread: Detections) -> None:
    first, second = to_label_studio([unread, results()])
    assert {region["type"] for region in first["predictions"][0]["result"]} == {"polygon", "labels"}
    assert second["predictions"] == [{"model_version": "w", "result": []}]
