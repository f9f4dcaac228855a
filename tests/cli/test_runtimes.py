from __future__ import annotations

import json

import pytest

from east.cli import main
from east.options import RUNTIMES


def test_every_runtime_with_its_precisions_or_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtimes", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert tuple(about["runtimes"]) == RUNTIMES
    assert all(found["precisions"] or found["missing"] for found in about["runtimes"].values())
    assert "INT8" in about["runtimes"]["openvino"]["precisions"]
    assert about["auto"]["FP32"] in RUNTIMES


def test_the_table_has_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtimes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*RUNTIMES, "auto"]
