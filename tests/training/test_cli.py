"""``python -m east.training`` as a user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from east.errors import CheckpointError
from east.images.decoding import load_image
from east.images.sizing import resize
from east.model.checkpoint import read_variables, write_bundle
from east.model.weights import resolve
from east.training.cli import main
from east.training.data.dataset import read_folder
from east.training.loop.averaging import mean_weights
from east.types import Size


def error_of(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command fails with, behind the usage or what it had to say before."""
    try:
        found = main(arguments)
    except SystemExit as stop:  # bad usage
        found = int(stop.code or 0)
    captured = capsys.readouterr()
    *before, line = captured.err.splitlines()
    assert found == status
    assert captured.out == ""
    assert line.startswith("python -m east.training")
    assert "error: " in line
    assert not any("error" in other.lower() or other.startswith("Traceback") for other in before)
    return line


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One picture without ground truth."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (64, 48)).save(folder / "img_1.png")
    return folder


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys, contextlib\n"
        "from east.training.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['fit', '--help'])\n"
        "assert not {'tensorflow', 'keras', 'cv2', 'numba', 'matplotlib'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert "--config" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--config", "finetune"], "configuration finetune wants pictures: name their folder with --data"),
        (["--config", "smoke", "--validate", "1-9"], "name their folder with --data"),
        (["--config", "smoke", "--set", "stepz=3"], "--set stepz=3: there is no 'stepz', only backbone_only, batch, "),
        (["--config", "smoke", "--set", "steps=few"], "--set steps=few: expected something like 100"),
        (["--config", "smoke", "--set", "recipe.augmentation.crop=100"], "multiples of 32, not a crop of 100"),
        (["--config", "finetune", "--set", "synthetic=0.5"], "scenes (720x1280) the size of the canvas (1280x1280)"),
        (["--config", "grand"], "invalid choice: 'grand'"),
        (["--config", "smoke", "--numbers", "9-1"], "expected A-B, like 1-800, got '9-1'"),
    ],
)
def test_bad_usage_is_told_with_status_2(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in error_of(["fit", "--out", str(tmp_path / "run"), *arguments], 2, capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "no-such-folder"], "no-such-folder is not a folder of training images"),
        (["--data", "{pictures}"], "img_1.png has no ground truth: {pictures}/gt_img_1.txt is missing"),
        (["--data", "{pictures}", "--numbers", "5-6"], "has no training images of the numbers asked for"),
        (["--data", "{demo}", "--validate", "no-such-folder"], "no-such-folder is not a folder of training images"),
        (["--data", "{demo}", "--initial", "no-such-weights"], "no weights named 'no-such-weights' and no such file"),
        (["--data", "{demo}", "--initial", "{pictures}/other.npz"], "other.npz: 306 of 306 variables do not fit: "),
        (
            ["--data", "{demo}", "--config", "icdar2015_regularized"],
            "no weights named 'runs/icdar2015/weights.npz' and no such file",
        ),
        (
            ["--data", "{demo}", "--config", "icdar2015_all"],
            "no weights named 'runs/icdar2015_regularized/weights.npz' and no such file",
        ),
        (["--data", "{demo}", "--devices", "2"], "training on 2 devices needs the JAX backend"),
    ],
)
def test_failures_are_told_in_one_line_with_status_1(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    pictures: Path,
    demo_images: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_bundle(pictures / "other.npz", {"resnet_v1_50/conv1/weights": np.zeros((7, 7, 3, 32))})
    places = {"pictures": pictures, "demo": demo_images[0].parent}
    arguments = [argument.format(**places) for argument in arguments]
    line = error_of(["fit", "--config", "finetune", "--out", str(tmp_path / "run"), *arguments], 1, capsys)
    assert complaint.format(**places) in line


def test_scoring_on_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing to score on: give --kinds a number above 0" in error_of(["score", "--kinds", "0"], 2, capsys)
    assert "expected a number of pictures, got 'few'" in error_of(["score", "--kinds", "few"], 2, capsys)


def test_a_damaged_checkpoint_stops_a_run(
    tmp_path: Path, demo_images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    arguments = ["fit", "--config", "finetune", "--data", str(demo_images[0].parent), "--out", str(tmp_path)]
    assert "checkpoint.npz is no training checkpoint, delete it to start anew" in error_of(arguments, 1, capsys)


def test_export_to_a_tensorflow_1_checkpoint_and_back_keeps_every_variable(tmp_path: Path) -> None:
    prefix, bundle = tmp_path / "tf1" / "model.ckpt-7", tmp_path / "back.npz"
    assert main(["export", "default", "--checkpoint", str(prefix)]) == 0
    assert main(["export", str(prefix), "--bundle", str(bundle)]) == 0
    before, after = read_variables(resolve("default")), read_variables(bundle)
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_calibrated_scores_pass_the_default_threshold_where_they_passed_the_best(
    temperature: float, tmp_path: Path, demo_images: list[Path], detector: TextDetector
) -> None:
    bundle = tmp_path / "calibrated.npz"
    arguments = ["--best-threshold", "0.6", "--temperature", str(temperature), "--bundle", str(bundle)]
    assert main(["export", "default", *arguments]) == 0
    image = resize(load_image(demo_images[0]), Size(320, 480))[None]
    before = detector.runtime.infer(image)
    with TextDetector(str(bundle)) as calibrated:
        after = calibrated.runtime.infer(image)
    np.testing.assert_allclose(after.geometry, before.geometry, atol=1e-3)
    middle = (abs(before.score - 0.5) < 0.49) & (abs(after.score - 0.5) < 0.49)
    assert middle.sum() > 100
    above = [
        np.log(score[middle] / (1 - score[middle])) - np.log(best / (1 - best))
        for score, best in ((before.score, 0.6), (after.score, 0.8))
    ]
    np.testing.assert_allclose(above[1], above[0] / temperature, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["default"], 2, "nothing to write: give --bundle, --checkpoint or both"),
        (["no-such-weights", "--bundle", "x.npz"], 1, "no weights named 'no-such-weights'"),
        (["default", "--bundle", "x.npz", "--best-threshold", "1"], 2, "a score threshold is between 0 and 1, got 1.0"),
        (["default", "--bundle", "x.npz", "--temperature", "0"], 2, "a temperature is positive, got 0.0"),
    ],
)
def test_export_tells_what_is_wrong(
    arguments: list[str], status: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in error_of(["export", *arguments], status, capsys)


def test_the_mean_of_weights_lies_between_them(tmp_path: Path) -> None:
    first, second, mean = (tmp_path / f"{name}.npz" for name in ("first", "second", "mean"))
    before = read_variables(resolve("default"))
    write_bundle(first, before)
    write_bundle(second, {name: value + np.float32(0.5) for name, value in before.items()})
    assert main(["mean", str(first), str(second), "--share", "0.25", "--bundle", str(mean)]) == 0
    after = read_variables(mean)
    assert after.keys() == before.keys()
    for name, value in before.items():
        rounding = 2e-3 if value.ndim == 4 else 1e-5  # convolutions are stored as float16
        np.testing.assert_allclose(after[name], value + np.float32(0.125), rounding, rounding, err_msg=name)
    assert main(["mean", str(first), str(second), "--share", "0", "--bundle", str(mean)]) == 0
    after = read_variables(mean)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


def test_mean_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {"one": np.zeros(3, np.float32), "other": np.zeros(2, np.float32)}
    with pytest.raises(CheckpointError, match=r"of different networks: other is \(2,\) in one, \(4,\) in the other"):
        mean_weights(weights, {**weights, "other": np.zeros(4, np.float32)})
    with pytest.raises(CheckpointError, match=r"other is \(2,\) in one, None in the other"):
        mean_weights(weights, {"one": weights["one"]})
    bundle = tmp_path / "x.npz"
    arguments = ["mean", "default", "default", "--bundle", str(bundle)]
    assert "a share is between 0 and 1, got 1.5" in error_of([*arguments, "--share", "1.5"], 2, capsys)
    assert "no weights named 'none'" in error_of(["mean", "default", "none", "--bundle", str(bundle)], 1, capsys)
    write_bundle(bundle, weights)
    assert "--bundle" in error_of(["mean", str(bundle), "default", "--bundle", str(bundle)], 2, capsys)


def test_synth_writes_pictures_that_can_be_trained_on(tmp_path: Path) -> None:
    assert main(["synth", "--count", "2", "--out", str(tmp_path), "--config", "smoke", "--draw"]) == 0
    examples = read_folder(tmp_path)
    assert len(examples) == 2
    assert any(example.legible.any() for example in examples)


def test_synth_names_a_folder_without_typefaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["synth", "--out", str(tmp_path / "out"), "--fonts", str(tmp_path)]
    assert f"{tmp_path} has no typefaces" in error_of(arguments, 1, capsys)


def test_nothing_is_written_where_something_is_read(
    pictures: Path, demo_images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(pictures, target_is_directory=True)
    (pictures / "weights.npz").write_bytes(b"weights")
    before = {path: path.read_bytes() for path in pictures.iterdir()}
    for out in (pictures, tmp_path / "link"):
        for flag in ("--data", "--gt", "--backgrounds", "--words", "--fonts"):
            told = error_of(["synth", "--out", str(out), flag, str(pictures)], 2, capsys)
            assert f"--out would write into {out}, which {flag} reads: name another folder" in told
        fit = ["fit", "--config", "smoke", "--out", str(out), "--data", str(demo_images[0].parent)]
        assert "which --validate reads" in error_of([*fit, "--validate", str(pictures)], 2, capsys)
        assert "which --initial reads" in error_of([*fit, "--initial", str(pictures / "weights.npz")], 2, capsys)
    for outputs in (["--bundle", "weights.npz"], ["--checkpoint", "model", "--bundle", "model.index"]):
        named = [str(pictures / text) if index % 2 else text for index, text in enumerate(outputs)]
        assert "would" in error_of(["export", str(pictures / "weights.npz"), *named], 2, capsys)
    assert {path: path.read_bytes() for path in pictures.iterdir()} == before


def test_earlier_pictures_are_no_backgrounds(pictures: Path) -> None:
    out = pictures / "synthetic"
    for _ in range(2):
        assert main(["synth", "--out", str(out), "--count", "1", "--backgrounds", str(pictures)]) == 0
        first = (out / "img_1.jpg").read_bytes()
    assert main(["synth", "--out", str(out), "--count", "1", "--backgrounds", str(pictures)]) == 0
    assert (out / "img_1.jpg").read_bytes() == first
