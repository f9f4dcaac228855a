from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.postprocess import decode_quads, select_candidates
from east.training.data.dataset import ABSENT, IGNORED, TEXT
from east.training.data.labels import Targets, make_targets, minimum_area_rectangles, share_within, visible_share
from east.training.data.letters import encode_texts

SIDE = 128
Quad = NDArray[np.float32]
compiled_targets = tensorflow().function(make_targets)  # as in a training step, and much faster


def turned(x: float, y: float, width: float, height: float, angle: float) -> Quad:
    corners = np.asarray([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(corners @ np.asarray([[cos, -sin], [sin, cos]]) + (x, y), np.float32)


def targets_of(quads: list[Quad], kinds: list[int], texts: tuple[str, ...] | None = None, **options: float) -> Targets:
    codes = encode_texts(texts or [""] * len(quads))
    words = np.asarray([quads], np.float32), np.asarray([kinds], np.int32), codes[None]
    found = compiled_targets(*words, SIDE, SIDE, **options)
    return Targets(*(np.asarray(array)[0] for array in found))


def decoded(targets: Targets) -> NDArray[np.float32]:
    return decode_quads(select_candidates(targets.score, targets.geometry, 0.5))


def iou(a: Quad, b: Quad) -> float:
    first, second = shapely.Polygon(a), shapely.Polygon(b)
    return float(first.intersection(second).area / first.union(second).area)


centres = st.floats(40, 88)
angles = st.floats(-math.pi / 4 + 0.01, math.pi / 4 - 0.01)
shifts_of_corners = st.lists(st.floats(-4, 4), min_size=8, max_size=8)
coordinates = st.floats(0, 100).map(lambda value: round(value, 6))  # Shapely finds no area next to 1e-200


@settings(max_examples=40, deadline=None)
@given(centres, centres, st.floats(16, 70), st.floats(12, 40), angles)
def test_every_labelled_pixel_of_a_rectangle_decodes_into_it(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    quad = turned(x, y, width, height, angle)
    found = decoded(targets_of([quad], [TEXT]))
    assert len(found) > 0
    np.testing.assert_allclose(found, np.broadcast_to(quad, found.shape), atol=0.02)


@settings(max_examples=40, deadline=None)
@given(
    centres, centres, st.floats(24, 60), st.floats(14, 30), angles, st.lists(st.floats(-4, 4), min_size=8, max_size=8)
)
def test_a_word_in_perspective_decodes_into_its_smallest_rectangle(
    x: float, y: float, width: float, height: float, angle: float, shifts: list[float]
) -> None:
    quad = turned(x, y, width, height, angle) + np.asarray(shifts, np.float32).reshape(4, 2)
    assume(shapely.Polygon(quad).is_valid and shapely.Polygon(quad).convex_hull.area == shapely.Polygon(quad).area)
    found = decoded(targets_of([quad], [TEXT]))
    assert len(found) > 0
    smallest = shapely.Polygon(quad).minimum_rotated_rectangle.area
    for one in found:
        rectangle = shapely.Polygon(one)
        assert rectangle.buffer(0.05).covers(shapely.Polygon(quad))
        assert rectangle.area == pytest.approx(smallest, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4))
def test_the_rectangle_around_any_four_points_is_the_smallest(points: list[tuple[float, float]]) -> None:
    hull = shapely.MultiPoint(points).convex_hull
    assume(isinstance(hull, shapely.Polygon) and hull.area > 1)
    found = minimum_area_rectangles(np.asarray(points, np.float32))
    area = float(found.width * found.height)
    assert area == pytest.approx(hull.minimum_rotated_rectangle.area, rel=2e-3, abs=0.1)
    assert abs(float(found.angle)) <= math.pi / 4 + 1e-6


def test_where_words_overlap_the_smaller_wins() -> None:
    large, small = turned(64, 64, 100, 60, 0), turned(64, 64, 40, 20, 0)
    targets = targets_of([large, small], [TEXT, TEXT])
    assert targets.score[16, 16] == 1
    assert targets.geometry[16, 16] == pytest.approx([10, 20, 10, 20, 0], abs=1e-3)
    assert targets.geometry[16, 8] == pytest.approx([30, 82, 30, 18, 0], abs=1e-3)


@pytest.mark.parametrize("height", [5, 7, 9, 11])
@pytest.mark.parametrize("offset", [0.0, 1.0, 2.0, 3.0])
def test_a_tiny_word_keeps_a_pixel_wherever_it_lies(height: float, offset: float) -> None:
    quad = turned(64 + offset, 64 + offset, 4 * height, height, 0)
    assert targets_of([quad], [TEXT]).score.sum() > 0


def test_the_core_keeps_its_distance_from_every_side() -> None:
    targets = targets_of([turned(64, 64, 80, 40, 0)], [TEXT], shrink=0.3)
    rows, columns = np.nonzero(targets.score)
    assert (4 * rows.min(), 4 * rows.max()) == (56, 72)  # 44 + 12 … 84 - 12, as far as map points lie there
    assert (4 * columns.min(), 4 * columns.max()) == (36, 92)


def test_an_ignored_word_counts_neither_as_text_nor_as_background() -> None:
    targets = targets_of([turned(64, 64, 60, 30, 0.2)], [IGNORED])
    assert targets.score.sum() == 0
    assert targets.counted[16, 16] == 0
    assert targets.counted[2, 2] == 1


def test_text_on_an_ignored_word_counts() -> None:
    targets = targets_of([turned(64, 64, 100, 60, 0), turned(64, 64, 40, 20, 0)], [IGNORED, TEXT])
    assert targets.score[16, 16] == targets.counted[16, 16] == 1


def test_absent_words_leave_no_trace() -> None:
    targets = targets_of([turned(64, 64, 60, 30, 0), np.zeros((4, 2), np.float32)], [ABSENT, ABSENT])
    assert targets.score.sum() == 0
    assert targets.counted.all()


def test_a_word_beyond_the_border_is_labelled_as_far_as_it_is_seen() -> None:
    quad = turned(0, 64, 80, 30, 0)
    found = decoded(targets_of([quad], [TEXT]))
    np.testing.assert_allclose(found, np.broadcast_to(quad, found.shape), atol=0.02)
    assert float(visible_share(quad, SIDE, SIDE)) == pytest.approx(0.5, abs=0.07)


@settings(max_examples=60, deadline=None)
@given(
    centres, centres, st.floats(16, 70), st.floats(12, 40), st.floats(-math.pi, math.pi),
    st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(4, 90), st.floats(4, 90)),
)  # fmt: skip
def test_the_share_within_a_rectangle_is_one_of_area(
    x: float, y: float, width: float, height: float, angle: float, rectangle: tuple[float, float, float, float]
) -> None:
    quad, (left, top, across, down) = turned(x, y, width, height, angle), rectangle
    bounds = np.asarray([(left, top, left + across, top + down), (-500, -500, 500, 500)], np.float32)
    found, whole = np.asarray(share_within(np.stack([quad[None], quad[None]]), bounds))[:, 0]
    word, window = shapely.Polygon(quad), shapely.box(*bounds[0].tolist())
    corners = list(window.exterior.coords)
    cuts = sum(word.intersects(shapely.LineString(side)) for side in pairwise(corners))
    assert found == pytest.approx(word.intersection(window).area / word.area, abs=0.01 + cuts / 16)
    assert whole == 1


def test_a_pixel_is_read_as_the_letter_of_the_word_that_wins_it() -> None:
    large, small = turned(64, 64, 120, 80, 0), turned(64, 64, 40, 20, 0)
    targets = targets_of([large, small], [TEXT, TEXT], ("ab", "CD"))
    assert targets.letters[16, 8:24:2].tolist() == [1, 1, 1, 3, 4, 4, 2, 2]


@pytest.mark.parametrize(("kind", "text"), [(IGNORED, "ab"), (ABSENT, "ab"), (TEXT, "")])
def test_there_is_nothing_to_read_off_the_words_and_where_no_one_knows_what_they_say(kind: int, text: str) -> None:
    quad = turned(64, 64, 60, 40, 0.3)
    read, unread = targets_of([quad], [TEXT], ("ab",)), targets_of([quad], [kind], (text,))
    assert ((read.letters > 0) == (read.score > 0)).all()
    assert (read.certainty[read.score == 0] == 0).all()
    assert read.certainty.max() > 0.5
    assert not unread.letters.any()
    assert not unread.certainty.any()


def test_small_words_weigh_more_for_each_pixel() -> None:
    targets = targets_of([turned(32, 64, 40, 20, 0), turned(96, 64, 60, 80, 0)], [TEXT, TEXT])
    assert targets.weight[16, 8] == pytest.approx(1 / math.sqrt(800), rel=1e-4)
    assert targets.weight[16, 24] == pytest.approx(1 / math.sqrt(4800), rel=1e-4)


def test_perspective_quads_of_real_pictures_come_back(icdar_folder: object) -> None:
    from east.training.data.dataset import read_folder

    examples = read_folder(str(icdar_folder), numbers=range(1, 11))
    for example in examples:
        for quad in example.quads[example.legible]:
            local = quad - quad.mean(axis=0) + SIDE / 2
            if np.ptp(local, axis=0).max() > SIDE - 8:
                continue
            best = max(iou(one, local) for one in decoded(targets_of([local], [TEXT])))
            assert best > 0.6, f"{example.image.name}: {quad.tolist()}"
