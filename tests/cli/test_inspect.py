from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from east import TextDetector
from east.cli import main
from east.frameworks import tensorflow


def logged_graph(folder: Path) -> Any:
    """The graph of TensorBoard's log in a folder, read by TensorBoard's own loader."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (path,) = folder.iterdir()
    graphs = [event.graph_def for event in EventFileLoader(str(path)).Load() if event.HasField("graph_def")]
    assert len(graphs) == 1
    return tensorflow().compat.v1.GraphDef.FromString(graphs[0])


def test_operations_before_and_after_engines_and_sizes(
    detector: TextDetector, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "--runtime", "openvino", "--precision", "FP32", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["operations_before"]["Conv2D"] == 63
    assert about["operations_after"]["Convolution"] == 66
    assert (about["engines"], about["converted"]) == (1, 1.0)
    assert about["bytes"] == sum(about["files"].values()) > 90e6
    assert main(["inspect", "--runtime", "openvino", "--precision", "FP32"]) == 0
    table = capsys.readouterr().out
    assert "Conv2D                            63       0\n" in table
    assert "model.bin\n" in table


@pytest.mark.parametrize(("runtime", "convolution"), [("openvino", "Convolution"), ("tensorflow", "Conv2D")])
def test_tensorboard_opens_the_log(
    runtime: str, convolution: str, detector: TextDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "--runtime", runtime, "--precision", "FP32", "--tensorboard", str(tmp_path)]) == 0
    before, after = logged_graph(tmp_path / "frozen"), logged_graph(tmp_path / "converted")
    assert sum(node.op == "Conv2D" for node in before.node) == 63
    assert sum(node.op == convolution for node in after.node) in (63, 66)
    assert before.ByteSize() < 200_000
    names = {node.name for node in after.node}
    assert all(name.partition(":")[0] in names for node in after.node for name in node.input)
