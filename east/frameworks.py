"""TensorFlow, Keras, OpenVINO and ONNX Runtime, imported late and quietly."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from types import ModuleType

from .extras import missing_package

_FATAL = 4  # ONNX Runtime's number
_importing = Lock()
_holding_back = Lock()


def tensorflow(purpose: str = "this") -> ModuleType:
    """The ``tensorflow`` module. Its first import takes seconds and would otherwise print to stderr.

    ``TF_CPP_MIN_LOG_LEVEL`` in the environment still wins: set it to 0 to see everything.

    Args:
        purpose: what needs it, for the error.

    Raises:
        MissingPackageError: it is not installed.
    """
    return _imported("tensorflow", purpose)


def keras() -> ModuleType:
    """The ``keras`` module, on whatever backend the process chose; raises like `tensorflow`."""
    return _imported("keras", "training")


def openvino() -> ModuleType:
    """The ``openvino`` module.

    OpenVINO reports its use to its makers through ``openvino_telemetry`` when it can be imported,
    without asking. A detector has no business doing that, so here it cannot; both go on without it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # noqa: TID251

    return openvino  # type: ignore[no-any-return]


def onnxruntime() -> ModuleType:
    """The ``onnxruntime`` module, which keeps to itself what it is used for; raises like `tensorflow`."""
    module = _imported("onnxruntime", "ONNX Runtime")
    module.disable_telemetry_events()
    module.set_default_logger_severity(_FATAL)  # it prints errors that it overcomes, and raises the others
    return module


def _imported(name: str, purpose: str) -> ModuleType:
    """A module; without a word, if this is the first to import it.

    Warnings are filtered for the whole process, and of two threads that change the filters for a while one may leave
    them changed for good: so they are changed once.
    """
    if name not in sys.modules:
        with _importing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 2 lets "Unable to register cuDNN factory" through
            try:
                import_module(name)
            except ModuleNotFoundError as error:
                raise missing_package(error, purpose) from error
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return import_module(name)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what native code writes to the process's stderr, and passes it on when the block raises.

    XLA and CUDA report their start-up there whatever the log level: wrap a first compilation in this. One thread at a
    time: others wait.
    """
    with _holding_back, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        terminal = os.dup(2)
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
