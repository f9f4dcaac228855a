"""Which runtime runs the network here, and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Protocol

from ..errors import RuntimeUnavailableError, UnsupportedPrecisionError
from ..model.source import ModelSource
from ..types import Precision
from .base import Availability, LoadOptions, Runtime
from .conversion.artifacts import Artifact

NAMES = ("tftrt", "xla", "openvino", "tensorflow")
"""All runtimes, the fastest first: the order in which ``auto`` tries them."""

_log = logging.getLogger(__name__)


class _RuntimeModule(Protocol):
    def availability(self) -> Availability: ...
    def convert(self, source: ModelSource, options: LoadOptions) -> Artifact: ...
    def load(self, source: ModelSource, options: LoadOptions) -> Runtime: ...


@dataclass(frozen=True)
class Choice:
    """What ``auto`` takes; ``passed_over`` says in words why not the faster ones."""

    name: str
    passed_over: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join((f"{self.name} is the fastest that works here", *self.passed_over))


def choose(precision: Precision) -> Choice:
    """The fastest runtime that can do ``precision`` here. Raises `UnsupportedPrecisionError` if none can."""
    passed_over: list[str] = []
    for name in NAMES:
        found = availability(name)
        if precision in found.precisions:
            return Choice(name, tuple(passed_over))
        passed_over.append(f"not {name}: {found.missing or f'it has no {precision}'}")
    raise UnsupportedPrecisionError(f"no runtime can do {precision} here: {'; '.join(passed_over)}")


def resolve(name: str, precision: Precision) -> str:
    """The named runtime, or for ``auto`` the fastest, once it is known to work here.

    Raises ``ValueError`` for an unknown name, `RuntimeUnavailableError` when it cannot run here and
    `UnsupportedPrecisionError` when it cannot do the precision, with the runtimes that can.
    """
    if name == "auto":
        choice = choose(precision)
        _log.info("%s", choice)
        return choice.name
    found = availability(name)
    if not found.precisions:
        raise RuntimeUnavailableError(f"runtime {name!r} cannot run here: {found.missing}")
    if precision not in found.precisions:
        able = [other for other in NAMES if precision in availability(other).precisions]
        raise UnsupportedPrecisionError(
            f"runtime {name!r} cannot do {precision} here; it can do {', '.join(found.precisions)}; "
            f"runtimes here that can do {precision}: {', '.join(able) or 'none'}"
        )
    return name


def convert_model(source: ModelSource, name: str, options: LoadOptions) -> Artifact:
    """Converts for a runtime, or finds what was converted before, without loading it. Raises like `resolve`."""
    return _module(resolve(name, options.precision)).convert(source, options)


def load_runtime(source: ModelSource, name: str, options: LoadOptions) -> Runtime:
    """Loads the network in the named runtime, or for ``auto`` in the fastest. Raises like `resolve`."""
    return _module(resolve(name, options.precision)).load(source, options)


def availability(name: str) -> Availability:
    """What this machine can do with the named runtime. Raises ``ValueError`` for an unknown name."""
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose auto, {', '.join(NAMES)}"
        raise ValueError(f"no runtime named {name!r}; {hint}")
    return _module(name).availability()


def _module(name: str) -> _RuntimeModule:
    module: _RuntimeModule = import_module(f".{name}", __package__)
    return module
