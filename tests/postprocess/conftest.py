"""What Numba compiles is compiled before the tests, which are then about that."""

from __future__ import annotations

import pytest

from east.compiling import compile_now


@pytest.fixture(scope="session", autouse=True)
def all_compiled() -> None:
    compile_now()
