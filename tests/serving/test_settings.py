"""Settings: flags over environment over defaults; wrong ones are named; the detector gets what they say."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from east import TextDetector
from east.errors import WeightsError
from east.option_fields import Leaf, from_paths, leaves, to_paths
from east.options import DetectorOptions
from east.types import Size
from serving.settings import Settings, environment
from tests.serving.conftest import running, wait_until

SPECIAL = {
    ("weights",): "my.npz",
    ("device",): "gpu:1",
    ("tftrt", "build_at_conversion"): False,
    ("tftrt", "allow_build_at_runtime"): True,
}


def other(leaf: Leaf) -> Any:
    """A value of an option that is not its default."""
    if leaf.path in SPECIAL:
        return SPECIAL[leaf.path]
    if leaf.choices:
        return next(choice for choice in leaf.choices if choice != leaf.default)
    if leaf.several:
        return (2, 3)
    if leaf.kind in (int, float):
        number = leaf.default or 0
        return number + 1 if leaf.kind is int else number / 2 + 0.25
    return {bool: not leaf.default, Size: Size(64, 96), str: "other"}[leaf.kind]


OTHERS = from_paths(DetectorOptions, {leaf.path: other(leaf) for leaf in leaves(DetectorOptions)})


@pytest.fixture
def all_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of the detector has a value by environment that is not its default."""
    for path, value in to_paths(OTHERS).items():
        assert value != to_paths(DetectorOptions())[path], path
    for name, text in environment(OTHERS).items():
        monkeypatch.setenv(name, text)


@pytest.mark.usefixtures("all_set")
def test_every_option_arrives_in_the_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert settings.detector_options() == OTHERS
    assert settings.limits.boxes == OTHERS.max_boxes
    assert settings.limits.pixels == OTHERS.max_pixels
    loaded: list[DetectorOptions] = []

    def load(options: DetectorOptions) -> None:
        loaded.append(options)
        raise WeightsError("this is enough")

    monkeypatch.setattr(TextDetector, "from_options", load)
    with running(None) as client:
        wait_until(lambda: loaded)
        assert client.get("/readyz").status_code == 503
    assert loaded == [OTHERS]


@pytest.mark.usefixtures("all_set")
def test_settings_go_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Settings())).detector_options() == OTHERS  # noqa: S301


def test_defaults_are_the_detectors_but_for_the_limits() -> None:
    settings = Settings.model_validate({})
    expected = DetectorOptions(max_boxes=settings.limits.boxes, max_pixels=settings.limits.pixels)
    assert settings.detector_options() == expected


def test_names_are_those_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EAST_MAX_SIDE", "640")
    monkeypatch.setenv("EAST_TFTRT__MINIMUM_SEGMENT_SIZE", "5")
    monkeypatch.setenv("EAST_CALIBRATION__COUNT", "6")
    flags = ["--tftrt.minimum-segment-size", "7", "--tf32", "--no-tftrt.build-at-conversion", "--nodes.score", "s"]
    options = CliApp.run(Settings, flags).detector_options()
    assert options.max_side == 640
    assert options.calibration.count == 6
    assert options.tftrt.minimum_segment_size == 7
    assert options.tf32
    assert not options.tftrt.build_at_conversion
    assert options.nodes.score == "s"


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
    assert settings.warm_up == [(672, 1280), (320, 320)]
    assert settings.detector_options().input_size == (64, 96)


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
        ("warm_up", "64x64 big"),
        ("max_side", 10),
        ("tftrt", {"batches": "1 0"}),
        ("tftrt", {"build_at_conversion": False, "allow_build_at_runtime": False}),
        ("nodes", {"output": "x"}),
    ],
)
def test_wrong_values_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({option: value})


def run(*arguments: str, program: Sequence[str] = ("-m", "serving")) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "--port: "),
        (["--limits.image-bytes", "0"], "--limits.image-bytes: "),
        (["--max-side", "10"], "--max-side: must be at least 32, got 10"),
        (["--runtime", "openvno"], "--runtime: must be one of auto, tftrt, xla, openvino, tensorflow, got 'openvno'"),
        (["--calibration.size", "9x9"], "--calibration.size: must be HEIGHTxWIDTH"),
        (["--security.keys", "shop:secret"], "NAME:SHA256"),
        (["--security.keys-file", "no/such/file"], "no/such/file"),
        (["--nonsense"], "--nonsense"),
        (["--workers", "2"], "--workers is gone: run several processes or replicas behind a load balancer"),
    ],
)
def test_wrong_flags_are_one_line_and_status_2(arguments: list[str], words: str) -> None:
    wrong = run(*arguments)
    assert wrong.returncode == 2
    assert words in wrong.stderr.splitlines()[-1]
    assert wrong.stderr.splitlines()[-1].startswith("python -m serving: ")
    assert "Traceback" not in wrong.stderr


def test_each_wrong_setting_has_its_line_and_debug_its_traceback() -> None:
    wrong = run("--port", "x", "--max-side", "10")
    assert [line.split(": ")[1] for line in wrong.stderr.splitlines()] == ["--port", "--max-side"]
    assert "Traceback" in run("--port", "x", "--debug").stderr


def test_help_names_every_flag_and_the_program() -> None:
    text = run("--help").stdout
    assert text.startswith("usage: python -m serving [-h] [--FLAG VALUE ...]\n")
    for leaf in leaves(DetectorOptions):
        if leaf.name not in {"max_boxes", "max_pixels"}:
            assert f"--{'.'.join(leaf.path)} ".replace("_", "-") in text.replace(",", " ")
    assert "(default: None)" not in text
    assert "--workers" not in text
    assert run("serve", "--help", program=("-m", "east")).stdout.startswith("usage: east serve [-h] ")
