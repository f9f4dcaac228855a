"""Settings of a configuration changed by name, as the command line's ``--set`` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from .config import Config


def overridden(config: Config, settings: Sequence[str]) -> Config:
    """A configuration with ``NAME=VALUE`` settings applied; names of nested parts are joined by dots.

    Raises: ValueError for a name that is not there or a value that does not fit it.
    """
    for setting in settings:
        name, _, value = setting.partition("=")
        config = _changed(config, name.split("."), value, setting)
    return config


def _changed(part: Any, names: Sequence[str], value: str, setting: str) -> Any:
    name, *rest = names
    fields = sorted(field.name for field in dataclasses.fields(part))
    if name not in fields:
        raise ValueError(f"--set {setting}: there is no {name!r}, only {', '.join(fields)}")
    old = getattr(part, name)
    if dataclasses.is_dataclass(old):
        if not rest:
            raise ValueError(f"--set {setting}: name a part of {name!r}, like {name}.{dataclasses.fields(old)[0].name}")
        return dataclasses.replace(part, **{name: _changed(old, rest, value, setting)})
    if rest:
        raise ValueError(f"--set {setting}: {name!r} has no parts")
    return dataclasses.replace(part, **{name: _parsed(value, old, setting)})


def _parsed(value: str, old: Any, setting: str) -> Any:
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(old, tuple):
            return tuple(type(o)(v) for o, v in zip(old, value.split(","), strict=True))
        return type(old)(value) if old is not None else value
    except (ValueError, KeyError):
        example = ",".join(map(str, old)) if isinstance(old, tuple) else str(old)
        raise ValueError(f"--set {setting}: expected something like {example}") from None
