"""TensorFlow imported quietly, and nothing changed for the rest of the process by that."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Event, Thread

import pytest

from east.frameworks import quiet_stderr


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


def test_threads_may_hold_it_back_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave, inside_too, leave_too = Event(), Event(), Event(), Event()

    def first() -> None:
        with quiet_stderr():
            inside.set()
            leave.wait()

    def second() -> None:
        with quiet_stderr():
            inside_too.set()
            leave_too.wait()

    threads = [Thread(target=first), Thread(target=second)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    inside_too.wait(0.3)  # if it may go in before the first one leaves
    leave.set()
    threads[0].join()
    leave_too.set()
    threads[1].join()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_threads_that_want_tensorflow_at_once_leave_the_warnings_as_they_were() -> None:
    script = """
import threading, warnings
from east.frameworks import keras, tensorflow

before = list(warnings.filters)
threads = [threading.Thread(target=wanted) for wanted in (tensorflow, tensorflow, keras)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print([one for one in warnings.filters if one not in before])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
