"""hOCR: well-formed, with the elements and properties of version 1.2."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html  # type: ignore[import-untyped]

from east import Detections
from east.export import to_hocr

from .conftest import LEVEL, TEXTS, results

INTEGERS = r"-?\d+(?: -?\d+)*"
PROPERTIES = {
    "bbox": r"\d+ \d+ \d+ \d+",
    "image": '"[^"]*"',
    "ppageno": r"\d+",
    "x_wconf": r"\d+",
    "textangle": r"-?\d+\.\d",
    "poly": INTEGERS,
}


def properties(element: html.HtmlElement) -> dict[str, str]:
    """What an element's title says; each property is known and well-formed."""
    pairs = dict(one.strip().split(" ", 1) for one in re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', element.get("title")))
    for name, value in pairs.items():
        assert re.fullmatch(PROPERTIES[name], value), (name, value)
    return pairs


def box(element: html.HtmlElement) -> tuple[int, ...]:
    return tuple(map(int, properties(element)["bbox"].split()))


def test_every_element_lies_within_its_parent_and_says_where(page: Detections) -> None:
    root = html.fromstring(to_hocr(page).encode())
    assert root.xpath("//meta[@name='ocr-system']/@content") == ["east-text-detector"]
    promised = root.xpath("//meta[@name='ocr-capabilities']/@content")[0].split()
    elements = root.xpath("//*[starts-with(@class, 'ocr')]")
    assert {element.get("class") for element in elements} == set(promised) - {"ocrp_poly"}
    assert "poly" in properties(elements[-1])
    assert "ocrp_poly" in promised
    assert len({element.get("id") for element in elements}) == len(elements)
    assert box(elements[0]) == (0, 0, 200, 190)
    for element in elements[1:]:
        left, top, right, bottom = box(element)
        outer = box(element.getparent())
        assert outer[0] <= left < right <= outer[2]
        assert outer[1] <= top < bottom <= outer[3]


def test_words_have_texts_confidences_quads_and_angles(page: Detections) -> None:
    root = html.fromstring(to_hocr(page).encode())
    words = root.xpath("//span[@class='ocrx_word']")
    assert [word.text or "" for word in words] == list(TEXTS)
    assert [properties(word)["x_wconf"] for word in words] == ["75"] * 4
    assert properties(words[1])["poly"] == "40 120 127 70 137 87 50 137"
    assert box(words[0]) == (20, 30, 120, 50)
    angles = [float(properties(line).get("textangle", "0")) for line in root.xpath("//span[@class='ocr_line']")]
    assert sorted(angles) == pytest.approx([-90, 0, 0, 30], abs=0.1)


def test_unread_words_are_empty_and_sure_to_be_words(unread: Detections) -> None:
    words = html.fromstring(to_hocr(unread).encode()).xpath("//span[@class='ocrx_word']")
    assert [word.text for word in words] == [None] * 4
    assert [properties(word)["x_wconf"] for word in words] == ["90", "80", "70", "60"]


@settings(max_examples=25, deadline=None)
@given(st.text(), st.text())
def test_any_text_and_any_name_leave_it_well_formed(text: str, name: str) -> None:
    document = to_hocr(results(LEVEL, np.add(LEVEL, 40), texts=(text, text)), name)
    root = etree.fromstring(document.encode(errors="surrogatepass"))
    assert len(root.xpath("//*[@class='ocrx_word']")) == 2
