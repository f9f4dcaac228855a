"""What an operator can set: by flag (``--limits.image-bytes``) or environment (``EAST_LIMITS__IMAGE_BYTES``).

What the detector is told is not declared here: those settings are derived from `east.options.DetectorOptions`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PlainValidator,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from east.option_fields import Leaf, leaves, to_paths
from east.options import RECOGNISERS, DetectorOptions, ReadingOptions
from east.types import Size

from .memory import affordable_pixels
from .problems import shown

MIB = 1024 * 1024

Declared = TypeVar("Declared", bound=BaseModel)
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def _split(value: object) -> object:
    """Words between commas or blanks."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def value_of(leaf: Leaf, value: Any) -> Any:
    return leaf.parsed(value) if isinstance(value, str) else leaf.checked(value)


_INPUT_SIZE = next(leaf for leaf in leaves(DetectorOptions) if leaf.path == ("input_size",))

Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Networks = Annotated[list[IPvAnyNetwork], NoDecode, BeforeValidator(_split)]
NetworkSize = Annotated[Size, PlainValidator(partial(value_of, _INPUT_SIZE))]

_live: Any = partial(Field, json_schema_extra={"live": True})
"""Declares a setting that is read whenever it is used, and so can change while the service runs."""


def with_fields(fields: Mapping[str, Any]) -> Callable[[type[Declared]], type[Declared]]:
    """Adds fields, given as ``pydantic.create_model`` takes them, to a model that is being declared."""

    def decorate(model: type[Declared]) -> type[Declared]:
        inherited = {"__base__": model, "__module__": model.__module__, "__doc__": model.__doc__}
        return cast(type[Declared], create_model(model.__name__, **inherited, **fields))  # type: ignore[call-overload]

    return decorate


class SettingsGroup(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(SettingsGroup):
    """What a client may send, and for how long."""

    image_bytes: Count = _live(default=32 * MIB, description="bytes of one image")
    body_bytes: Count = _live(default=64 * MIB, description="bytes of one request, all its images together")
    pixels: Count = Field(
        default_factory=affordable_pixels,
        description="pixels of one image, by its header; as many as memory allows if not given",
    )
    parts: Count = _live(default=32, description="parts of a multipart body")
    images: Count = _live(default=16, description="images of one batch request")
    words: Count = _live(default=1000, description="words of one image that are read")
    boxes: Count = Field(default=4000, description="boxes of one image that are compared with each other")
    header_seconds: Seconds = Field(default=10, description="time a client has to send its request header")
    body_seconds: Seconds = _live(default=30, description="time a client has to send its request body")
    answer_seconds: Seconds = Field(default=120, description="time a client has to take its answer")
    connections: Count = Field(default=1000, description="open connections")


class Queue(SettingsGroup):
    """What may wait, and for how long."""

    requests: Count = _live(default=64, description="images waiting for the network")
    bytes: Count = _live(default=256 * MIB, description="bytes of images held until answered, of answers until sent")
    deadline_seconds: Seconds = _live(default=30, description="time from a request's arrival to its answer")
    parallel: Count | None = Field(default=None, description="detections at a time; chosen when not given")
    batch: Count | None = Field(default=None, description="images in one run; the runtime's own when not given")
    batch_milliseconds: float = _live(default=2, ge=0, description="time a batch waits for company")
    stuck_seconds: Seconds = _live(default=120, description="a detection that takes longer counts as a dead runtime")


class Security(SettingsGroup):
    """Who may call."""

    keys: Words = _live(default=[], description="keys as NAME:SHA256, from `python -m serving.auth NAME`")
    keys_file: Path | None = _live(default=None, description="file with one NAME:SHA256 a line")
    requests_per_minute: Count | None = _live(default=None, description="limit of each key, or address without keys")
    trusted_proxies: Networks = Field(
        default=[], description="addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    cors_origins: Words = Field(default=[], description="origins whose pages may call, * for all")


_LIMITS = {"max_boxes": "limits__boxes", "max_pixels": "limits__pixels"}
"""The options of the detector that are limits of the service, with defaults of its own."""


def _option_fields(options: type[Any]) -> dict[str, Any]:
    """A field for every option of a class; for every group in it a model that becomes the group once validated."""
    fields: dict[str, Any] = {}
    for leaf in leaves(options):
        name = leaf.path[0]
        if name in _LIMITS or name in fields:
            continue
        if len(leaf.path) == 1:
            simple = (leaf.kind is bool or leaf.number is not None) and not leaf.several
            kind: Any = leaf.kind if simple else Literal[leaf.choices] if leaf.choices else str
            told = Field(default=leaf.default, description=leaf.about.help)
            fields[name] = (Annotated[kind, PlainValidator(partial(value_of, leaf))], told)
        else:
            group = get_type_hints(options)[name]
            about = str(group.__doc__).partition("\n")[0]
            model = create_model(group.__name__, __base__=SettingsGroup, __doc__=about, **_option_fields(group))
            fields[name] = (Annotated[model, AfterValidator(partial(_group, group))], model())
    return fields


def _reading_fields() -> dict[str, Any]:
    """A field for every option of reading; by default nothing reads."""
    fields = _option_fields(ReadingOptions)
    told = "what reads the words for POST /read and /read/batch; it is loaded at the start"
    names: Any = ("none", *RECOGNISERS)
    return fields | {
        "recogniser": (Annotated[Literal[names], BeforeValidator(_lower)], Field(default="none", description=told))
    }


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _group(group: Callable[..., Any], values: BaseModel) -> Any:
    return group(**dict(values))


@with_fields(_option_fields(DetectorOptions) | _reading_fields())
class Settings(BaseSettings):
    """Detects words in images, over HTTP. Every flag can be given by environment: --max-side as EAST_MAX_SIDE."""

    model_config = SettingsConfigDict(
        env_prefix="EAST_",
        env_nested_delimiter="__",
        frozen=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
        cli_kebab_case=True,
        cli_use_class_docs_for_groups=True,
    )

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    admin_port: int | None = Field(
        default=None, ge=0, le=65535, description="a second port, for probes and metrics alone; 0 takes a free one"
    )
    admin_host: str | None = Field(default=None, description="address of the second port; that of --host if not given")
    settings_file: Path | None = Field(
        default=None, description="file with one EAST_NAME=VALUE a line; flags and environment win over it"
    )
    warm_up: Annotated[list[NetworkSize], NoDecode, BeforeValidator(_split)] = Field(
        default=[], description="network sizes, HEIGHTxWIDTH, to be ready for before the first request"
    )
    shutdown_seconds: Count = Field(default=30, description="time to finish accepted requests when told to stop")
    log_format: Literal["auto", "json", "console"] = Field(default="auto", description="auto is console on a terminal")
    log_level: Literal["debug", "info", "warning", "error"] = _live(default="info", description="least level logged")
    verbose: bool = _live(default=False, description="the same as --log-level debug")
    debug: bool = Field(default=False, description="show a traceback when the service cannot start")
    limits: Limits = Limits()
    queue: Queue = Queue()
    security: Security = Security()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment without what Kubernetes has put there, then the file that is named by flag or environment."""
        assert isinstance(env_settings, EnvSettingsSource)  # noqa: S101 -- the base class says less
        assert isinstance(dotenv_settings, DotEnvSettingsSource)  # noqa: S101
        variables = env_settings.env_vars.items()
        env_settings.env_vars = {name: value for name, value in variables if not _is_service_link(name, value)}
        file = dotenv_settings.env_file or env_settings.env_vars.get("east_settings_file")
        if file:
            Path(str(file)).open().close()  # the library takes a file that is not there for an empty one
            dotenv_settings = DotEnvSettingsSource(settings_cls, file, "utf-8")
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @model_validator(mode="after")
    def _queue_takes_a_batch(self) -> Settings:
        if self.queue.requests < (images := self.limits.images):
            raise ValueError(f"--queue.requests ({self.queue.requests}) must not be under --limits.images ({images})")
        return self

    def reading_options(self) -> ReadingOptions:
        """How words are read, if they are; all texts count of a recogniser that the settings do not name."""
        told = {leaf.name: getattr(self, leaf.name) for leaf in leaves(ReadingOptions)}
        if not self.reads:
            told |= {"recogniser": ReadingOptions.recogniser, "text_threshold": told["text_threshold"] or 0.0}
        return ReadingOptions(**told)

    @property
    def reads(self) -> bool:
        """Whether a recogniser is to be loaded."""
        return bool(self.model_dump(include={"recogniser"})["recogniser"] != "none")

    def detector_options(self) -> DetectorOptions:
        """What the detector is told."""
        names = {leaf.path[0] for leaf in leaves(DetectorOptions)}
        values = {name: getattr(self, name) for name in names.difference(_LIMITS)}
        return DetectorOptions(**values, max_boxes=self.limits.boxes, max_pixels=self.limits.pixels)


class ClusterSettings(Settings):
    """Detects words in images, over HTTP. Every flag can be given by environment: --max-side as EAST_MAX_SIDE."""

    ray: bool = Field(default=False, description="serve by replicas on a Ray cluster")
    ray_address: str | None = Field(
        default=None,
        description="of that cluster, auto for the one of this machine; that of RAY_ADDRESS, or a new one on this "
        "machine, if not given",
    )
    replicas: Count | Literal["auto"] = Field(
        default=1, description="detectors, each a process of its own; auto follows the requests under way"
    )
    least_replicas: Count = Field(default=1, description="with --replicas auto")
    most_replicas: Count = Field(default=10, description="with --replicas auto")
    requests_per_replica: Count = Field(default=4, description="under way at each, with --replicas auto")
    cpus_per_replica: Count = Field(default=2, description="processor cores of each")
    gpus_per_replica: float = Field(default=0, ge=0, description="GPUs of each, or a share of one")

    @model_validator(mode="after")
    def _of_a_cluster(self) -> ClusterSettings:
        own = set(ClusterSettings.model_fields) - set(Settings.model_fields) - {"ray"}
        given = sorted(own & self.model_fields_set)
        if given and not self.ray:
            raise ValueError(f"--{given[0].replace('_', '-')} needs --ray")
        if self.least_replicas > self.most_replicas:
            raise ValueError(
                f"--least-replicas ({self.least_replicas}) must not be over --most-replicas ({self.most_replicas})"
            )
        if self.ray and self.admin_port is not None:
            raise ValueError("--admin-port is not for --ray: replicas have no ports of their own")
        return self

    @model_validator(mode="after")
    def _of_a_recogniser(self) -> ClusterSettings:
        own = {leaf.name for leaf in leaves(ReadingOptions)} - {"recogniser"}
        given = sorted(own & self.model_fields_set)
        if given and not self.reads:
            raise ValueError(f"--{given[0].replace('_', '-')} needs --recogniser")
        return self


def with_live(current: Declared, new: Declared, group: str = "") -> tuple[Declared, list[str], list[str]]:
    """Takes over the settings that can change while the service runs.

    Returns:
        the current settings with those of the new ones; the flags that changed; the flags that need a new start.
    """
    update: dict[str, Any] = {}
    changed: list[str] = []
    fixed: list[str] = []
    for name, field in type(current).model_fields.items():
        old, value = getattr(current, name), getattr(new, name)
        if isinstance(old, SettingsGroup):
            update[name], more, still = with_live(old, value, f"{name}.")
            changed += more
            fixed += still
        elif old != value:
            flag = f"--{group}{name}".replace("_", "-")
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("live"):
                update[name] = value
                changed.append(flag)
            else:
                fixed.append(flag)
    return current.model_copy(update=update), changed, fixed


def complaints(error: Exception) -> list[str]:
    """What is wrong with settings, a line each, by the names of the flags, or of the variables that they come from."""
    if not isinstance(error, ValidationError):
        return [str(error)]
    lines = []
    for wrong in error.errors():
        names = [str(part) for part in wrong["loc"] if not isinstance(part, int)]
        variable = _variable_of(names, wrong["input"])
        flag = variable or "--" + ".".join(names).replace("_", "-")
        told = wrong.get("ctx", {}).get("error", f"{wrong['msg']}, got {shown(repr(wrong['input']))}")
        told = shown(str(told), 500)
        lines.append(f"{flag}: {told}" if names else told)
    return lines


def _variable_of(names: list[str], text: object) -> str | None:
    """The variable of the environment, if any, that gives a setting this text."""
    wanted = f"EAST_{'__'.join(names)}".upper()
    given = {name.upper(): (name, value) for name, value in os.environ.items()}
    name, value = given.get(wanted, ("", ""))
    return name if name and text in (value, *value.replace(",", " ").split()) else None


_ELSEWHERE = {"EAST_CACHE_DIR", "EAST_WEIGHTS_DIR"}
"""What the library reads itself."""

_LINK_NAME = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")


def _is_service_link(name: str, value: str | None) -> bool:
    """Whether a variable that is named like a setting is what Kubernetes tells of a Service of that name."""
    return name.upper().endswith("_PORT") and re.match("(tcp|udp|sctp)://", value or "") is not None


def _variables(model: type[BaseModel], prefix: str = "EAST_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}".upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, f"{prefix}{name}__")


def ignored_variables(variables: Mapping[str, str]) -> list[str]:
    """A line for each environment variable that somebody may take for a setting, though it is none."""
    names = {*_variables(ClusterSettings), *_ELSEWHERE}
    lines = []
    for name, value in sorted(variables.items()):
        if name.upper() in names:
            if _is_service_link(name, value):
                lines.append(
                    f"{name}={value} is ignored: it is no setting but Kubernetes' link to a Service; "
                    "`enableServiceLinks: false` in the pod keeps such links away"
                )
        elif name.upper().startswith("EAST_") and not _LINK_NAME.fullmatch(name):
            meant = difflib.get_close_matches(name.upper(), names, 1, 0.85)
            lines += [f"{name} is ignored: there is no such setting; {near} is one" for near in meant]
    return lines


def environment(options: DetectorOptions) -> dict[str, str]:
    """The environment in which a service gives its detector these options."""
    variables = {}
    for path, value in to_paths(options).items():
        if value is not None:
            name = "__".join(path)
            text = ",".join(map(str, value)) if type(value) is tuple else str(value)
            variables[f"EAST_{_LIMITS.get(name, name)}".upper()] = text
    return variables
