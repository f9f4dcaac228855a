"""Everything that weights are scored on kind by kind."""

from __future__ import annotations

from collections.abc import Sequence

from ...console import progress
from ...detector import TextDetector
from ..data.dataset import Example
from . import cases
from .cases import Case, KindScore
from .drawn import drawn
from .views import views


def kinds_of_text(photographs: Sequence[Example], count: int) -> list[Case]:
    """``count`` drawn pages of each kind, and as many of the photographs in each of the `views.VIEWS`."""
    return [*drawn(count), *sorted(views(photographs, count), key=lambda case: case.kind)]


def score_kinds(detector: TextDetector, pictures: Sequence[Case]) -> dict[str, KindScore]:
    """Scores what a detector finds, by its own options, in pictures of several kinds."""
    found = [
        cases.detected(detector.detect(case.image).quads) for case in progress(pictures, total=None, unit="picture")
    ]
    return cases.by_kind(pictures, cases.score(pictures, found))
