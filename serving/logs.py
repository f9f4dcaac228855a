"""Log lines: one JSON object each for machines, short text for people at a terminal."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

from .settings import Settings

_OURS = ("serving", "east", "uvicorn")
"""The loggers whose least level the operator sets."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in entry.items() if value is not None})


class ConsoleFormatter(logging.Formatter):
    """Time, level and message; an access line has its fields in place of a message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the library's name
        if fields := getattr(record, "fields", None):
            record.message = (
                "{method} {path} {status} {outcome} {milliseconds} ms, {images} images, {boxes} boxes [{request_id}]"
            ).format(**fields)
        return super().formatMessage(record)


def logging_config(settings: Settings) -> dict[str, Any]:
    """The ``logging.config.dictConfig`` of a server process; everything goes to standard output."""
    json_lines = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stdout.isatty())
    formatter = JsonFormatter if json_lines else ConsoleFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "lines"}},
        "root": {"handlers": ["stdout"], "level": "WARNING"},
        "loggers": {
            **{name: {"level": _level(settings)} for name in _OURS},
            "uvicorn.access": {"propagate": False},  # the middleware writes these lines, with more in them
        },
    }


def set_level(settings: Settings) -> None:
    """Changes the least level of a process that logs already."""
    for name in _OURS:
        logging.getLogger(name).setLevel(_level(settings))


def _level(settings: Settings) -> str:
    return "DEBUG" if settings.verbose else settings.log_level.upper()
