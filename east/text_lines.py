"""Lines of text: words that are read one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from .layout import quad_around
from .types import TextBox


@dataclass(frozen=True, eq=False)
class TextLine(Sequence[TextBox]):
    """One line: a sequence of its words in reading order.

    Attributes:
        boxes: the words, at least one.
    """

    boxes: tuple[TextBox, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    @overload
    def __getitem__(self, index: int) -> TextBox: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TextBox, ...]: ...
    def __getitem__(self, index: int | slice) -> TextBox | tuple[TextBox, ...]:
        return self.boxes[index]

    @property
    def quad(self) -> NDArray[np.float32]:
        """The rectangle around the words in their direction, float32 ``(4, 2)``, as a word's."""
        return quad_around(np.array([box.quad for box in self.boxes]))

    @property
    def text(self) -> str:
        """What was read in the words, blanks between them; empty where nothing was."""
        return " ".join(box.text for box in self.boxes if box.text)
