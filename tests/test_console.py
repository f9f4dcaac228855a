"""What holds for every command, whatever it is started from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from east import TextDetector


def shell(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", script, sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_closed_output_is_no_failure() -> None:
    done = shell('"$0" -m east runtimes >&-')
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["detect", "read"])
def test_closed_output_loses_no_result_in_silence(command: str, small_images: list[Path]) -> None:
    done = shell(f'"$0" -m east {command} "$1" >&-', small_images[0])
    told = "standard output: is closed, and the result would be lost: give --output PATH"
    assert (done.returncode, done.stderr) == (1, f"east: error: {told}\n")


def test_closed_output_is_not_needed_where_results_go_into_files(
    detector: TextDetector, tmp_path: Path, small_images: list[Path]
) -> None:
    done = shell('"$0" -m east detect "$1" --output "$2" --precision FP32 >&-', small_images[0], tmp_path / "found.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "found.csv").stat().st_size > 100


def test_closed_stderr_is_no_failure() -> None:
    done = shell('"$0" -m east runtimes 2>&-')
    assert done.returncode == 0
    assert done.stdout.startswith("tensorrt")
    assert shell('"$0" -m east detect missing.jpg 2>&-').returncode == 1


def test_closed_input_has_no_image_in_it(detector: TextDetector) -> None:
    done = shell('"$0" -m east detect - <&-')
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "east: error: standard input: the image is empty: 0 bytes"


def test_what_is_printed_goes_into_no_other_file(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys, east.cli\neast.cli.main(['runtimes'])\nsys.exit(open(__file__).fileno() < 3)\n")
    assert shell('"$0" "$1" <&- >&- 2>&-', script).returncode == 0


def test_a_full_disk_is_one_line() -> None:
    done = shell('"$0" -m east runtimes >/dev/full')
    assert (done.returncode, done.stderr) == (1, "east: error: No space left on device\n")
