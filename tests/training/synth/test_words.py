from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from east.training.synth.words import Vocabulary


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


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        Vocabulary(tmp_path)


def test_long_lines_have_compounds_and_addresses_and_single_ones_characters() -> None:
    vocabulary, rng = Vocabulary(), np.random.default_rng(0)
    words = vocabulary.long_line(rng, 300)
    assert max(map(len, words)) <= 60
    assert np.median([len(word) for word in words]) > 14
    for character in "/.?=&@-_":
        assert any(character in word for word in words), character
    assert {len(word) for word in vocabulary.single_line(rng, 50)} == {1}
