"""What weights are scored on kind by kind: the pictures, and the sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.geometry import angles, heights
from east.icdar import DONT_CARE
from east.options import EVALUATION_SIZE
from east.training.data.dataset import read_folder
from east.training.synth.pages import draws
from east.training.validation.cases import Case, by_kind, detected, numbers, score, table, truth
from east.training.validation.drawn import KINDS, drawn
from east.training.validation.views import VIEWS, views

RED_WORD = np.asarray([[150, 60], [210, 60], [210, 80], [150, 80]], np.float32)


@pytest.fixture(scope="module")
def pages() -> dict[str, Case]:
    return {case.kind: case for case in drawn(1)}


def test_every_kind_is_drawn_on_pages_of_the_evaluations_size(pages: dict[str, Case]) -> None:
    assert list(pages) == list(KINDS)
    assert {case.image.shape for case in pages.values()} == {(*EVALUATION_SIZE, 3)}
    assert {kind for kind, case in pages.items() if not len(case.truth.quads)} == {"blank", "textures"}


def test_pages_are_the_same_whatever_else_is_drawn(pages: dict[str, Case]) -> None:
    kind = "stacked letters"
    image, quads = KINDS[kind](next(draws(f"validation, {kind}", 1)))
    np.testing.assert_array_equal(image, pages[kind].image)
    np.testing.assert_array_equal(np.rint(quads), pages[kind].truth.quads)


@pytest.mark.parametrize(("low", "high"), [(42, 48), (60, 90)])
def test_words_lie_as_their_kind_says(pages: dict[str, Case], low: int, high: int) -> None:
    found = np.abs(angles(pages[f"turned by {low} to {high} degrees"].truth.quads))
    assert len(found)
    assert ((found > low - 2) & (found < high + 2)).all()  # corners are in whole pixels


def test_large_words_are_large_and_whole(pages: dict[str, Case]) -> None:
    case = pages["350 to 600 px"]
    assert not case.truth.dont_care.any()
    assert (heights(case.truth.quads) > 300).all()
    assert (case.truth.quads >= 0).all()
    assert (case.truth.quads <= EVALUATION_SIZE[::-1]).all()


def test_views_show_words_where_their_quads_are(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 90, np.uint8)
    image[60:80, 150:210] = 255, 0, 0
    Image.fromarray(image).save(tmp_path / "img_1.png")
    corners = ",".join(str(int(c)) for c in RED_WORD.ravel())
    (tmp_path / "gt_img_1.txt").write_text(f"{corners},red\n0,0,30,0,30,10,0,10,{DONT_CARE}\n", encoding="utf-8")
    cases = list(views(read_folder(tmp_path), 4))
    assert [case.kind for case in cases] == list(VIEWS)
    for case, (zoom, degrees) in zip(cases, VIEWS.values(), strict=True):
        (word,) = case.truth.quads[~case.truth.dont_care]
        assert angles(word) == pytest.approx(degrees, abs=2)
        assert heights(word) == pytest.approx(20 * zoom, abs=2)
        rows, columns = np.nonzero((case.image[..., 0] > 200) & (case.image[..., 1] < 60))
        np.testing.assert_allclose([columns.mean(), rows.mean()], word.mean(axis=0), atol=1.5)


def test_kinds_are_counted_apart() -> None:
    word = RED_WORD[None]
    image = np.zeros((240, 320, 3), np.uint8)
    cases = [
        Case("words", image, truth(word, ["one"])),
        Case("blank", image, truth(word[:0], [])),
        Case("words", image, truth(word, ["two"])),
    ]
    found = by_kind(cases, score(cases, [detected(word), detected(word), detected(word[:0])]))
    assert list(found) == ["words", "blank"]
    assert found["words"].pictures == 2
    assert (found["words"].counts.recall, found["words"].counts.precision) == (0.5, 1.0)
    assert (found["words"].false_alarms, found["blank"].false_alarms) == (0, 1)
    assert numbers(found) == {"F1, words": pytest.approx(2 / 3), "false alarms, blank": 1}
    rows = table(found).splitlines()
    assert [cell.strip() for cell in rows[2].split("|")[1:-1]] == ["words", "2", "2", "0.500", "1.000", "0.667", "0"]
    assert [cell.strip() for cell in rows[3].split("|")[1:-1]] == ["blank", "1", "0", "-", "-", "-", "1"]
