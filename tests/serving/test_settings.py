"""Settings: flags over environment over defaults; wrong ones are named."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from serving.settings import Settings, shape


def test_flags_win_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EAST_PORT", "1")
    monkeypatch.setenv("EAST_LIMITS__PIXELS", "2")
    monkeypatch.setenv("EAST_LIMITS__PARTS", "3")
    monkeypatch.setenv("EAST_SECURITY__CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("EAST_WARM_UP", "672x1280,320x320")
    settings = CliApp.run(Settings, ["--port", "9", "--limits.pixels", "8", "--input-size", "64X96"])
    assert settings.port == 9
    assert settings.limits.pixels == 8
    assert settings.limits.parts == 3
    assert settings.security.cors_origins == ["https://a.example", "https://b.example"]
    assert settings.warm_up == ["672x1280", "320x320"]
    assert settings.input_size is not None
    assert shape(settings.input_size) == (64, 96)


def test_processes_share_the_cores() -> None:
    assert Settings.model_validate({}).threads is None
    assert Settings.model_validate({"workers": 10_000}).threads == 1
    assert Settings.model_validate({"workers": 2, "threads": 5}).threads == 5


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 70_000),
        ("precision", "FP8"),
        ("score_threshold", 1.5),
        ("limits", {"pixels": 0}),
        ("limits", {"pixel": 1}),
        ("queue", {"requests": 1}),
        ("input_size", "100x100"),
        ("input_size", "big"),
        ("max_side", 10),
    ],
)
def test_wrong_values_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({option: value})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "--port: "),
        (["--limits.image-bytes", "0"], "--limits.image-bytes: "),
        (["--security.keys", "shop:secret"], "NAME:SHA256"),
        (["--security.keys-file", "no/such/file"], "no/such/file"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_flags_are_one_line_and_status_2(arguments: list[str], words: str) -> None:
    run = subprocess.run([sys.executable, "-m", "serving", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert words in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
