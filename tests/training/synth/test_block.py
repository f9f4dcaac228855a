from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from east.training.synth.block import Block, Layout, bend, set_block, set_stacks
from east.training.synth.scene import Material


def test_the_box_of_a_word_is_the_box_of_its_ink(material: Material) -> None:
    rng = np.random.default_rng(0)
    for tracking in (0.0, 0.3):
        layout = Layout(capital=30, lines=1, words=1, tracking=tracking)
        block = set_block(rng, material.fonts.paths[0], material.vocabulary, layout)
        assert block is not None
        rows, columns = np.nonzero(block.ink > 128)
        ink = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        found = [*block.quads[0].min(axis=0), *block.quads[0].max(axis=0)]
        np.testing.assert_allclose(found, ink, atol=3.1)
        assert found[0] <= ink[0]
        assert found[3] >= ink[3]


def ink_beside_words(block: Block) -> int:
    ink = block.ink.copy()
    for quad in block.quads:
        left, top = np.floor(quad.min(axis=0)).astype(int).clip(0)
        right, bottom = np.ceil(quad.max(axis=0)).astype(int)
        ink[top:bottom, left:right] = 0
    return int((ink > 128).sum())


@pytest.mark.parametrize("seed", range(8))
def test_an_icon_stands_beside_the_words_and_belongs_to_none(material: Material, seed: int) -> None:
    layout = Layout(capital=30, lines=1, words=2)
    plain, marked = (
        set_block(np.random.default_rng(seed), material.fonts.paths[0], material.vocabulary, wanted)
        for wanted in (layout, replace(layout, icons=1.0))
    )
    assert plain is not None
    assert marked is not None
    assert marked.texts == plain.texts
    np.testing.assert_allclose(np.ptp(marked.quads, axis=1), np.ptp(plain.quads, axis=1), atol=1)
    assert ink_beside_words(plain) == 0
    assert ink_beside_words(marked) > 10


def test_icons_leave_the_ink_of_the_lines_above_alone(material: Material) -> None:
    layout = Layout(capital=20, lines=4, words=2, leading=1.35, icons=1.0)
    for seed in range(60):
        block = set_block(np.random.default_rng(seed), material.fonts.paths[0], material.vocabulary, layout)
        assert block is not None
        for quad, text in zip(block.quads, block.texts, strict=True):
            left, right, bottom = int(quad[:, 0].min()), int(quad[:, 0].max()), int(quad[:, 1].max())
            assert block.ink[bottom - 3 : bottom + 1, left:right].max() > 60, text


def test_a_bent_word_takes_its_quad_along(material: Material) -> None:
    rng = np.random.default_rng(1)
    block = set_block(rng, material.fonts.paths[0], material.vocabulary, Layout(capital=20, lines=1, words=3))
    assert block is not None
    bent = bend(rng, block)
    for quad in bent.quads:
        left, top = np.floor(quad.min(axis=0)).astype(int)
        right, bottom = np.ceil(quad.max(axis=0)).astype(int)
        assert bent.ink[top:bottom, left:right].max() > 200


def test_stacked_words_are_higher_than_wide_and_hold_their_ink(material: Material) -> None:
    layout = Layout(capital=20, lines=1, words=3)
    block = set_stacks(np.random.default_rng(1), material.fonts.paths[0], material.vocabulary, layout)
    assert block is not None
    assert len(block.quads) == len(block.texts) == 3
    assert ink_beside_words(block) == 0
    for quad, text in zip(block.quads, block.texts, strict=True):
        width, height = np.ptp(quad, axis=0)
        assert height > 0.9 * width * len(text) / 1.5
