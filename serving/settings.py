"""What an operator can set: by flag (``--limits.image-bytes``) or environment (``EAST_LIMITS__IMAGE_BYTES``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Words = Annotated[list[str], NoDecode]


def _words(value: object) -> object:
    """Words between commas or blanks."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def shape(text: str) -> tuple[int, int]:
    """Height and width of ``672x1280``. Raises ``ValueError`` for anything the network does not take."""
    try:
        height, width = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise ValueError(f"must be HEIGHTxWIDTH, got {text!r}") from None
    if any(side % 32 or not 32 <= side <= 8192 for side in (height, width)):
        raise ValueError(f"must be multiples of 32 from 32 to 8192, got {text!r}")
    return height, width


def _checked_shape(text: str) -> str:
    shape(text)
    return text


Shape = Annotated[str, AfterValidator(_checked_shape)]
Shapes = Annotated[list[Shape], NoDecode]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Group):
    """What a client may send, and for how long."""

    image_bytes: Count = Field(default=16 * MIB, description="bytes of one image")
    body_bytes: Count = Field(default=64 * MIB, description="bytes of one request, all its images together")
    pixels: Count = Field(default=50_000_000, description="pixels of one image, told from its header")
    parts: Count = Field(default=32, description="parts of a multipart body")
    images: Count = Field(default=16, description="images of one batch request")
    boxes: Count = Field(default=10_000, description="boxes of one image that are compared with each other")
    header_seconds: Seconds = Field(default=10, description="time a client has to send its request header")
    body_seconds: Seconds = Field(default=30, description="time a client has to send its request body")
    answer_seconds: Seconds = Field(default=120, description="time a client has to take its answer")
    connections: Count = Field(default=1000, description="open connections of one process")


class Queue(Group):
    """What may wait, and for how long."""

    requests: Count = Field(default=64, description="images waiting for the network")
    bytes: Count = Field(default=256 * MIB, description="bytes of images held until answered, of answers until sent")
    deadline_seconds: Seconds = Field(default=30, description="time from a request's arrival to its answer")
    parallel: Count | None = Field(
        default=None, description="detections at a time in one process; chosen when not given"
    )
    batch: Count | None = Field(
        default=None, description="images in one run of the network; the runtime's own when not given"
    )
    batch_milliseconds: float = Field(default=2, ge=0, description="time a batch waits for company")
    stuck_seconds: Seconds = Field(default=120, description="a detection that takes longer counts as a dead runtime")


class Security(Group):
    """Who may call."""

    keys: Words = Field(default=[], description="keys as NAME:SHA256, from `python -m serving.auth NAME`")
    keys_file: Path | None = Field(default=None, description="file with one NAME:SHA256 a line")
    requests_per_minute: Count | None = Field(
        default=None, description="rate limit of each key, or address without keys"
    )
    cors_origins: Words = Field(default=[], description="origins whose pages may call, * for all")

    @field_validator("keys", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _words(value)


class Settings(BaseSettings):
    """Detects words in images, over HTTP."""

    model_config = SettingsConfigDict(
        env_prefix="EAST_",
        env_nested_delimiter="__",
        frozen=True,
        cli_prog_name="python -m serving",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_use_class_docs_for_groups=True,
    )

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: Count = Field(default=1, description="processes, each with its own detector")
    weights: str = Field(default="default", description="name or path of the weights")
    runtime: str = Field(default="auto", description="auto, or a name that `python -m east runtimes` shows")
    precision: Literal["FP32", "FP16", "INT8"] = Field(default="FP32", description="precision of the network")
    threads: Count | None = Field(default=None, description="CPU threads of each process's network")
    max_side: int = Field(default=2400, ge=32, le=8192, description="longest side in pixels the network sees")
    score_threshold: Fraction = Field(default=0.8, description="score above which a pixel is text")
    nms_threshold: Fraction = Field(default=0.2, description="overlap above which boxes merge")
    box_threshold: Fraction = Field(default=0.1, description="mean score below which a box is dropped")
    input_size: Shape | None = Field(
        default=None, description="HEIGHTxWIDTH every image is resized to, multiples of 32"
    )
    warm_up: Shapes = Field(
        default=[], description="network sizes, HEIGHTxWIDTH, to be ready for before the first request"
    )
    shutdown_seconds: Count = Field(default=30, description="time to finish accepted requests when told to stop")
    log_format: Literal["auto", "json", "console"] = Field(default="auto", description="auto is console on a terminal")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
    limits: Limits = Limits()
    queue: Queue = Queue()
    security: Security = Security()

    @field_validator("precision", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("warm_up", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _words(value)

    @field_validator("queue")
    @classmethod
    def _queue_takes_a_batch(cls, value: Queue, info: ValidationInfo) -> Queue:
        images = info.data["limits"].images if "limits" in info.data else 1
        if value.requests < images:
            raise ValueError(f"queue.requests ({value.requests}) must not be under limits.images ({images})")
        return value

    @field_validator("threads")
    @classmethod
    def _share_cores(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Several processes share the cores instead of each taking all of them."""
        workers = info.data.get("workers", 1)
        return value if value or workers == 1 else max(1, (os.cpu_count() or 1) // workers)
