"""Which characters a typeface has, by its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from east.training.synth.fonts import Fonts, letters

PRINTABLE = frozenset(map(chr, range(33, 127)))


def write_font(path: Path, drawn: str, blank: str) -> Path:
    """Writes a typeface with a square for each character ``drawn``, and nothing for each ``blank`` one."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square, names = pen.glyph(), {ord(character): f"g{ord(character)}" for character in drawn + blank}
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf(
        {
            ".notdef": square,
            **{name: square if chr(c) in drawn else TTGlyphPen(None).glyph() for c, name in names.items()},
        }
    )
    builder.setupHorizontalMetrics(dict.fromkeys(builder.font.getGlyphOrder(), (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupPost()
    builder.save(path)
    return path


def test_matplotlibs_typefaces_have_their_letters() -> None:
    found = {path.name: letters(path) for path in Fonts().paths}
    assert found["DejaVuSans.ttf"] == found["STIXGeneral.ttf"] == PRINTABLE
    assert not any(name.startswith("STIXSiz") for name in found)  # brackets only


def test_a_blank_glyph_is_no_letter(tmp_path: Path) -> None:
    path = write_font(tmp_path / "squares.ttf", drawn="ABCxyz0189é", blank="abc")
    assert letters(path) == frozenset("ABCxyz0189")


def test_a_typeface_of_too_few_letters_is_left_out(tmp_path: Path) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    enough = write_font(tmp_path / "enough.ttf", drawn=alphabet, blank="")
    write_font(tmp_path / "few.ttf", drawn=alphabet[1:], blank="A")
    assert Fonts(tmp_path).paths == [enough]
    assert Fonts(tmp_path).draw(np.random.default_rng(0)) == enough


@pytest.mark.parametrize("size", [0, 3, 3000], ids=["empty", "no header", "cut off"])
def test_a_file_that_is_no_typeface_has_no_letters(tmp_path: Path, size: int) -> None:
    whole = next(path for path in Fonts().paths if path.name == "DejaVuSans.ttf").read_bytes()
    (tmp_path / "broken.ttf").write_bytes(whole[:size])
    assert letters(tmp_path / "broken.ttf") == frozenset()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        Fonts(tmp_path)
