from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.training.config import Augmentation
from east.training.data.augment import Words
from east.training.data.cutmix import NUMBERS_PER_PATCH, Patches
from east.training.data.dataset import ABSENT, IGNORED, MOST_WORDS, TEXT
from east.training.data.labels import Targets, make_targets
from east.training.data.letters import LETTER_CLASSES, encode_texts
from east.types import STRIDE

CROP = 128
ALWAYS = Augmentation(crop=CROP, cutmix=1.0, visible=0.6)
NEVER = replace(ALWAYS, cutmix=0.0)

Array32 = NDArray[np.float32]
batches = st.integers(2, 9)
seeds = st.integers(0, 2**32 - 1)


def noise_of(seed: int, count: int) -> Array32:
    return np.random.default_rng(seed).random((count, NUMBERS_PER_PATCH), np.float32)


def patches_of(seed: int, count: int, how: Augmentation = ALWAYS) -> tuple[Patches, NDArray[np.int64]]:
    """Patches, and their rectangles in whole pixels."""
    patches = Patches(noise_of(seed, count), how)
    return patches, np.asarray(patches.rectangles).astype(int)


def givers_of(patches: Patches, rectangles: NDArray[np.int64]) -> list[int]:
    """For each view the one that its patch is made of."""
    numbered = np.ones((CROP, CROP, 3), np.float32) * np.arange(len(rectangles), dtype=np.float32)[:, None, None, None]
    shown = np.asarray(patches.paste(numbered))
    return [int(view[top, left, 0]) for view, (left, top, _, _) in zip(shown, rectangles, strict=True)]


def random_targets(rng: np.random.Generator, count: int) -> Targets:
    score, counted, weight, sure = rng.random((4, count, CROP // STRIDE, CROP // STRIDE), np.float32)
    geometry = rng.random((*score.shape, 5), np.float32)
    letters = rng.integers(LETTER_CLASSES + 1, size=score.shape, dtype=np.int32)
    word = rng.integers(MOST_WORDS, size=score.shape, dtype=np.int32)
    return Targets(score, geometry, counted, weight, letters, sure, word)


def pasted(
    hosts: NDArray[np.generic], guests: NDArray[np.generic], rectangles: NDArray[np.int64], givers: list[int]
) -> NDArray[np.generic]:
    """What views or maps become, rectangle by rectangle."""
    expected = hosts.copy()
    for view, giver, (left, top, right, bottom) in zip(expected, givers, rectangles, strict=True):
        view[top:bottom, left:right] = guests[giver, top:bottom, left:right]
    return expected


def across_an_edge(rectangle: NDArray[np.int64], inside: float) -> Array32:
    """A word of 16 by 12 pixels, of which this share lies within the rectangle, and all of it within the view."""
    left, top, right, _ = (float(side) for side in rectangle)
    start = left - (1 - inside) * 16 if left >= 16 else right - inside * 16
    return np.asarray([(start, top), (start + 16, top), (start + 16, top + 12), (start, top + 12)], np.float32)


def words_of(quads: list[Array32], kind: int = TEXT) -> Words:
    """One word for each view."""
    return Words(
        np.stack(quads)[:, None], np.full((len(quads), 1), kind, np.int32), encode_texts(["ab"] * len(quads))[:, None]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1, width=32, exclude_max=True), min_size=5, max_size=5), min_size=1, max_size=6),
    st.sampled_from([64, 96, 640]),
)
def test_patches_lie_within_the_view_on_whole_cells(noise: list[list[float]], crop: int) -> None:
    found = Patches(np.asarray(noise, np.float32), replace(ALWAYS, crop=crop)).rectangles
    left, top, right, bottom = np.asarray(found).T
    for low, high in ((left, right), (top, bottom)):
        assert (low >= 0).all()
        assert (high <= crop).all()
        assert (0.25 * crop < high - low).all()
        assert (high - low < 0.75 * crop).all()
    assert not (np.asarray(found) % STRIDE).any()


@settings(max_examples=25, deadline=None)
@given(seeds, batches)
def test_a_view_is_another_one_within_its_rectangle_and_itself_elsewhere(seed: int, count: int) -> None:
    patches, rectangles = patches_of(seed, count)
    givers = givers_of(patches, rectangles)
    assert sorted(givers) == list(range(count))
    assert all(giver != view for view, giver in enumerate(givers))
    views = np.random.default_rng(seed).random((count, CROP, CROP, 3), np.float32)
    np.testing.assert_array_equal(patches.paste(views), pasted(views, views, rectangles, givers))


@settings(max_examples=25, deadline=None)
@given(seeds, batches)
def test_targets_are_pasted_as_their_views_are(seed: int, count: int) -> None:
    patches, rectangles = patches_of(seed, count)
    givers, rng = givers_of(patches, rectangles), np.random.default_rng(seed)
    hosts, guests = random_targets(rng, count), random_targets(rng, count)
    found = patches.paste_targets(hosts, guests)
    for name, host, guest in zip(Targets._fields, hosts, guests, strict=True):
        expected = pasted(host, guest, rectangles // STRIDE, givers)
        np.testing.assert_array_equal(getattr(found, name), expected, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(seeds, batches, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_a_word_counts_where_enough_of_it_is_seen(seed: int, count: int, inside: float) -> None:
    patches, rectangles = patches_of(seed, count)
    givers = givers_of(patches, rectangles)
    places = [across_an_edge(rectangle, inside) for rectangle in rectangles]
    hosts = patches.hosts(words_of(places))
    assert set(np.asarray(hosts.kinds).flat) == {TEXT if 1 - inside > ALWAYS.visible else IGNORED}
    guests = patches.guests(words_of([places[givers.index(view)] for view in range(count)]))
    assert set(np.asarray(guests.kinds).flat) == {TEXT if inside > ALWAYS.visible else IGNORED}


def test_what_a_view_does_not_show_of_its_own_does_not_count_either() -> None:
    patches, rectangles = patches_of(0, 4)
    half_out = np.asarray([(-8, 0), (8, 0), (8, 12), (-8, 12)], np.float32)
    assert (rectangles[:, :2].max(axis=1) > 12).all()
    assert (np.asarray(patches.hosts(words_of([half_out] * 4)).kinds) == IGNORED).all()


@pytest.mark.parametrize("kind", [ABSENT, IGNORED])
def test_words_that_are_no_text_stay_what_they_are(kind: int) -> None:
    patches, rectangles = patches_of(1, 5)
    words = words_of([across_an_edge(rectangle, 0.5) for rectangle in rectangles], kind)
    for seen in (patches.hosts(words), patches.guests(words)):
        assert (np.asarray(seen.kinds) == kind).all()
        np.testing.assert_array_equal(seen.quads, words.quads)
        np.testing.assert_array_equal(seen.codes, words.codes)


@pytest.mark.parametrize("inside", [0.25, 0.75])
def test_a_word_cut_by_a_patch_is_text_on_the_side_with_most_of_it_and_ignored_on_the_other(inside: float) -> None:
    patches, rectangles = patches_of(2, 4)
    givers = givers_of(patches, rectangles)
    places = [across_an_edge(rectangle, inside) for rectangle in rectangles]
    hosts = patches.hosts(words_of(places))
    guests = patches.guests(words_of([places[givers.index(view)] for view in range(4)]))
    drawn = (make_targets(*words, CROP, CROP) for words in (hosts, guests))
    targets = Targets(*(np.asarray(array) for array in patches.paste_targets(*drawn)))
    y, x = STRIDE * np.mgrid[: CROP // STRIDE, : CROP // STRIDE]
    for view, (quad, (left, top, right, bottom)) in enumerate(zip(places, rectangles, strict=True)):
        (low, high), on_top, below = quad[:2, 0], quad[0, 1], quad[2, 1]
        on_word = (x >= low) & (x <= high) & (y >= on_top) & (y <= below)
        in_patch = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        clear, cut_off = (in_patch, ~in_patch) if inside > 0.5 else (~in_patch, in_patch)
        assert targets.score[view][on_word & clear].any()
        assert targets.counted[view][on_word & clear & (targets.score[view] > 0)].all()
        assert not targets.score[view][cut_off].any()
        assert not targets.counted[view][on_word & cut_off].any()
        assert targets.counted[view][~on_word].all()


def test_as_many_views_are_mixed_as_asked_for() -> None:
    _, rectangles = patches_of(3, 400, replace(ALWAYS, cutmix=0.25))
    mixed = rectangles[:, 2] > rectangles[:, 0]
    assert 0.2 < mixed.mean() < 0.3
    np.testing.assert_array_equal(mixed, rectangles[:, 3] > rectangles[:, 1])


def test_without_mixing_nothing_changes() -> None:
    patches, rectangles = patches_of(4, 6, NEVER)
    np.testing.assert_array_equal(rectangles[:, :2], rectangles[:, 2:])
    rng = np.random.default_rng(4)
    views, hosts, guests = rng.random((6, CROP, CROP, 3), np.float32), random_targets(rng, 6), random_targets(rng, 6)
    np.testing.assert_array_equal(patches.paste(views), views)
    for found, expected in zip(patches.paste_targets(hosts, guests), hosts, strict=True):
        np.testing.assert_array_equal(found, expected)
    anywhere = [across_an_edge(rectangle, 0.5) for rectangle in patches_of(4, 6)[1]]
    assert (np.asarray(patches.hosts(words_of(anywhere)).kinds) == TEXT).all()
