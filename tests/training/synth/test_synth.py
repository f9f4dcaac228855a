from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.training.data.dataset import ILLEGIBLE, Example, read_folder
from east.training.data.packing import Bank
from east.training.data.spelling import spell
from east.training.synth.backgrounds import Backgrounds
from east.training.synth.blend import Light, soften
from east.training.synth.block import Block, Layout, bend, set_block
from east.training.synth.donors import Donors
from east.training.synth.fonts import Fonts, letters
from east.training.synth.samples import write_samples
from east.training.synth.scene import Material, compose
from east.training.synth.settings import SceneSettings
from east.training.synth.stream import SceneStream
from east.training.synth.words import Vocabulary

SMALL = SceneSettings(240, 320, blocks=6, capital=18, largest=40)


@pytest.fixture(scope="module")
def material() -> Material:
    """What there is without any folder."""
    return Material(Fonts(), Vocabulary(), Backgrounds())


def test_a_scene_is_a_function_of_seed_and_number(material: Material) -> None:
    first, again, other = (compose(3, number, material, SMALL) for number in (7, 7, 8))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.quads, again.quads)
    assert not np.array_equal(first.image, other.image)


def test_words_lie_in_the_picture_with_ink_in_them(material: Material) -> None:
    scenes = [compose(0, number, material, SMALL) for number in range(12)]
    assert sum(scene.legible.sum() for scene in scenes) > 10
    for scene in scenes:
        assert scene.image.shape == (240, 320, 3)
        assert scene.image.dtype == np.uint8
        assert len(scene.quads) == len(scene.legible) == len(scene.texts)
        assert (scene.quads > -4).all()
        assert (scene.quads < (324, 244)).all()
        for quad in scene.quads[scene.legible]:
            left, top = np.floor(quad.min(axis=0)).astype(int).clip(0)
            right, bottom = np.ceil(quad.max(axis=0)).astype(int)
            assert scene.image[top : bottom + 1, left : right + 1].std() > 1


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


def test_processes_make_the_same_scenes_in_the_same_order(material: Material) -> None:
    with SceneStream(5, material, SMALL, itertools.count(10), processes=2) as stream:
        bank = stream.fill(Bank(6, (240, 320)))
    for slot in range(6):
        scene = compose(5, 10 + slot, material, SMALL)
        np.testing.assert_array_equal(bank.pixels[slot].view(np.uint8).reshape(240, 320, 4)[..., :3], scene.image)
        assert (bank.kinds[slot] > 0).sum() == len(scene.quads)
        spelled = bank.spelled[slot, : len(scene.quads)]  # largest word first
        assert sorted(spelled.tolist()) == sorted(spell(scene.texts).tolist())


def test_real_scenes_bring_their_words(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "img_1.png")
    quad = np.asarray([[20, 20], [90, 20], [90, 50], [20, 50]], np.float32)
    donors = Donors([Example(tmp_path / "img_1.png", quad[None], np.asarray([True]), ("word",))])
    settings = SceneSettings(240, 320, blocks=1, real_scenes=1, real_words=0, distractors=0, camera=0)
    scene = compose(0, 0, Material(Fonts(), Vocabulary(), Backgrounds(), donors), settings)
    np.testing.assert_allclose(scene.quads[0], quad)
    assert scene.texts[0] == "word"
    ((word, text),) = donors.words(np.random.default_rng(0), 3)
    assert text == "word"
    assert word.shape[2] == 4
    assert word[word.shape[0] // 2, word.shape[1] // 2].tolist() == pytest.approx([120, 130, 140, 1], abs=1)


def test_a_real_word_put_somewhere_else_still_says_what_it_says(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "img_1.png")
    quad = np.asarray([[20, 20], [90, 20], [90, 50], [20, 50]], np.float32)
    donors = Donors([Example(tmp_path / "img_1.png", quad[None], np.asarray([True]), ("Ausgang",))])
    settings = replace(SMALL, blocks=1, real_scenes=0, real_words=1, distractors=0)
    material = Material(Fonts(), Vocabulary(), Backgrounds(), donors)
    scenes = [compose(0, number, material, settings) for number in range(4)]
    assert any("Ausgang" in scene.texts for scene in scenes)


def test_known_text_of_a_background_is_ignored_where_it_ends_up(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    image[60:90, 100:180] = 250
    Image.fromarray(image).save(tmp_path / "photo.png")
    (tmp_path / "gt_photo.txt").write_text("100,60,180,60,180,90,100,90,###\n")
    backgrounds, rng = Backgrounds(tmp_path), np.random.default_rng(0)
    for _ in range(6):
        picture, quads = backgrounds.draw(rng, 240, 320)
        if len(quads):
            x, y = quads[0].mean(axis=0).round().astype(int)
            if 0 <= x < 320 and 0 <= y < 240:
                assert picture[y, x].min() > 200
    assert not compose(0, 1, Material(Fonts(), Vocabulary(), backgrounds), SMALL).legible[0]


def test_samples_can_be_read_as_training_pictures(tmp_path: Path, material: Material) -> None:
    write_samples(tmp_path, 4, 0, material, SMALL)
    examples = read_folder(tmp_path)
    assert [example.image.name for example in examples] == [f"img_{number}.jpg" for number in (1, 2, 3, 4)]
    assert sum(example.legible.sum() for example in examples) > 0
    for number, example in enumerate(examples):
        scene = compose(0, number, material, SMALL)
        said = [text if legible else ILLEGIBLE for text, legible in zip(scene.texts, scene.legible, strict=True)]
        assert example.texts == tuple(said)


def test_a_white_sign_is_not_white_in_the_dark() -> None:
    seen = []
    for level in (20, 90, 220):
        layer = np.full((1, 1, 4), 255, np.float32)
        Light.around(np.random.default_rng(0), np.full(3, level, np.float32)).shine_on(layer)
        seen.append(float(layer[0, 0, :3].mean()))
    assert seen[0] < 150 < seen[1] < seen[2]


def test_what_a_colour_looks_like_tells_what_was_painted() -> None:
    surface = np.full(3, 70, np.float32)
    light = Light.around(np.random.default_rng(0), surface)
    layer = np.ones((1, 1, 4), np.float32)
    layer[0, 0, :3] = light.painted(surface)
    light.shine_on(layer)
    assert layer[0, 0, :3] == pytest.approx(surface, abs=0.1)


def test_softening_spreads_a_layer_and_keeps_its_colour() -> None:
    layer = np.zeros((9, 20, 4), np.float32)
    layer[2:7, 3:17] = 200, 100, 50, 1
    soft, margin = soften(layer, 1.5)
    assert soft.shape == (9 + 2 * margin, 20 + 2 * margin, 4)
    assert soft[..., 3].sum() == pytest.approx(5 * 14, rel=1e-3)
    assert soft[0, :, 3].max() < 0.01
    seen = soft[soft[..., 3] > 0.02][:, :3]
    assert seen == pytest.approx(np.broadcast_to((200, 100, 50), seen.shape), rel=0.02)


def test_signs_are_darker_in_the_dark(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (25, 25, 25)).save(tmp_path / "night.png")
    dark = Material(Fonts(), Vocabulary(), Backgrounds(tmp_path))
    settings = replace(SMALL, camera=0)
    pasted, blended = (
        np.mean([compose(4, number, dark, replace(settings, blended=share)).image.mean() for number in range(8)])
        for share in (0.0, 1.0)
    )
    assert blended < pasted


def test_signs_have_shorter_words_than_a_dictionary(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\n".join(letter * length for letter in "xyz" for length in range(3, 16)))
    vocabulary, rng = Vocabulary(tmp_path), np.random.default_rng(0)
    words = [word.lower() for word in vocabulary.line(rng, 4000)]
    lengths = [len(word) for word in words if word in vocabulary.words]
    assert min(lengths) == 3
    assert max(lengths) > 12
    assert np.mean(lengths) < 8 < np.mean([len(word) for word in vocabulary.words])


def test_long_words_are_used_where_there_are_no_others(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("donaudampfschifffahrt")
    words = Vocabulary(tmp_path).line(np.random.default_rng(0), 40)
    assert any("donaudampfschifffahrt" in word.lower() for word in words)


def test_typefaces_know_their_letters() -> None:
    path = next(path for path in Fonts().paths if path.name == "DejaVuSans.ttf")
    assert set("ABCxyz0189$%&") <= letters(path)


@pytest.mark.parametrize("make", [Fonts, Vocabulary, Backgrounds])
def test_an_empty_folder_is_named(tmp_path: Path, make: type) -> None:
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        make(tmp_path)
