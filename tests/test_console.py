"""What holds for every command, whatever it is started from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from east import TextDetector


def shell(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", script, sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_closed_output_is_no_failure() -> None:
    done = shell('"$0" -m east runtimes >&-')
    assert (done.returncode, done.stderr) == (0, "")


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
