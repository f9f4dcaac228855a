"""What an option is: a field of a dataclass that knows its bounds and its help, and can be read from a text."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from functools import reduce, wraps
from inspect import Parameter, signature
from operator import index
from types import SimpleNamespace
from typing import (
    Any,
    Concatenate,
    Literal,
    NamedTuple,
    ParamSpec,
    SupportsIndex,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from .types import Size

Value = TypeVar("Value")
Group = TypeVar("Group", bound="Options")
Class = TypeVar("Class")
Built = TypeVar("Built")
Parameters = ParamSpec("Parameters")


@dataclass(frozen=True)
class About:
    """What is known of an option besides its type and its default.

    Attributes:
        help: what it does, in words.
        section: the group of flags it stands in.
        flag: its flag, where that is not its name with dashes; ``alias`` is a second one.
        metavar: what its value is called in help.
        least, most, above: bounds of a number.
        choices: all that it may be; ``pattern`` does the same for texts.
    """

    help: str
    section: str = "detection"
    flag: str = ""
    alias: str = ""
    metavar: str = ""
    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    choices: tuple[str, ...] = ()
    pattern: str = ""


def option(default: Value, help: str, **about: Any) -> Value:
    """Declares an option in a class of options; ``about`` are the fields of `About`."""
    return field(default=default, metadata={"about": About(help, **about)})


def group(default: Value, section: str) -> Value:
    """Declares a group of options in a class of options: another such class, frozen. ``section``: of its flags."""
    return field(default=default, metadata={"section": section})


class Options:
    """Base of the classes of options: checks every value against what the class says of it."""

    def __post_init__(self) -> None:
        """Raises ``ValueError`` that names the first option whose value is out of bounds, or no such group."""
        for name, kind in _groups(type(self)).items():
            if not isinstance(value := getattr(self, name), kind):
                raise ValueError(f"{name} must be an {kind.__module__}.{kind.__qualname__}, got {value!r}")
        for leaf in leaves(type(self)):
            if len(leaf.path) == 1:
                try:
                    object.__setattr__(self, leaf.name, leaf.checked(getattr(self, leaf.name)))
                except ValueError as error:
                    raise ValueError(f"{leaf.name} {error}") from None


class Leaf(NamedTuple):
    """One option of a class of options, or of a group in it.

    Attributes:
        path: its name, after that of its group if it is in one.
        default: its value where nobody says otherwise.
        kind: ``str``, ``int``, ``float``, ``bool`` or `Size`, a ``Literal`` of texts, or a number or one of some texts.
        optional: whether it may be None.
        several: whether it is a tuple of that kind.
        section: the group of flags it stands in.
    """

    path: tuple[str, ...]
    default: Any
    kind: Any
    optional: bool
    several: bool
    section: str
    about: About

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]

    @property
    def choices(self) -> tuple[str, ...]:
        """All texts that it may be, where that is known."""
        literals = [one for one in (self.kind, *get_args(self.kind)) if get_origin(one) is Literal]
        return self.about.choices or (get_args(literals[0]) if literals else ())

    @property
    def number(self) -> type[int] | type[float] | None:
        """What kind of number it may be, if it may be one."""
        return next((one for one in (self.kind, *get_args(self.kind)) if one in (int, float)), None)

    @property
    def metavar(self) -> str | None:
        """What its value is called in help."""
        listed = f"{{{','.join(self.choices)}}}" if self.choices else None
        return self.about.metavar or listed or {int: "N", float: "X", Size: "HxW"}.get(self.kind)

    def parsed(self, text: str) -> Any:
        """The value that a text stands for. Raises ``ValueError``: what it must be instead."""
        if self.several:
            return self.checked(tuple(self._read(part) for part in text.replace(",", " ").split()))
        return self.checked(self._read(text))

    def parsed_one(self, text: str) -> Any:
        """One of the values of an option that has several. Raises like `parsed`."""
        return self._checked(self._read(text))

    def checked(self, value: Any) -> Any:
        """The value itself, in its proper type. Raises ``ValueError``: what it must be instead."""
        if value is None and self.optional:
            return None
        if self.several:
            if not isinstance(value, (tuple, list)) or not value:
                raise self._refusal(value)
            return tuple(self._checked(one) for one in value)
        return self._checked(value)

    def _read(self, text: str) -> Any:
        try:
            if self.kind is bool:
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
            if self.kind is Size:
                return Size.of_network([int(side) for side in text.lower().split("x")])
            return text if self.number is None or text.lower() in self.choices else self.number(text)
        except (ValueError, KeyError):
            raise self._refusal(text) from None

    def _checked(self, value: Any) -> Any:
        if self.kind is Size:
            return Size.of_network(value)
        if self.choices:
            matching = [choice for choice in self.choices if choice.lower() == str(value).lower()]
            if matching:
                return matching[0]
            if self.number is None:
                raise self._refusal(value)
        if self.number is not None:
            try:
                number = index(value) if self.number is int else float(value)
            except (TypeError, ValueError):
                raise self._refusal(value) from None
            about = self.about
            if (
                isinstance(value, (bool, str, bytes))
                or not about.above < number
                or not about.least <= number <= about.most
            ):
                raise self._refusal(value)
            return number
        fits = isinstance(value, bool) if self.kind is bool else isinstance(value, (str, os.PathLike))
        if not fits or (self.about.pattern and not re.fullmatch(self.about.pattern, str(value))):
            raise self._refusal(value)
        return value

    def _refusal(self, value: Any) -> ValueError:
        near = get_close_matches(str(value), self.choices, n=1)
        hint = f"; did you mean {str(near[0])!r}?" if near else ""
        got = str(value) if isinstance(value, str) else value  # or a `Precision` shows as an enum's member
        return ValueError(f"must be {self._wanted(value)}, got {got!r}{hint}")

    def _wanted(self, value: Any) -> str:
        about = self.about
        if self.choices:
            listed = ", ".join(self.choices)
            return f"one of {listed}" if self.number is None else f"{listed} or {self._wanted_number(value)}"
        if self.number is not None:
            return self._wanted_number(value)
        texts = {bool: "true or false", Size: "HEIGHTxWIDTH, multiples of 32 such as 672x1280"}
        return texts.get(self.kind, about.help if about.pattern else "a text")

    def _wanted_number(self, value: Any) -> str:
        about = self.about
        number = "whole number" if self.number is int else "number"
        words = f"one or more {number}s" if self.several else f"a {number}"
        right = not (self.several or self.choices) and type(value) in ({int} if self.number is int else {int, float})
        if about.most < math.inf:
            bounds = f"between {max(about.least, about.above):g} and {about.most:g}"
            return bounds if right else f"{words} {bounds}"
        if about.least > -math.inf:
            return f"at least {about.least:g}" if right else f"{words} of at least {about.least:g}"
        return words


def unknown(where: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for an option that is not there: which there are, and which of them may have been meant."""
    every = list(known)
    near = get_close_matches(name, every, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return TypeError(f"{where} has no option {name!r}; it has {', '.join(every)}{hint}")


def leaves(options: type[Any]) -> tuple[Leaf, ...]:
    """All options of a class, those of its groups after each group's name, in the order of their sections."""
    if options not in _LEAVES:
        found = list(_leaves(options, (), ""))
        sections = list(dict.fromkeys(leaf.section for leaf in reversed(found)))[::-1]
        _LEAVES[options] = tuple(sorted(found, key=lambda leaf: sections.index(leaf.section)))
    return _LEAVES[options]


_LEAVES: dict[type[Any], tuple[Leaf, ...]] = {}


def _groups(options: type[Any]) -> dict[str, type[Any]]:
    """The groups of a class of options, by name."""
    if options not in _GROUPS:
        kinds = _kinds(options)
        _GROUPS[options] = {one.name: kinds[one.name] for one in fields(options) if is_dataclass(kinds[one.name])}
    return _GROUPS[options]


_GROUPS: dict[type[Any], dict[str, type[Any]]] = {}


def check_switches(**switches: object) -> None:
    """Raises ``ValueError`` that names the first of some arguments of a function that is neither true nor false."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")


def check_counts(**counts: object) -> None:
    """Raises ``ValueError`` that names the first of some arguments of a function that is no number of things."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, SupportsIndex):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if index(value) < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _leaves(options: type[Any], path: tuple[str, ...], section: str) -> Iterator[Leaf]:
    hints = _kinds(options)
    for one in fields(options):
        if is_dataclass(hints[one.name]):
            yield from _leaves(hints[one.name], (*path, one.name), one.metadata["section"])
        else:
            yield _leaf(one, hints[one.name], path, section)


def _kinds(options: type[Any]) -> dict[str, Any]:
    """The types of a class's fields; of a whole class Python 3.10 does not tell them where one is ``_: KW_ONLY``."""
    kinds: dict[str, Any] = {}
    for base in reversed(options.__mro__):
        own = {name: kind for name, kind in vars(base).get("__annotations__", {}).items() if name != "_"}
        kinds |= get_type_hints(SimpleNamespace(__annotations__=own), vars(sys.modules[base.__module__]))
    return kinds


def _leaf(one: Field[Any], hint: Any, path: tuple[str, ...], section: str) -> Leaf:
    about: About = one.metadata["about"]
    kinds = get_args(hint) if get_origin(hint) not in (tuple, Literal, None) else (hint,)
    kind = next(kind for kind in kinds if kind is not type(None))
    if kind in (int, float) and any(get_origin(one) is Literal for one in kinds):
        kind = hint
    several = get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis
    if several:
        kind = get_args(kind)[0]
    elif get_origin(kind) is tuple:
        kind = Size
    optional = type(None) in kinds
    return Leaf((*path, one.name), one.default, kind, optional, several, section or about.section, about)


def to_paths(options: Options) -> dict[tuple[str, ...], Any]:
    """Every value by `Leaf.path`: what `from_paths` takes."""
    return {leaf.path: reduce(getattr, leaf.path, options) for leaf in leaves(type(options))}


def from_paths(options: type[Group], values: Mapping[tuple[str, ...], Any]) -> Group:
    """Options with values given by `Leaf.path`; the others have their defaults."""
    given: dict[str, Any] = {path[0]: value for path, value in values.items() if len(path) == 1}
    for name, kind in _kinds(options).items():
        inside = {path[1:]: value for path, value in values.items() if path[0] == name and len(path) > 1}
        if inside:
            given[name] = from_paths(kind, inside)
    return options(**given)


def built_from(
    options: Callable[Parameters, Built],
) -> Callable[[Callable[[Class, Built], None]], Callable[Concatenate[Class, Parameters], None]]:
    """Makes an ``__init__`` that takes options as one object take them one by one, types and defaults included."""

    def decorate(init: Callable[[Class, Built], None]) -> Callable[Concatenate[Class, Parameters], None]:
        @wraps(init)
        def one_by_one(self: Class, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            for name in kwargs:
                if name not in given.parameters:
                    raise unknown(type(self).__name__, name, given.parameters)
            init(self, options(*args, **kwargs))

        first = Parameter("self", Parameter.POSITIONAL_ONLY)
        given = signature(options)
        one_by_one.__signature__ = given.replace(parameters=[first, *given.parameters.values()])  # type: ignore[attr-defined]
        return one_by_one

    return decorate


def described(options: type[Class]) -> type[Class]:
    """Lists the options of a class in its docstring."""
    lines = "".join(f"        {'.'.join(leaf.path)}: {leaf.about.help}.\n" for leaf in leaves(options))
    options.__doc__ = f"{options.__doc__}\n\n    Attributes:\n{lines}    "
    return options
