"""TensorFlow and Keras, imported late and quietly."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from .errors import GraphError


def tensorflow() -> ModuleType:
    """The ``tensorflow`` module. Its first import takes seconds and would otherwise print to stderr.

    ``TF_CPP_MIN_LOG_LEVEL`` in the environment still wins: set it to 0 to see everything.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 2 lets "Unable to register cuDNN factory" through
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")
    return tf  # type: ignore[no-any-return]


def keras() -> ModuleType:
    """The ``keras`` module, on whatever backend the process chose."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    return keras  # type: ignore[no-any-return]


def keras_on_tensorflow() -> ModuleType:
    """The ``keras`` module on the TensorFlow backend.

    Raises `GraphError` when this process has already imported Keras on another one.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    module = keras()
    if (backend := module.backend.backend()) != "tensorflow":
        raise GraphError(
            f"this process imported Keras on the {backend!r} backend, and only TensorFlow makes graphs: "
            "use a new process, with KERAS_BACKEND=tensorflow"
        )
    return module


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what native code writes to the process's stderr, and passes it on when the block raises.

    XLA and CUDA report their start-up there whatever the log level: wrap a first compilation in this.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
