"""What Numba compiles is compiled before the tests, which are then about that."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def all_compiled(compiled: None) -> None:
    """For every test here."""
