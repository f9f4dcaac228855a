from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from east.images.tiling import tiles_of
from east.options import DetectorOptions
from east.postprocess import extract_boxes, select_candidates, stitch
from east.types import Candidates, Size, Tiles
from tests.support.plain_nms import plain_iou
from tests.support.words import WORDS, Array32, Word, candidates_of, draw_maps, f32

TILES = tiles_of(Size(640, 1568), DetectorOptions(tiling=640))
BOTH = tiles_of(Size(896, 928), DetectorOptions(tiling=640))


def seen(word: Word, top: float, left: float, size: Size) -> list[Word]:
    """What a tile shows of a word: up to where its middle line leaves the tile."""
    along, _ = word.axes()
    ends = [-word.width / 2, word.width / 2]
    for centre, slope, least, most in (
        (word.x, along[0], left, left + size.width),
        (word.y, along[1], top, top + size.height),
    ):
        if abs(slope) < 1e-9:
            if not least < centre < most:
                return []
            continue
        limits = sorted([(least - centre) / slope, (most - centre) / slope])
        ends = [max(ends[0], limits[0]), min(ends[1], limits[1])]
    if ends[1] - ends[0] < 0.5 * word.height:
        return []
    x, y = np.array([word.x, word.y]) + along * sum(ends) / 2
    return [Word(x - left, y - top, ends[1] - ends[0], word.height, word.angle)]


def parts_of(words: list[Word], tiles: Tiles, noise: float = 0.03) -> list[Candidates]:
    """The candidates of every tile, each of which shows parts of the words as if they were whole."""
    rng = np.random.default_rng(0)
    shown = [[part for word in words for part in seen(word, *corner, tiles.tile)] for corner in tiles.corners]
    return [select_candidates(*draw_maps(some, tiles.tile, rng, noise), 0.8) for some in shown]


def found(words: list[Word], tiles: Tiles, noise: float = 0.03) -> Array32:
    quads, _ = extract_boxes(stitch(parts_of(words, tiles, noise), tiles), 0.2, 0.1)
    return quads


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([TILES, BOTH]),
    st.lists(
        st.tuples(st.floats(-140, 140), st.floats(0, 1), st.floats(20, 110), st.floats(12, 36), st.floats(-0.6, 0.6)),
        min_size=1,
        max_size=4,
    ),
)
def test_words_on_seams_are_found_once_and_whole(
    tiles: Tiles, drawn: list[tuple[float, float, float, float, float]]
) -> None:
    seams = sorted({left for _, left in tiles.corners})[1:]
    words = []
    for number, (offset, share, width, height, angle) in enumerate(drawn):
        y = 80 + (number + share / 4) * (tiles.image.height - 160) / 4
        words.append(Word(seams[number % len(seams)] + 80 + offset, y, max(width, height), height, angle))
    assume(all(abs(a.y - b.y) > 100 for k, a in enumerate(words) for b in words[:k]))
    quads = found(words, tiles)
    assert len(quads) == len(words)
    for word in words:
        assert max(plain_iou(word.quad(), quad) for quad in quads) > 0.8


@settings(deadline=None, max_examples=20)
@given(st.floats(200, 500), st.floats(-100, 100), st.floats(-0.1, 0.1))
def test_what_no_tile_sees_whole_is_joined(width: float, offset: float, angle: float) -> None:
    seam = TILES.corners[1][1] + 80
    word = Word(seam + offset, 300, width, 24, angle)
    quads = found([word], TILES, noise=0.003)
    assert len(quads) == 1
    assert plain_iou(word.quad(), quads[0]) > 0.85


@pytest.mark.parametrize("number", [0, 1])
def test_tiles_may_name_the_sides_of_a_word_differently(number: int) -> None:
    word = Word(TILES.corners[1][1] + 80, 320, 780, 30, np.pi / 4)
    parts = parts_of([word], TILES, noise=0)
    seen = parts[number].geometry
    named = np.c_[np.roll(seen[:, :4], -1, axis=1), seen[:, 4] - np.float32(np.pi / 2)]
    parts[number] = parts[number]._replace(geometry=named)
    quads, _ = extract_boxes(stitch(parts, TILES), 0.2, 0.1)
    assert len(quads) == 1
    assert plain_iou(word.quad(), quads[0]) > 0.99


def test_the_map_of_the_whole_comes_from_where_it_is_seen_best() -> None:
    parts = []
    for number, _ in enumerate(BOTH.corners):
        height, width = (side // 4 for side in BOTH.tile)
        score = np.full((height, width), 0.1 * (number + 1), np.float32)
        parts.append(select_candidates(score, np.zeros((height, width, 5), np.float32), 0.8))
    whole = stitch(parts, BOTH).score_map
    assert whole.shape == (896 // 4, 928 // 4)
    assert_array_equal(np.unique(whole), f32(0.1, 0.2, 0.3, 0.4))
    assert_array_equal(whole[[0, 0, -1, -1], [0, -1, 0, -1]], f32(0.1, 0.2, 0.3, 0.4))
    middle = np.flatnonzero(np.diff(whole[0]))
    start, end = BOTH.corners[1][1], BOTH.tile.width
    assert abs(4 * (middle[0] + 1) - (start + end) / 2) <= 4


def test_candidates_stay_row_by_row_and_single() -> None:
    whole = stitch(parts_of([Word(TILES.corners[1][1] + 80, 100, 100, 40, 0.2)], TILES), TILES)
    index = whole.pixels[:, 0] * whole.score_map.shape[1] + whole.pixels[:, 1]
    assert (np.diff(index) > 0).all()
    assert (whole.score_map[tuple(whole.pixels.T)] > 0.8).all()


@pytest.mark.parametrize("seed", range(2))
def test_one_tile_is_the_whole(seed: int) -> None:
    candidates = candidates_of(WORDS, seed)
    assert stitch([candidates], Tiles(Size(256, 384), Size(256, 384), ((0, 0),))) is candidates
