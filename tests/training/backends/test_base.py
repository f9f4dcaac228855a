from __future__ import annotations

import numpy as np

from east.model.network import build_network
from east.training.backends.base import with_letter_head
from east.training.data.letters import LETTER_CLASSES


def test_a_network_that_reads_finds_what_it_found_without() -> None:
    network = build_network()
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype(np.float32)
    score, geometry = network(images)
    found, measured, letters = with_letter_head(network)(images)
    np.testing.assert_array_equal(found, score)
    np.testing.assert_array_equal(measured, geometry)
    assert letters.shape == (2, 16, 24, LETTER_CLASSES)


def test_a_letter_head_in_half_precision_keeps_whole_variables_and_logits() -> None:
    reading = with_letter_head(build_network(dtype="mixed_bfloat16"))
    assert {str(variable.dtype) for variable in reading.variables} == {"float32"}
    assert reading.outputs[-1].dtype == "float32"
