"""The protocol against the official figures, against a plain reference, and by its properties."""

from __future__ import annotations

import json
from fractions import Fraction
from math import cos, sin
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from east.icdar import Detected, GroundTruth, parse_detected, parse_ground_truth
from east.metrics import Score, harmonic_mean, match, measure, ratio, score

Quad = list[int]

# Figures of the competition's own script (version 1.1 of its functions, Polygon3 3.0.9) for `submission(seed)`.
OFFICIAL = json.loads(Path(__file__).with_name("official_scores.json").read_text())


def submission(seed: int) -> tuple[dict[str, str], dict[str, str], bool]:
    """Ground truths and results by image number, and whether the results have confidences.

    Only ``Random.random`` is used, which gives the same numbers in every version of Python.
    """
    random = Random(seed).random
    confidences, noise, invented = random() < 0.5, random() * 14, random() * 4
    truths, results = {}, {}
    for number in range(1, 3 + int(random() * 10)):
        words = [_quad(random) for _ in range(int(random() * 9))]
        texts = ["###" if random() < 0.35 else "word" for _ in words]
        truths[str(number)] = "\r\n".join(f"{_line(q)},{t}" for q, t in zip(words, texts, strict=True))
        found = [_clockwise([v + int((random() - 0.5) * noise) for v in q]) for q in words if random() < 0.85]
        found += [_clockwise([v + int((random() - 0.5) * noise) for v in q]) for q in words if random() < 0.25]
        found += [_quad(random) for _ in range(int(random() * invented))]
        if random() < 0.95:
            results[str(number)] = "\n".join(_line(q) + (f",{random():.12f}" if confidences else "") for q in found)
    return truths, results, confidences


def _quad(random: Any) -> Quad:
    x, y, w, h, kind = random() * 500, random() * 300, 8 + random() * 90, 5 + random() * 35, random()
    if kind < 0.3:
        return [int(v) for v in (x, y, x + w, y, x + w, y + h, x, y + h)]
    if kind < 0.8:
        turn = (random() - 0.5) * 2
        corners = ((-w, -h), (w, -h), (w, h), (-w, h))
        return _clockwise(
            [
                int(v)
                for a, b in corners
                for v in (x + (a * cos(turn) - b * sin(turn)) / 2, y + (a * sin(turn) + b * cos(turn)) / 2)
            ]
        )
    return _clockwise([int((x, y)[i % 2] + random() * w) for i in range(8)])  # any shape, also crossing itself


def _clockwise(q: Quad) -> Quad:
    turns = sum((q[i] - q[i - 2]) * (q[i + 1] + q[i - 1]) for i in range(0, 8, 2))
    return q if turns <= 0 else [*q[0:2], *q[6:8], *q[4:6], *q[2:4]]


def _line(q: Quad) -> str:
    return ",".join(map(str, q))


def evaluate(truths: dict[str, str], results: dict[str, str], confidences: bool) -> Score:
    return score(
        {key: parse_ground_truth(text.encode(), key) for key, text in truths.items()},
        {key: parse_detected(text.encode(), key, confidences=confidences) for key, text in results.items()},
    )


@pytest.mark.parametrize("seed", range(len(OFFICIAL)))
def test_agrees_with_the_official_script(seed: int) -> None:
    found = evaluate(*submission(seed))
    figures = [found.precision, found.recall, found.hmean, found.ap]
    assert figures == pytest.approx(OFFICIAL[seed], abs=1e-12, rel=0)


# --- a plain reference: exact rational areas, one loop per sentence of the protocol -------------------------------

Point = tuple[Fraction, Fraction]


def area(shape: list[Point]) -> Fraction:
    return (
        abs(sum((a[0] * b[1] - b[0] * a[1] for a, b in zip(shape, shape[1:] + shape[:1], strict=True)), Fraction())) / 2
    )


def common(shape: list[Point], window: list[Point]) -> Fraction:
    """Area that two convex clockwise polygons share: the one cut along the sides of the other."""
    for a, b in zip(window, window[1:] + window[:1], strict=True):
        sides = [(b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) for p in shape]
        cut: list[Point] = []
        for i, (p, s) in enumerate(zip(shape, sides, strict=True)):
            before, t = shape[i - 1], sides[i - 1]
            if s * t < 0:
                cut.append((before[0] + (p[0] - before[0]) * t / (t - s), before[1] + (p[1] - before[1]) * t / (t - s)))
            if s >= 0:
                cut.append(p)
        shape = cut
    return area(shape) if shape else Fraction()


def points(q: Quad) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in zip(q[::2], q[1::2], strict=True)]


def reference(words: list[Quad], ignored: list[bool], found: list[Quad]) -> tuple[list[tuple[int, int]], list[int]]:
    """Matches and detections set aside of one image."""
    set_aside = []
    for j, detection in enumerate(found):
        for word, ignore in zip(words, ignored, strict=True):
            if ignore and 2 * common(points(word), points(detection)) > area(points(detection)):
                set_aside.append(j)
                break
    pairs: list[tuple[int, int]] = []
    for i, word in enumerate(words):
        for j, detection in enumerate(found):
            taken = any(i == a or j == b for a, b in pairs)
            if ignored[i] or j in set_aside or taken:
                continue
            shared = common(points(word), points(detection))
            union = area(points(word)) + area(points(detection)) - shared
            if union and 2 * shared > union:
                pairs.append((i, j))
    return pairs, set_aside


@st.composite
def convex_quads(draw: st.DrawFn) -> Quad:
    """A parallelogram on a coarse grid, so that many overlap by exactly a half."""
    x, y = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    w, h, lean, rise = (draw(st.integers(a, b)) for a, b in ((1, 9), (1, 9), (-3, 3), (-3, 3)))
    quad = [x, y, x + w, y + rise, x + w + lean, y + rise + h, x + lean, y + h]
    return quad if w * h - rise * lean > 0 else [x, y, x + w, y, x + w, y + h, x, y + h]


@given(st.lists(st.tuples(convex_quads(), st.booleans()), max_size=6), st.lists(convex_quads(), max_size=6))
@settings(max_examples=300)
def test_agrees_with_the_reference(words: list[tuple[Quad, bool]], found: list[Quad]) -> None:
    quads, ignored = [quad for quad, _ in words], [ignore for _, ignore in words]
    truth = GroundTruth(stacked(quads), tuple("###" if ignore else "word" for ignore in ignored))
    result = score({"1": truth}, {"1": Detected(stacked(found))}).images["1"]
    pairs, set_aside = reference(quads, ignored, found)
    assert list(result.pairs) == pairs
    assert list(result.set_aside) == set_aside
    assert result.counts.words == ignored.count(False)
    assert result.counts.detections == len(found) - len(set_aside)


def stacked(quads: list[Quad]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(quads, np.int32).reshape(-1, 4, 2)


# --- properties ---------------------------------------------------------------------------------------------------

WORD = [0, 0, 40, 0, 40, 20, 0, 20]
FAR = [500, 500, 540, 500, 540, 520, 500, 520]


def one_image(words: list[Quad], texts: list[str], found: list[Quad], confidences: list[float] | None = None) -> Score:
    detected = (
        Detected(stacked(found)) if confidences is None else Detected.ranked(stacked(found), np.array(confidences))
    )
    return score({"1": GroundTruth(stacked(words), tuple(texts))}, {"1": detected})


def test_iou_of_a_half_is_not_enough() -> None:
    third = [v + (40 // 4 if i % 2 == 0 else 0) for i, v in enumerate(WORD)]  # 30 of 50 shared
    assert one_image([WORD], ["a"], [third]).hmean == 1
    wide = [0, 0, 30, 0, 30, 20, 0, 20]
    moved = [10, 0, 40, 0, 40, 20, 10, 20]  # 20 of 40 shared
    assert one_image([wide], ["a"], [moved]).hmean == 0


def test_a_detection_half_in_a_dont_care_word_still_counts() -> None:
    half_in = [20, 0, 60, 0, 60, 20, 20, 20]
    assert one_image([WORD], ["###"], [half_in]).counts.detections == 1
    assert one_image([WORD], ["###"], [[19, *half_in[1:6], 19, 20]]).counts.detections == 0


def test_two_dont_care_words_do_not_add_up() -> None:
    left, right = [0, 0, 20, 0, 20, 20, 0, 20], [20, 0, 40, 0, 40, 20, 20, 20]
    assert one_image([left, right], ["###", "###"], [WORD]).counts.detections == 1


def test_a_dont_care_word_is_no_match_and_no_miss() -> None:
    result = one_image([WORD, FAR], ["###", "a"], [WORD, FAR])
    assert (result.recall, result.precision, result.counts.words) == (1, 1, 1)


def test_each_word_takes_the_first_detection_that_fits() -> None:
    near = [1, 0, 41, 0, 41, 20, 1, 20]
    result = one_image([WORD], ["a"], [near, WORD])
    assert result.images["1"].pairs == ((0, 0),)
    assert result.precision == 0.5
    assert one_image([WORD], ["a"], [near, WORD], [0.2, 0.9]).images["1"].pairs == ((0, 0),)


def test_average_precision_ranks_over_all_images() -> None:
    truth = GroundTruth(stacked([WORD]), ("a",))
    hit, alarm = stacked([WORD]), stacked([FAR])
    detected = {
        "1": Detected(hit, np.array([0.5])),
        "2": Detected(alarm, np.array([0.7])),
        "3": Detected(hit, np.array([0.9])),
    }
    assert score(dict.fromkeys("123", truth), detected).ap == pytest.approx((1 / 1 + 2 / 3) / 3)


def test_no_confidences_no_average_precision() -> None:
    assert one_image([WORD], ["a"], [WORD]).ap == 0


def test_images_without_words() -> None:
    empty = one_image([], [], [])
    assert (empty.recall, empty.precision, empty.hmean) == (0, 0, 0)
    assert (empty.images["1"].recall, empty.images["1"].precision, empty.images["1"].hmean) == (1, 1, 1)
    alarm = one_image([], [], [WORD], [0.5]).images["1"]
    assert (alarm.recall, alarm.precision, alarm.hmean, alarm.ap) == (1, 0, 0, 0)


def test_an_image_that_is_not_in_the_submission_has_no_detections() -> None:
    truth = GroundTruth(stacked([WORD]), ("a",))
    assert score({"1": truth, "2": truth}, {"1": Detected(stacked([WORD]))}).recall == 0.5


@pytest.mark.parametrize("shape", [[5, 5] * 4, [0, 0, 40, 20, 0, 0, 40, 20], [0, 0, 0, 0, 40, 0, 40, 0]])
def test_quads_without_area_match_nothing(shape: Quad) -> None:
    result = one_image([shape, WORD], ["a", "###"], [shape])
    assert result.counts.matched == 0
    assert result.counts.detections == 1


def test_the_lobes_of_a_crossing_quad_cancel() -> None:
    crossing = [0, 0, 40, 20, 40, 0, 0, 20]
    overlaps = measure(GroundTruth(stacked([WORD]), ("a",)), Detected(stacked([crossing])))
    assert overlaps.iou[0, 0] == pytest.approx(400 / (800 + 0 - 400))


def test_huge_coordinates() -> None:
    edge = 2**31 - 1
    whole = [-edge, -edge, edge, -edge, edge, edge, -edge, edge]
    assert one_image([whole], ["a"], [whole, WORD]).counts.matched == 1


def test_matching_can_be_limited() -> None:
    overlaps = measure(GroundTruth(stacked([WORD]), ("a",)), Detected(stacked([WORD, WORD])))
    assert match(overlaps) == ((0, 0),)
    assert match(overlaps, np.array([False, True])) == ((0, 1),)


def test_means_and_ratios_of_arrays_are_those_of_their_elements() -> None:
    values = np.array([0.0, 0.25, 0.5, 1.0])
    a, b = (grid.ravel() for grid in np.meshgrid(values, values))
    for function in (ratio, harmonic_mean):
        assert function(a, b).tolist() == [function(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert [ratio(3, 4), ratio(3, 0), harmonic_mean(0.0, 0.0), harmonic_mean(1, 0.5)] == [0.75, 0, 0, 2 / 3]
    assert isinstance(harmonic_mean(0.5, 0.5), float)
