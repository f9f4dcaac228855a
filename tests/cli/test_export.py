from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from east.cli import main
from east.frameworks import onnxruntime, openvino
from east.model import weights
from tests.support.graphs import tf

Capture = pytest.CaptureFixture[str]
IMAGES = np.random.default_rng(3).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)


@pytest.mark.parametrize(("precision", "share"), [("FP32", 1), ("FP16", 0.5), ("INT8", 0.25)])
def test_onnx_in_each_precision(precision: str, share: float, tmp_path: Path, capsys: Capture) -> None:
    output = tmp_path / "new" / "east.onnx"
    arguments = ["--format", "onnx", "--precision", precision, "--output", str(output)]
    assert main(["export", *arguments, "--size", "64x96", "--batch", "2"]) == 0
    size = output.stat().st_size
    assert capsys.readouterr().out == (
        f"{output}: onnx {precision}, images (2, 64, 96, 3), {size / 1e6:.1f} MB, weights {weights.default_name()}\n"
    )
    assert size == pytest.approx(share * 96.2e6, rel=0.03)
    onnx.checker.check_model(onnx.load(output), full_check=True)
    session = onnxruntime().InferenceSession(str(output), providers=["CPUExecutionProvider"])
    score, geometry = session.run(
        ["feature_fusion/Conv_7/Sigmoid", "feature_fusion/concat_3"], {"input_images": IMAGES}
    )
    assert (score.shape, geometry.shape) == ((2, 16, 24, 1), (2, 16, 24, 5))
    assert (score.dtype, geometry.dtype) == (np.float32, np.float32)


def test_openvino_and_saved_model_give_the_same_maps(tmp_path: Path) -> None:
    assert main(["export", "--format", "saved-model", "--output", str(tmp_path / "east")]) == 0
    assert main(["export", "--format", "openvino", "--output", str(tmp_path / "east.xml"), "--size", "64x96"]) == 0
    core = openvino().Core()
    assert list(core.read_model(tmp_path / "east.xml").input(0).partial_shape.get_min_shape()) == [0, 64, 96, 3]
    compiled = core.compile_model(tmp_path / "east.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    score, geometry = compiled([IMAGES]).values()
    served = tf.saved_model.load(str(tmp_path / "east")).signatures["serving_default"](images=tf.constant(IMAGES))
    np.testing.assert_allclose(score, served["score"], atol=1e-4)
    np.testing.assert_allclose(geometry, served["geometry"], atol=1e-2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["east", "east.bin", "east.xml"]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["--format", "onnx", "--output", "{weights}"], 2, "over the input"),
        (["--format", "onnx", "--output", "."], 1, ".: is a folder; name a file"),
        (["--format", "openvino", "--output", "east.onnx"], 2, "is to be an .xml"),
        (["--format", "openvino", "--output", "link.xml"], 2, "link.bin over the input"),
        (["--format", "saved-model", "--output", "."], 1, "is there already; name a folder that is not"),
        (["--format", "saved-model", "--output", "model", "--size", "64x96"], 2, "leave out --size and --batch"),
    ],
)
def test_failures_are_one_line_and_write_nothing(
    arguments: list[str],
    status: int,
    complaint: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = tmp_path / "mine.npz"
    shutil.copy(weights.resolve("default"), bundle)
    link = tmp_path / "link.bin"
    link.symlink_to(bundle)
    before = bundle.read_bytes()
    monkeypatch.chdir(tmp_path)
    named = [argument.format(weights=bundle) for argument in arguments]
    assert main(["export", "--weights", str(bundle), *named]) == status
    error = capsys.readouterr().err
    assert error.startswith("east: error: ")
    assert error.count("\n") == 1
    assert complaint in error
    assert sorted(tmp_path.iterdir()) == [link, bundle]
    assert bundle.read_bytes() == before


@pytest.mark.parametrize("flag", ["--size=60x64", "--batch=0", "--format=tflite"])
def test_flags_are_checked(flag: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["export", "--format", "onnx", "--output", "east.onnx", flag])
    assert stop.value.code == 2
    assert flag.split("=", maxsplit=1)[0] in capsys.readouterr().err


def test_a_file_has_the_precision_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "onnx", "--output", str(tmp_path / "a.onnx")]) == 0
    assert ": onnx FP32, " in capsys.readouterr().out
    assert main(["export", "--format", "onnx", "--precision", "auto", "--output", str(tmp_path / "b.onnx")]) == 2
    assert "--precision must be one of FP32, FP16, INT8 for a file, got auto" in capsys.readouterr().err
    assert not (tmp_path / "b.onnx").exists()
