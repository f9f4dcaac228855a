"""The log is for machines or for people, as detailed as was asked for."""

from __future__ import annotations

import pytest

from serving import logs
from serving.settings import Settings


@pytest.mark.parametrize(("asked", "formatter"), [("json", logs.JsonFormatter), ("console", logs.ConsoleFormatter)])
def test_log_format_is_chosen(asked: str, formatter: type) -> None:
    settings = Settings.model_validate({"log_format": asked})
    assert logs.logging_config(settings)["formatters"]["lines"]["()"] is formatter


def test_verbose_is_the_least_level() -> None:
    for given, level in (({}, "INFO"), ({"log_level": "error"}, "ERROR"), ({"verbose": True}, "DEBUG")):
        loggers = logs.logging_config(Settings.model_validate(given))["loggers"]
        assert {loggers[name]["level"] for name in ("serving", "east", "uvicorn")} == {level}
