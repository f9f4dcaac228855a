"""What the tests of training share."""

from __future__ import annotations

import pytest

from east.training.synth.backgrounds import Backgrounds
from east.training.synth.fonts import Fonts
from east.training.synth.scene import Material
from east.training.synth.words import Vocabulary


@pytest.fixture(scope="session")
def material() -> Material:
    """What synthetic pictures are made of without any folder."""
    return Material(Fonts(), Vocabulary(), Backgrounds())
