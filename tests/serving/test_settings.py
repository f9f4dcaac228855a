"""Settings: flags over environment over defaults; wrong ones are named; the detector gets what they say."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from east import TextDetector
from east.errors import WeightsError
from east.option_fields import Leaf, from_paths, leaves, to_paths
from east.options import DetectorOptions, ReadingOptions
from east.types import Size
from serving.settings import Settings, complaints, environment, ignored_variables, with_live
from tests.serving.conftest import Refused, running, wait_until
from tests.serving.processes import start

SPECIAL = {
    ("weights",): "my.npz",
    ("device",): "gpu:1",
    ("tftrt", "build_at_conversion"): False,
    ("max_side",): 640,
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
    return {bool: not leaf.default, Size: Size(96, 96), str: "other"}[leaf.kind]


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


def test_what_kubernetes_tells_of_services_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a Service named east, and one named east-admin, have it in every pod."""
    links = {
        "EAST_PORT": "tcp://10.0.0.1:80",
        "EAST_PORT_80_TCP": "tcp://10.0.0.1:80",
        "EAST_PORT_80_TCP_ADDR": "10.0.0.1",
        "EAST_PORT_80_TCP_PORT": "80",
        "EAST_PORT_80_TCP_PROTO": "tcp",
        "EAST_SERVICE_HOST": "10.0.0.1",
        "EAST_SERVICE_PORT": "80",
        "EAST_SERVICE_PORT_HTTP": "80",
        "EAST_ADMIN_PORT": "udp://10.0.0.2:53",
        "EAST_ADMIN_SERVICE_HOST": "10.0.0.2",
    }
    for name, value in links.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.port == 8000
    assert settings.admin_port is None
    assert CliApp.run(Settings, ["--port", "9"]).port == 9
    told = ignored_variables(links)
    assert [line.partition("=")[0] for line in told] == ["EAST_ADMIN_PORT", "EAST_PORT"]
    assert all("enableServiceLinks" in line for line in told)
    with pytest.raises(ValidationError):
        CliApp.run(Settings, ["--port", "tcp://10.0.0.1:80"])


def test_a_mistyped_variable_is_told_with_what_it_may_have_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**environment(OTHERS), "EAST_CACHE_DIR": "x", "EAST_WEIGHTS_DIR": "x", "east_port": "1"}
    assert ignored_variables({**known, "EAST_COAST": "x", "FEAST_PRECISON": "x"}) == []
    [line] = ignored_variables({"EAST_PRECISON": "INT8"})
    assert line.startswith("EAST_PRECISON ")
    assert "EAST_PRECISION" in line
    [line] = ignored_variables({"EAST_LIMITS_PIXELS": "1"})
    assert "EAST_LIMITS__PIXELS" in line


def test_variables_that_are_ignored_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EAST_PORT", "EAST_ADMIN_PORT"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    monkeypatch.setenv("EAST_PRECISON", "INT8")
    with start("--weights", "no-such-weights", ready=False) as server:
        assert server.ended() == 1
    warnings = [line for line in map(json.loads, server.lines) if line["level"] == "warning"]
    assert [re.split("[ =]", line["message"])[0] for line in warnings] == [
        "EAST_ADMIN_PORT",
        "EAST_PORT",
        "EAST_PRECISON",
    ]


def test_a_file_of_settings_comes_after_flags_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings"
    file.write_text("# ours\nEAST_PORT=1\nEAST_LIMITS__PARTS=3\nEAST_MAX_SIDE=640\n")
    monkeypatch.setenv("EAST_SETTINGS_FILE", str(file))
    monkeypatch.setenv("EAST_LIMITS__PARTS", "4")
    settings = CliApp.run(Settings, ["--port", "9"])
    assert (settings.port, settings.limits.parts, settings.detector_options().max_side) == (9, 4, 640)
    file.write_text("EAST_LIMITS__PART=3")
    with pytest.raises(ValidationError, match="part"):
        Settings()
    file.unlink()
    with pytest.raises(FileNotFoundError):
        Settings()


def test_only_what_is_read_at_use_changes_in_a_running_service() -> None:
    old = Settings.model_validate({"port": 1, "limits": {"parts": 5}})
    new = Settings.model_validate(
        {
            "port": 2,
            "precision": "FP16",
            "log_level": "error",
            "limits": {"parts": 6, "pixels": 7},
            "queue": {"batch": 2},
        }
    )
    settings, changed, fixed = with_live(old, new)
    assert changed == ["--log-level", "--limits.parts"]
    assert fixed == ["--port", "--limits.pixels", "--queue.batch", "--precision"]
    assert (settings.log_level, settings.limits.parts) == ("error", 6)
    assert with_live(settings, old)[0] == old


def run(*arguments: str, program: Sequence[str] = ("-m", "serving")) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "--port: "),
        (["--limits.image-bytes", "0"], "--limits.image-bytes: "),
        (["--max-side", "10"], "--max-side: must be at least 32, got 10"),
        (
            ["--runtime", "openvno"],
            "--runtime: must be one of auto, tensorrt, tftrt, xla, openvino, onnx, tensorflow, got 'openvno'",
        ),
        (["--calibration.size", "9x9"], "--calibration.size: must be HEIGHTxWIDTH"),
        (["--security.keys", "shop:secret"], "NAME:SHA256"),
        (["--security.keys-file", "no/such/file"], "no/such/file"),
        (["--security.keys-file", "/dev/null"], "/dev/null has no keys in it"),
        (["--settings-file", "no/such/file"], "no/such/file"),
        (["--nonsense"], "--nonsense"),
        (["--workers", "2"], "--workers is gone: run several processes or replicas behind a load balancer"),
    ],
)
def test_wrong_flags_are_one_line_and_status_2(arguments: list[str], words: str, refused: Refused) -> None:
    lines = refused(*arguments)
    assert words in lines[-1]
    assert lines[-1].startswith("python -m serving: ")


def test_each_wrong_setting_has_its_line_and_debug_its_traceback() -> None:
    wrong = run("--port", "x", "--max-side", "10")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert [line.split(": ")[1] for line in wrong.stderr.splitlines()] == ["--port", "--max-side"]
    assert "Traceback" in run("--port", "x", "--debug").stderr


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("EAST_PRECISION", "XX"),
        ("east_port", "x"),
        ("EAST_LIMITS__IMAGE_BYTES", "0"),
        ("EAST_TFTRT__BATCHES", "2,x"),
        ("EAST_WARM_UP", "64x96 9x9"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named_by_its_variable(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValidationError) as caught:
        Settings()
    [line] = complaints(caught.value)
    assert line.startswith(f"{variable}: ")


def test_a_wrong_flag_is_named_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EAST_PRECISION", "INT8")
    wrong = run("--precision", "INT9")
    assert wrong.stderr.endswith(
        "--precision: must be one of auto, FP32, FP16, INT8, got 'INT9'; did you mean 'INT8'?\n"
    )


def test_help_names_every_flag_and_the_program() -> None:
    text = run("--help").stdout
    assert text.startswith("usage: python -m serving [-h] [--FLAG VALUE ...]\n")
    for leaf in leaves(DetectorOptions):
        if leaf.name not in {"max_boxes", "max_pixels"}:
            assert f"--{'.'.join(leaf.path)} ".replace("_", "-") in text.replace(",", " ")
    assert "(default: None)" not in text
    assert "--workers" not in text
    assert run("serve", "--help", program=("-m", "east")).stdout.startswith("usage: east serve [-h] ")


def test_what_reads_is_set_like_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings().reads
    assert Settings().reading_options().least_confidence == 0  # of a recogniser that they do not name
    monkeypatch.setenv("EAST_RECOGNISER", "Tesseract")
    monkeypatch.setenv("EAST_LANGUAGE", "deu")
    settings = CliApp.run(Settings, ["--padding", "0.1"])
    assert settings.reads
    assert settings.reading_options() == ReadingOptions(recogniser="tesseract", language="deu", padding=0.1)
    assert settings.reading_options().least_confidence == 0.3
    with pytest.raises(ValidationError, match="'none', 'rapidocr' or 'tesseract'"):
        Settings(recogniser="nothing")  # type: ignore[call-arg]
