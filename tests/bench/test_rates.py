"""The rate of a batch job: of its middle, or of all where there is no middle."""

from __future__ import annotations

import pytest

from bench.rates import middle_rate


def test_a_slow_start_and_end_do_not_count() -> None:
    times = [(0, 0.0), (10, 50.0), *((done, 50 + done / 10) for done in range(20, 80, 10)), (90, 90.0), (100, 190.0)]
    assert middle_rate(times) == pytest.approx(10)


def test_of_few_shards_all_count() -> None:
    assert middle_rate([(0, 1.0), (3, 3.0)]) == pytest.approx(1.5)
