"""What reads the words of a job: as it is, or made by each worker for itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, TypeAlias, TypeGuard

from ..options import ReadingOptions
from ..reading import Recogniser, threads_beside

Read: TypeAlias = "Recogniser | type[Any] | partial[Any]"
"""A recogniser; or a class of such, perhaps with its arguments: ``partial(RapidOcr, language="en")``."""


def made(read: Read, threads: int | None) -> Recogniser:
    """The recogniser itself; one that is made here may use half of the detector's ``threads``, if it can be told so."""
    if not _is_made(read):
        return read
    recogniser: Recogniser = _told(read, threads)()
    return recogniser


def bound(read: Read, threads: int | None) -> Read:
    """The same, where each worker has so many ``threads`` for itself."""
    return _told(read, threads) if _is_made(read) else read


def described(read: Read, how: ReadingOptions) -> str:
    """What tells it, and how it is used, from others: ``RapidOcr(language=en, padding=0.0, text_threshold=0.5)``."""
    given: dict[Any, Any]
    if _is_made(read):
        whole = _whole(read)
        name, given = whole.func.__qualname__, {**dict(enumerate(whole.args)), **whole.keywords}
    else:
        name = getattr(read, "name", getattr(read, "__qualname__", type(read).__qualname__))
        given = {"language": getattr(read, "language", None)}
    given |= {"padding": how.padding, "text_threshold": how.least_confidence}
    given["threads"] = None  # on whose number no text depends
    return f"{name}({', '.join(f'{key}={value}' for key, value in given.items() if value is not None)})"


def _is_made(read: Read) -> TypeGuard[type[Any] | partial[Any]]:
    return isinstance(read.func if isinstance(read, partial) else read, type)


def _whole(read: type[Any] | partial[Any]) -> partial[Any]:
    if isinstance(read, partial):
        return read
    kind: Callable[..., Any] = read
    return partial(kind)


def _told(read: type[Any] | partial[Any], threads: int | None) -> partial[Any]:
    whole = _whole(read)
    try:
        takes = "threads" in signature(whole.func).parameters
    except ValueError:  # it does not tell
        takes = False
    return partial(whole, threads=threads_beside(threads)) if takes and "threads" not in whole.keywords else whole
