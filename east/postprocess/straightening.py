"""Words whose pixels, taken together, show that what each of them says is wrong."""

from __future__ import annotations

import numpy as np

from ..types import STRIDE, Candidates


def straighten(candidates: Candidates) -> Candidates:
    """Gives the candidates of a word the rectangle that their patch of the map tells, where it contradicts theirs.

    The network's angle ends at 45 degrees, where the top of a rectangle becomes its side. Of a word near there, whose
    angle might be the one end as well as the other, a network that is not sure says something in between, which is
    neither: boxes turned by 10 degrees on words turned by 45. Likewise with the sides: width and height change places
    there, and a word beyond is seen too long. But the map still marks the word's core, a bar of 0.4 of its height that
    is 0.6 heights shorter than the word, and its direction and sides tell those of the word. Nothing else changes: not
    where they agree, nor where the patch is small, no longer than three times its thickness, no bar, or one of several
    on a line, which may be pieces of a word.

    Source: that a shrunk core tells its word, as in Wang et al., "Shape robust text detection with progressive scale
    expansion network" (2019), and Liao et al., "Real-time scene text detection with differentiable binarization"
    (2020), whose only boxes these are.

    Returns:
        the candidates, those of other words as they were.
    """
    if not len(candidates.pixels):
        return candidates
    from .patches import seen_by_patches

    geometry, changed = seen_by_patches(
        np.ascontiguousarray(candidates.pixels, np.int32),
        np.ascontiguousarray(candidates.geometry, np.float32),
        np.ascontiguousarray(candidates.score_map, np.float32),
        STRIDE,
    )
    return candidates._replace(geometry=geometry) if changed else candidates
