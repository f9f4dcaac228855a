"""The architecture, as far as it can be told without building it."""

from __future__ import annotations

from east.model.architecture import variable_shapes
from east.model.checkpoint import Variables


def test_variables_are_those_of_the_checkpoints(variables: Variables) -> None:
    assert variable_shapes() == {name: array.shape for name, array in variables.items()}
    assert len(variables) == 306
    assert sum(array.size for array in variables.values()) == 24_122_374
