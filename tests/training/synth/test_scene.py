from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from east.icdar import DONT_CARE
from east.training.config import SceneSettings
from east.training.data.dataset import MOST_WORDS, Example, read_folder
from east.training.synth.backgrounds import Backgrounds
from east.training.synth.donors import Donors
from east.training.synth.fonts import Fonts
from east.training.synth.scene import Material, compose, write_scenes
from east.training.synth.words import Vocabulary

SMALL = SceneSettings(240, 320, blocks=6, capital=18, largest=40)


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


def test_real_scenes_bring_their_words(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "img_1.png")
    quad = np.asarray([[20, 20], [90, 20], [90, 50], [20, 50]], np.float32)
    donors = Donors([Example(tmp_path / "img_1.png", quad[None], np.asarray([True]), ("word",))])
    settings = SceneSettings(240, 320, blocks=1, real_scenes=1, real_words=0, distractors=0, camera=0)
    scene = compose(0, 0, Material(Fonts(), Vocabulary(), Backgrounds(), donors), settings)
    np.testing.assert_allclose(scene.quads[0], quad)
    assert scene.texts[0] == "word"


def test_a_real_word_put_somewhere_else_still_says_what_it_says(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "img_1.png")
    quad = np.asarray([[20, 20], [90, 20], [90, 50], [20, 50]], np.float32)
    donors = Donors([Example(tmp_path / "img_1.png", quad[None], np.asarray([True]), ("Ausgang",))])
    settings = replace(SMALL, blocks=1, real_scenes=0, real_words=1, distractors=0)
    material = Material(Fonts(), Vocabulary(), Backgrounds(), donors)
    scenes = [compose(0, number, material, settings) for number in range(4)]
    assert any("Ausgang" in scene.texts for scene in scenes)


def test_known_text_of_a_background_is_ignored(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    image[60:90, 100:180] = 250
    Image.fromarray(image).save(tmp_path / "photo.png")
    (tmp_path / "gt_photo.txt").write_text("100,60,180,60,180,90,100,90,###\n")
    assert not compose(0, 1, Material(Fonts(), Vocabulary(), Backgrounds(tmp_path)), SMALL).legible[0]


def test_samples_can_be_read_as_training_pictures(tmp_path: Path, material: Material) -> None:
    write_scenes(tmp_path, 4, 0, material, SMALL)
    examples = read_folder(tmp_path)
    assert [example.image.name for example in examples] == [f"img_{number}.jpg" for number in (1, 2, 3, 4)]
    assert sum(example.legible.sum() for example in examples) > 0
    for number, example in enumerate(examples):
        scene = compose(0, number, material, SMALL)
        said = [text if legible else DONT_CARE for text, legible in zip(scene.texts, scene.legible, strict=True)]
        assert example.texts == tuple(said)


def test_signs_are_darker_in_the_dark(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (25, 25, 25)).save(tmp_path / "night.png")
    dark = Material(Fonts(), Vocabulary(), Backgrounds(tmp_path))
    settings = replace(SMALL, camera=0)
    pasted, blended = (
        np.mean([compose(4, number, dark, replace(settings, blended=share)).image.mean() for number in range(8)])
        for share in (0.0, 1.0)
    )
    assert blended < pasted


def test_pictures_have_headlines_long_words_single_letters_and_stacks_where_asked(material: Material) -> None:
    settings = replace(SMALL, height=480, width=640, headlines=1, headline=200, blocks=1, distractors=0, camera=0)
    large = [compose(0, number, material, settings).quads for number in range(6)]
    assert all(np.linalg.norm(quads[0, 3] - quads[0, 0]) > 30 for quads in large if len(quads))
    assert max(np.linalg.norm(quads[0, 3] - quads[0, 0]) for quads in large if len(quads)) > 80
    long, single = (
        [len(text) for number in range(6) for text in compose(0, number, material, only).texts]
        for only in (replace(SMALL, long_words=1.0), replace(SMALL, singles=1.0))
    )
    assert np.mean(long) > 12
    assert set(single) == {1}
    stacks = np.concatenate([compose(0, number, material, replace(SMALL, stacks=1.0)).quads for number in range(6)])
    width, height = (np.linalg.norm(stacks[:, corner] - stacks[:, 0], axis=-1) for corner in (1, 3))
    assert np.mean(height > width) > 0.8


def test_a_picture_has_no_more_words_than_training_keeps(material: Material) -> None:
    crowded = replace(SMALL, height=720, width=1280, pages=1, dense=1, blocks=40, distractors=0, camera=0)
    counts = [len(compose(0, number, material, crowded).quads) for number in range(3)]
    assert 100 < max(counts) <= MOST_WORDS
