"""Pictures to score on, each of a kind, and what was found in them, kind by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...console import markdown_table
from ...icdar import DONT_CARE, Detected, GroundTruth, reportable
from ...images.decoding import load_image
from ...types import Size
from ..data.dataset import Example

COLUMNS = ("kind", "pictures", "words", "recall", "precision", "F1", "false alarms")


class Case(NamedTuple):
    """A picture, uint8 RGB ``(H, W, 3)``, its words, and the kind that it counts in."""

    kind: str
    image: NDArray[np.uint8]
    truth: GroundTruth


class KindScore(NamedTuple):
    """What the pictures of one kind add up to."""

    pictures: int
    counts: metrics.Counts

    @property
    def false_alarms(self) -> int:
        """Boxes that are no word; those in words that nobody can read are not counted."""
        return self.counts.detections - self.counts.matched


def photographs(examples: Iterable[Example], kind: str = "photographs") -> list[Case]:
    """The pictures of a folder as they are."""
    return [Case(kind, load_image(e.image), truth(e.quads, e.texts)) for e in examples]


def truth(quads: NDArray[np.float32], texts: Sequence[str]) -> GroundTruth:
    """Words in whole pixels, as the competition writes them."""
    return GroundTruth(np.rint(quads).astype(np.int32).reshape(-1, 4, 2), tuple(texts))


def truth_in_window(
    quads: NDArray[np.float32], texts: Sequence[str], counted: NDArray[np.bool_], size: Size
) -> GroundTruth:
    """The words ``(N, 4, 2)`` that a window from 0, 0 to ``size`` shows; those that it cuts do not count."""
    window = np.asarray([size.width, size.height])
    whole = ((quads >= 0) & (quads <= window)).all(axis=(1, 2)) & counted
    seen = np.flatnonzero((quads.max(axis=1) > 0).all(axis=1) & (quads.min(axis=1) < window).all(axis=1))
    return truth(quads[seen], [texts[word] if whole[word] else DONT_CARE for word in seen])


def detected(quads: NDArray[np.float32]) -> Detected:
    """Found quads ``(M, 4, 2)`` as the competition takes them: in whole pixels, without the very thin ones."""
    return Detected(np.rint(quads[reportable(quads)]).astype(np.int32))


def score(cases: Sequence[Case], found: Sequence[Detected]) -> metrics.Score:
    """Scores what was found in each of the cases; the score's images go by their place among the cases."""
    places = [str(place) for place in range(len(cases))]
    truths = {place: case.truth for place, case in zip(places, cases, strict=True)}
    return metrics.score(truths, dict(zip(places, found, strict=True)))


def by_kind(cases: Sequence[Case], scored: metrics.Score) -> dict[str, KindScore]:
    """A `score` of the same cases apart by their kinds, in the order in which these come."""
    kinds: dict[str, KindScore] = {}
    for case, image in zip(cases, scored.images.values(), strict=True):
        before = kinds.get(case.kind, KindScore(0, metrics.Counts()))
        kinds[case.kind] = KindScore(before.pictures + 1, before.counts + image.counts)
    return kinds


def numbers(kinds: dict[str, KindScore]) -> dict[str, float]:
    """F1 of each kind, and the false alarms of those without words, under the names that a log has them by."""
    return {
        **{f"F1, {kind}": one.counts.hmean for kind, one in kinds.items() if one.counts.words},
        **{f"false alarms, {kind}": float(one.false_alarms) for kind, one in kinds.items() if not one.counts.words},
    }


def table(kinds: dict[str, KindScore]) -> str:
    """A row per kind, in Markdown; kinds without words have false alarms only."""
    rows = []
    for kind, one in kinds.items():
        pictures, counts = one
        shares = (counts.recall, counts.precision, counts.hmean)
        shown = [f"{share:.3f}" if counts.words else "-" for share in shares]
        rows.append((kind, str(pictures), str(counts.words), *shown, str(one.false_alarms)))
    return markdown_table(COLUMNS, rows)
