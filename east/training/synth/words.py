"""What synthetic signs say: words of a list, and the numbers and codes of the street."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np

from ...folders import files_in

CAPITALS = string.ascii_uppercase
SINGLES = CAPITALS + string.digits + string.ascii_lowercase


class Vocabulary:
    """Words to draw from: the lines of every ``.txt`` file of a folder (or of one file)."""

    def __init__(self, source: str | Path | None = None) -> None:
        """Reads the words; None makes some up.

        Raises:
            FileNotFoundError: where there are no words.
        """
        if source is None:
            self.words = invented()
            return
        path = Path(source)
        files = files_in(path, [".txt"]) if path.is_dir() else [path]
        self.words = sorted({w for f in files for w in f.read_text(encoding="utf-8").split() if w.isascii()})
        if not self.words:
            raise FileNotFoundError(f"{source} has no words: expected .txt files with a word on each line")

    def line(self, rng: np.random.Generator, count: int) -> list[str]:
        """A line of ``count`` words in one way of writing."""
        case = rng.choice(["upper", "title", "lower"], p=[0.45, 0.35, 0.2])
        return [self._token(rng, case) for _ in range(count)]

    def long_line(self, rng: np.random.Generator, count: int) -> list[str]:
        """Words that are much longer than high: compounds, and addresses of the web."""
        return [self._compound(rng) if rng.random() < 0.4 else self._address(rng) for _ in range(count)]

    def single_line(self, rng: np.random.Generator, count: int) -> list[str]:
        """Letters and digits that stand alone."""
        return [str(rng.choice(list(SINGLES))) for _ in range(count)]

    def _compound(self, rng: np.random.Generator) -> str:
        word, length = "", int(rng.integers(12, 31))
        while len(word) < length:
            word += self._word(rng).lower()
        return str(rng.choice([word.upper(), word.capitalize(), word], p=[0.3, 0.5, 0.2]))[:32]

    def _address(self, rng: np.random.Generator) -> str:
        """Of the web, of mail, of a file: words between slashes, points, question marks and the like."""
        words = [self._word(rng).lower() for _ in range(int(rng.integers(2, 7)))]
        host = f"{rng.choice(['www.', '', 'shop.'])}{words[0]}.{rng.choice(['com', 'org', 'net', 'eu', 'co.uk'])}"
        path = "".join(f"{rng.choice(['/', '/', '-', '_', '.'])}{word}" for word in words[1:])
        kind = rng.random()
        if kind < 0.25:
            return f"{words[0]}{rng.choice(['.', '_', ''])}{words[1]}@{words[-1]}.{rng.choice(['com', 'org', 'de'])}"
        if kind < 0.5:
            return host
        if kind < 0.75:
            return f"{rng.choice(['http://', 'https://'])}{host}{path}"[:60]
        return f"{host}/{words[1]}?{words[-1][:4]}={rng.integers(10**5)}&{words[0][:2]}={rng.integers(100)}"[:60]

    def _word(self, rng: np.random.Generator) -> str:
        return self.words[int(len(self.words) * rng.random())]

    def _token(self, rng: np.random.Generator, case: str) -> str:
        kind = rng.random()
        if kind < 0.16:
            return number(rng)
        if kind < 0.2:
            return code(rng)
        if kind < 0.22:
            return str(rng.choice(list("&-@+/*")))
        word = self.words[int(len(self.words) * rng.random())]
        while rng.random() < min(0.12 * (len(word) - 5), 0.9):  # signs have shorter words than a dictionary
            word = self.words[int(len(self.words) * rng.random())]
        word = {"upper": word.upper(), "title": word.capitalize(), "lower": word.lower()}[case]
        if rng.random() < 0.08:
            word += str(rng.choice(list(",.!:?'")))
        elif rng.random() < 0.03:
            word = f"({word})"
        elif rng.random() < 0.02:
            word = f"{word}'s"
        return word


def invented(count: int = 2000) -> list[str]:
    """Words that can be pronounced and mean nothing."""
    rng = np.random.default_rng(0)
    syllables = [c + v for c in "bdfghklmnprstvw" for v in "aeiou"]
    ends = ["", "n", "r", "s", "t", "l"]
    return sorted({"".join(rng.choice(syllables, rng.integers(1, 5))) + str(rng.choice(ends)) for _ in range(count)})


def number(rng: np.random.Generator) -> str:
    """A price, a time, a date, a percentage, a floor, a telephone number's part."""
    n = rng.integers
    forms = (
        lambda: str(n(0, 10)),
        lambda: str(n(10, 100)),
        lambda: str(n(100, 10000)),
        lambda: f"{n(1, 24)}:{n(0, 60):02d}",
        lambda: f"${n(1, 200)}.{n(0, 100):02d}",
        lambda: f"{n(5, 100)}%",
        lambda: f"{n(1, 13)}{rng.choice(['am', 'pm', 'AM', 'PM'])}",
        lambda: f"#{n(1, 6):02d}-{n(1, 100):02d}",
        lambda: str(n(6000, 10000)),
        lambda: f"{n(1990, 2030)}",
        lambda: f"{n(1, 32)}/{n(1, 13)}",
        lambda: f"{n(2, 30)}m",
    )
    return forms[n(len(forms))]()


def code(rng: np.random.Generator) -> str:
    """A registration, a room, a web address."""
    letters = "".join(rng.choice(list(CAPITALS), size=rng.integers(1, 4)))
    forms = (
        f"{letters}{rng.integers(1, 10000)}",
        f"{letters}-{rng.integers(1, 100)}",
        f"{letters}{rng.integers(10, 10000)}{rng.choice(list(CAPITALS))}",
        f"{rng.integers(1, 100)}{letters[0]}",
        f"www.{letters.lower()}{rng.choice(['shop', 'city', 'net', 'bank'])}.com",
    )
    return forms[rng.integers(len(forms))]
