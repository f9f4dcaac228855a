"""A folder of typefaces."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from PIL import ImageFont

from ...folders import files_below

SUFFIXES = (".ttf", ".otf", ".ttc")
PRINTABLE = [chr(code) for code in range(33, 127)]
MIN_LETTERS = 26  # typefaces with fewer printable characters hold symbols
TIERS = {"core": 4.0, "general": 2.0}  # weights of the tiers that an optional FONTS.tsv names; 1 for others


class Fonts:
    """Typefaces to draw from; in a ``FONTS.tsv`` beside them, columns ``file`` and ``tier`` may say how often."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """Lists the folder; None takes the typefaces that come with Matplotlib.

        Raises:
            FileNotFoundError: for a folder without typefaces.
        """
        if folder is None:
            import matplotlib

            folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
        self.paths = [path for path in files_below(Path(folder), SUFFIXES) if len(letters(path)) >= MIN_LETTERS]
        if not self.paths:
            raise FileNotFoundError(f"{folder} has no typefaces ({', '.join(SUFFIXES)})")
        tiers = _read_tiers(Path(folder) / "FONTS.tsv")
        weights = np.asarray([TIERS.get(tiers.get(path.name, ""), 1.0) for path in self.paths])
        self._shares = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> Path:
        """Any of the typefaces."""
        return self.paths[rng.choice(len(self.paths), p=self._shares)]


@lru_cache(maxsize=2048)
def face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A typeface at ``size`` pixels per em."""
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def letters(path: Path) -> frozenset[str]:
    """The printable ASCII characters that a typeface has and does not leave blank; none if it has no outlines."""
    try:
        with path.open("rb") as file, TTFont(file, fontNumber=0, lazy=True) as font:
            names = font.getBestCmap() or {}
        drawn = face(path, 24)
        return frozenset(c for c in PRINTABLE if ord(c) in names and drawn.getmask(c).getbbox())
    except (TTLibError, OSError):  # no typeface, or one of bitmaps
        return frozenset()


@cache
def capital_share(path: Path) -> float:
    """Height of a capital letter in ems, because typefaces fill their em differently."""
    _, top, _, bottom = face(path, 100).getbbox("H" if "H" in letters(path) else "0", anchor="ls")
    return max(bottom - top, 20) / 100


def _read_tiers(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {row[header.index("file")]: row[header.index("tier")] for row in rows}
