from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from east.training.config import Augmentation
from east.training.data.augment import NUMBERS_PER_VIEW, Words, make_views
from east.training.data.cutmix import NUMBERS_PER_PATCH
from east.training.data.dataset import ABSENT, IGNORED, TEXT
from east.training.data.letters import encode_texts
from east.training.data.packing import PackedImages

STILL = Augmentation(
    crop=64, near_word=1, zoom=(1, 1), aspect=0, rotation=0, wide_share=0, perspective=0, contrast=0, saturation=0,
    gamma=0, brightness=0, tint=0, blurred=0, noisy=0,
)  # fmt: skip
RED_WORD = np.asarray([[[60, 40], [90, 40], [90, 52], [60, 52]]], np.float32)


@pytest.fixture(scope="module")
def images() -> PackedImages:
    """One grey picture with one red word."""
    image = np.full((96, 160, 3), 90, np.uint8)
    image[40:52, 60:90] = 255, 0, 0
    images = PackedImages(1, (96, 160), words=3)
    images.put(0, image, RED_WORD, np.asarray([True]), ["red"])
    return images


def numbers(seed: int = 0, count: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, NUMBERS_PER_VIEW), np.float32)


def views_of(
    images: PackedImages, settings: Augmentation, noise: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], Words]:
    noise = numbers() if noise is None else noise
    rows = np.zeros(len(noise), np.int32)
    words = Words(images.quads[rows], images.kinds[rows], images.codes[rows])
    views, found = make_views(images.pixels[rows], images.canvas, images.sizes[rows], words, noise, settings)
    return np.asarray(views), Words(*(np.asarray(array) for array in found))


def redness_inside(view: NDArray[np.float32], quad: NDArray[np.float32]) -> float:
    """Share of the points inside the quad that are red, of those the view shows."""
    steps = np.linspace(0.1, 0.9, 9)
    s, t = np.meshgrid(steps, steps)
    s, t = s[..., None], t[..., None]
    points = (quad[0] * (1 - s) + quad[1] * s) * (1 - t) + (quad[3] * (1 - s) + quad[2] * s) * t
    x, y = np.rint(points.reshape(-1, 2)).astype(int).T
    shown = (x >= 0) & (x < view.shape[1]) & (y >= 0) & (y < view.shape[0])
    colours = view[y[shown], x[shown]]
    return float((colours[:, 0] > colours[:, 1] + 60).mean()) if shown.any() else 1.0


@pytest.mark.parametrize(
    "settings",
    [
        STILL,
        replace(STILL, zoom=(0.5, 2.2), aspect=0.2),
        replace(STILL, rotation=30, wide_share=0.5),
        replace(STILL, perspective=0.1),
        replace(STILL, zoom=(0.6, 1.8), rotation=10, aspect=0.1, perspective=0.05),
    ],
    ids=["still", "zoom", "rotation", "perspective", "all"],
)
def test_words_move_with_their_pixels(images: PackedImages, settings: Augmentation) -> None:
    views, words = views_of(images, settings)
    for view, quads, kinds, codes in zip(views, *words, strict=True):
        assert redness_inside(view, quads[0]) > 0.95
        assert kinds[1:].tolist() == [ABSENT, ABSENT]
        np.testing.assert_array_equal(codes, encode_texts(["red", "", ""]))


def test_a_still_view_shows_the_picture_unchanged(images: PackedImages) -> None:
    views, _ = views_of(images, replace(STILL, near_word=0))
    colours = views.reshape(-1, 3)
    grey, red = np.abs(colours - 90).max(axis=1) < 1, np.abs(colours - (255, 0, 0)).max(axis=1) < 1
    assert (grey | red).mean() > 0.85  # the rest are the word's edges and what lies beyond the border


def test_the_same_random_numbers_give_the_same_views(images: PackedImages) -> None:
    settings = Augmentation(crop=64)
    first, second, other = (views_of(images, settings, numbers(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 10


def test_the_numbers_that_cutmix_takes_do_not_change_a_view(images: PackedImages) -> None:
    settings, noise = Augmentation(crop=64, blurred=1, noisy=1), numbers()
    before, _ = views_of(images, settings, noise)
    noise[:, -NUMBERS_PER_PATCH:] = 1 - noise[:, -NUMBERS_PER_PATCH:]
    np.testing.assert_array_equal(views_of(images, settings, noise)[0], before)


def test_colours_change_within_bounds(images: PackedImages) -> None:
    views, _ = views_of(images, Augmentation(crop=64, noisy=1, blurred=1))
    assert views.min() >= 0
    assert views.max() <= 255
    assert len({round(float(view.mean())) for view in views}) > 1


def test_words_that_are_cut_off_are_ignored(images: PackedImages) -> None:
    _, words = views_of(images, replace(STILL, zoom=(2, 2), visible=0.6), numbers(count=40))
    quads, kinds = words.quads[:, 0], words.kinds[:, 0]
    shown = np.ptp(np.clip(quads, 0, 64), axis=1).prod(axis=1) / np.ptp(quads, axis=1).prod(axis=1)
    assert (kinds[shown < 0.5] == IGNORED).all()
    assert (kinds[shown > 0.7] == TEXT).all()
    assert {IGNORED, TEXT} == set(kinds.tolist())


def test_words_too_low_to_read_are_ignored(images: PackedImages) -> None:
    _, low = views_of(images, replace(STILL, zoom=(0.5, 0.5), smallest_word=7))
    _, high = views_of(images, replace(STILL, smallest_word=7))
    assert (low.kinds[:, 0] == IGNORED).all()
    assert (high.kinds[:, 0] == TEXT).any()


def test_close_views_show_a_whole_word_at_the_heights_asked_for(images: PackedImages) -> None:
    close = replace(STILL, crop=128, near_word=0, close=1, close_height=(24, 48), closest=5)
    _, words = views_of(images, close, numbers(count=40))
    found = np.linalg.norm(words.quads[:, 0, 3] - words.quads[:, 0, 0], axis=-1)
    assert 24 <= found.min() < 28
    assert 44 < found.max() <= 48.01
    assert (words.kinds[:, 0] == TEXT).all()
    _, words = views_of(images, replace(close, close_height=(100, 200)), numbers(count=4))
    widths = np.linalg.norm(words.quads[:, 0, 1] - words.quads[:, 0, 0], axis=-1)
    np.testing.assert_allclose(widths, 128, rtol=1e-3)  # as long as the view, and no longer
