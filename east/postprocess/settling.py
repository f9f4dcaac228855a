"""The sides of a word's box where most of its pixels see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE, Candidates
from .rbox import decode_quads


def settle(quads: NDArray[np.float32], candidates: Candidates) -> NDArray[np.float32]:
    """Puts each side of a box at the weighted median of where the candidates within the box see it.

    Non-maximum suppression leaves the mean of those candidates that follow each other and overlap most: a few that
    belong to a neighbour, or see but half of a long word, move all four sides, and those far from an end know it no
    better than those beside it. A median leaves the former out; for the left and the right side a candidate counts
    half that is a box's height away from it, a third that is two. The direction stays. A box in which hardly any
    candidate sees about the same stays as it is.

    Source: that the far end of a long word is beyond what a pixel of EAST can see, as Zhang et al. say, "Look more
    than once" (2019), section 1; AdvancedEAST (https://github.com/huoyijie/AdvancedEAST) asks those at the two ends
    only, of which there are few.

    Args:
        quads: float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels, clockwise from the text's top-left corner.
        candidates: of the same image.

    Returns:
        the boxes, float32 ``(M, 4, 2)``, in the same order.
    """
    from .sides import settled

    return settled(
        np.ascontiguousarray(candidates.pixels, np.int32),
        decode_quads(candidates),
        np.ascontiguousarray(quads, np.float32),
        float(STRIDE),
    )
