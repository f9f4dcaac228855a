"""Which runtime runs the network here, and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from ..errors import EastError, RuntimeUnavailableError, UnsupportedPrecisionError
from ..model.source import ModelSource
from ..options import RUNTIMES, DetectorOptions
from .base import Availability, Runtime
from .conversion.artifacts import Artifact
from .gpu.requirements import missing_driver

_log = logging.getLogger(__name__)


class _RuntimeModule(Protocol):
    DEVICES: tuple[str, ...]

    def availability(self, device: str) -> Availability: ...
    def convert(self, source: ModelSource, options: DetectorOptions) -> Artifact: ...
    def load(self, source: ModelSource, options: DetectorOptions) -> Runtime: ...


@dataclass(frozen=True)
class Choice:
    """The runtime that ``auto`` takes, and in words why not the faster ones."""

    name: str
    passed_over: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join((f"{self.name} is the fastest that works here", *self.passed_over))


def choose(options: DetectorOptions) -> Choice:
    """The fastest runtime that can do what is asked here.

    Raises `RuntimeUnavailableError` if none runs on the device, `UnsupportedPrecisionError` if none does the precision.
    """
    passed_over: list[str] = []
    error: type[EastError] = RuntimeUnavailableError
    on_gpu = _on_gpu(options)
    for name in RUNTIMES:
        found = availability(name, options.device)
        able = options.precision in found.precisions
        if able and (not on_gpu or name in on_gpu):
            return Choice(name, tuple(passed_over))
        if found.precisions:
            error = UnsupportedPrecisionError
        why = "it does not run on the GPU" if able else found.missing or f"it has no {options.precision}"
        passed_over.append(f"not {name}: {why}")
    where = "here" if options.device == "auto" else f"on {options.device} here"
    raise error(f"no runtime can do {options.precision} {where}: {'; '.join(passed_over)}")


def resolve(options: DetectorOptions, *, converting: bool = False) -> str:
    """The runtime asked for, or for ``auto`` the fastest, once it is known to work here.

    With ``converting``, a runtime that is named need only be able to convert here, for another machine.

    Raises `RuntimeUnavailableError` if it cannot run here, or not on the device asked for; `UnsupportedPrecisionError`,
    naming the runtimes that can, if it cannot do the precision.
    """
    if options.runtime == "auto":
        choice = choose(options)
        _log.info("%s", choice)
        return choice.name
    name, precision = options.runtime, options.precision
    found = convertibility(name, options.device) if converting else availability(name, options.device)
    if not found.precisions:
        raise RuntimeUnavailableError(f"runtime {name!r} cannot run here: {found.missing}")
    if precision not in found.precisions:
        able = [other for other in RUNTIMES if precision in availability(other, options.device).precisions]
        raise UnsupportedPrecisionError(
            f"runtime {name!r} cannot do {precision} here; it can do {', '.join(found.precisions)}; "
            f"runtimes here that can do {precision}: {', '.join(able) or 'none'}"
        )
    return name


def convert_model(source: ModelSource, options: DetectorOptions) -> Artifact:
    """Converts for a runtime, or finds what was converted before, without loading it. Raises like `resolve`."""
    return _module(resolve(options, converting=True)).convert(source, options)


def load_runtime(source: ModelSource, options: DetectorOptions) -> Runtime:
    """Loads the network in the runtime asked for, or for ``auto`` in the fastest. Raises like `resolve`."""
    return _module(resolve(options)).load(source, options)


def availability(name: str, device: str = "auto") -> Availability:
    """What this machine can do with the named runtime, on ``device`` as in `DetectorOptions`."""
    module = _module(name)
    if device != "auto" and device.partition(":")[0] not in module.DEVICES:
        return Availability((), f"it does not run on {device}")
    return module.availability(device)


def convertibility(name: str, device: str = "auto") -> Availability:
    """What can be converted here for the named runtime: what it can run, but for one that builds for other machines."""
    convertible = getattr(_module(name), "convertible", None)
    return availability(name, device) if convertible is None or device == "cpu" else convertible()


def _on_gpu(options: DetectorOptions) -> list[str]:
    """The runtimes that would use a GPU where they are free to: there the fastest is one of them."""
    if options.device != "auto" or missing_driver() is not None:
        return []
    return [name for name in RUNTIMES if options.precision in availability(name, "gpu").precisions]


def _module(name: str) -> _RuntimeModule:
    module: _RuntimeModule = import_module(f".{name}", __package__)
    return module
