"""``python -m eval`` before any of its commands does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eval.cli import main


@pytest.mark.parametrize("arguments", [["score"], ["score", "--gt", "x"], ["nothing"], [], ["icdar2015", "--subset"]])
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_help_needs_no_heavy_library() -> None:
    code = "import sys; from eval.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("icdar2015", "score", "compare"):
        assert name in done.stdout
    for heavy in ("'numpy'", "'shapely'", "'matplotlib'", "'tensorflow'", "'openvino'", "'cv2'"):
        assert heavy not in done.stdout
