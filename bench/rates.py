"""How fast something went, from when how much of it was done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def middle_rate(times: Sequence[tuple[int, float]]) -> float:
    """Images a second, by how many were done when, in the middle half; in the whole of a job of few shards."""
    done, when = np.array(times).T
    middle = (done >= done[-1] / 4) & (done <= done[-1] * 3 / 4)
    some = middle if np.count_nonzero(middle) > 1 else slice(None)
    rate, _ = np.polyfit(when[some], done[some], 1)  # shards come in bursts, so not by the first and the last alone
    return float(rate)
