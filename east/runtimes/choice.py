"""Which runtime runs the network here, and why."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol

from ..errors import EastError, RuntimeUnavailableError, UnsupportedPrecisionError
from ..model.source import ModelSource
from ..options import RUNTIMES, DetectorOptions
from ..types import Precision
from .base import Availability, Runtime
from .conversion.artifacts import Artifact
from .forked import outlives_a_fork
from .gpu.requirements import missing_driver

AUTO = "auto"

_FP32 = (Precision.FP32,)
_log = logging.getLogger(__name__)


class _RuntimeModule(Protocol):
    DEVICES: tuple[str, ...]

    def availability(self, device: str) -> Availability: ...
    def convert(self, source: ModelSource, options: DetectorOptions) -> Artifact: ...
    def load(self, source: ModelSource, options: DetectorOptions) -> Runtime: ...


@dataclass(frozen=True)
class Choice:
    """What ``auto`` takes, and in words why not what would be faster."""

    name: str
    precision: Precision
    passed_over: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join((f"{self.name} {self.precision} is the fastest that works here", *self.passed_over))


def choose(options: DetectorOptions, faithful: Collection[Precision] = _FP32) -> Choice:
    """The fastest runtime and precision that can do what is asked here; see `resolve`.

    Raises `RuntimeUnavailableError` if none runs on the device, `UnsupportedPrecisionError` if none does the precision.
    """
    passed_over: list[str] = []
    error: type[EastError] = RuntimeUnavailableError
    on_gpu = _on_gpu(options)
    for name in RUNTIMES if options.runtime == AUTO else (options.runtime,):
        found = availability(name, options.device)
        wanted = (*found.faster, *_FP32) if options.precision == AUTO else (Precision(options.precision),)
        for precision in wanted:
            if precision not in found.precisions:
                passed_over.append(f"not {name}: {found.missing or f'it has no {precision}'}")
            elif on_gpu and name not in on_gpu:
                passed_over.append(f"not {name}: it does not run on the GPU")
                break
            elif options.precision == AUTO and precision not in faithful:
                passed_over.append(f"not {name} {precision}: how accurate these weights are in it is not on record")
            else:
                return Choice(name, precision, tuple(passed_over))
        if found.precisions:
            error = UnsupportedPrecisionError
    where = "here" if options.device == "auto" else f"on {options.device} here"
    what = "run" if options.precision == AUTO else f"do {options.precision}"
    raise error(f"no runtime can {what} {where}: {'; '.join(passed_over)}")


def resolve(
    options: DetectorOptions, faithful: Collection[Precision] = _FP32, *, converting: bool = False
) -> DetectorOptions:
    """The same options with a runtime and a precision in place of ``auto``, once these are known to work here.

    Args:
        options: what is asked for. ``auto`` is the fastest runtime that has the precision, and the fastest precision of
            the runtime among the ``faithful``.
        faithful: the precisions in which the weights are on record as accurate as in FP32, see `ModelSource.faithful`.
        converting: a runtime that is named need only be able to convert here, for another machine.

    Raises:
        RuntimeUnavailableError: the runtime cannot run here, or not on the device asked for.
        UnsupportedPrecisionError: it cannot do the precision; names the runtimes that can.
    """
    if options.runtime != AUTO:
        _check(options, converting)
    if AUTO not in (options.runtime, options.precision):
        return options
    choice = choose(options, faithful)
    _log.info("%s", choice)
    return replace(options, runtime=choice.name, precision=choice.precision)


def convert_model(source: ModelSource, options: DetectorOptions) -> Artifact:
    """Converts for a runtime, or finds what was converted before, without loading it. Raises like `resolve`."""
    options = resolve(options, source.faithful, converting=True)
    return _module(options.runtime).convert(source, options)


def load_runtime(source: ModelSource, options: DetectorOptions) -> Runtime:
    """Loads the network in the runtime and the precision that `resolve` gives. Raises like that."""
    options = resolve(options, source.faithful)
    return outlives_a_fork(_module(options.runtime).load(source, options))


def availability(name: str, device: str = "auto") -> Availability:
    """What this machine can do with the named runtime, on ``device`` as in `DetectorOptions`."""
    module = _module(name)
    if device != "auto" and device.partition(":")[0] not in module.DEVICES:
        return Availability((), f"it does not run on {device}")
    return module.availability(device)


def _check(options: DetectorOptions, converting: bool) -> None:
    """Raises like `resolve` if the runtime cannot do what is asked."""
    name, precision = options.runtime, options.precision
    found = convertibility(name, options.device) if converting else availability(name, options.device)
    if not found.precisions:
        raise RuntimeUnavailableError(f"runtime {name!r} cannot run here: {found.missing}")
    if precision != AUTO and precision not in found.precisions:
        able = [other for other in RUNTIMES if precision in availability(other, options.device).precisions]
        raise UnsupportedPrecisionError(
            f"runtime {name!r} cannot do {precision} here; it can do {', '.join(found.precisions)}; "
            f"runtimes here that can do {precision}: {', '.join(able) or 'none'}"
        )


def convertibility(name: str, device: str = "auto") -> Availability:
    """What can be converted here for the named runtime: what it can run, but for one that builds for other machines."""
    convertible = getattr(_module(name), "convertible", None)
    return availability(name, device) if convertible is None or device == "cpu" else convertible()


def _on_gpu(options: DetectorOptions) -> list[str]:
    """The runtimes that would use a GPU where they are free to: there the fastest is one of them."""
    if options.runtime != AUTO or options.device != "auto" or missing_driver() is not None:
        return []
    able = {name: availability(name, "gpu").precisions for name in RUNTIMES}
    return [name for name, has in able.items() if (has if options.precision == AUTO else options.precision in has)]


def _module(name: str) -> _RuntimeModule:
    module: _RuntimeModule = import_module(f".{name}", __package__)
    return module
