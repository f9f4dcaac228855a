"""What native libraries write to stderr: held back, unless something fails."""

from __future__ import annotations

import os

import pytest

from east._tensorflow import quiet_stderr


def test_native_output_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"I0000 devices.cc] Number of eligible GPUs: 0\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_native_output_comes_with_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with quiet_stderr():
            os.write(2, b"F0000 out of memory\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "F0000 out of memory\n"
