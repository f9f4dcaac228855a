"""The public surface: the names, and what importing them costs."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import east
from east import DetectorOptions, TextDetector

PUBLIC = {
    "Calibration",
    "CalibrationError",
    "CheckpointError",
    "ConversionError",
    "DamagedFileError",
    "DatasetError",
    "Detections",
    "DetectorOptions",
    "DisplayError",
    "EastError",
    "EvaluationError",
    "FormatError",
    "GraphError",
    "ImageDecodeError",
    "ImageError",
    "ImageInput",
    "ImageTooLargeError",
    "MissingPackageError",
    "NodeNames",
    "Precision",
    "ReportError",
    "Rounding",
    "Runtime",
    "RuntimeUnavailableError",
    "ServiceError",
    "Size",
    "SubmissionError",
    "TensorRtOptions",
    "TextBox",
    "TextDetector",
    "TfTrtOptions",
    "Timings",
    "TooManyBoxesError",
    "UnsupportedPrecisionError",
    "UsageError",
    "WeightsError",
    "WorkerError",
    "__version__",
}
HEAVY = {"cv2", "keras", "numba", "openvino", "tensorflow"}


def test_public_names_are_these() -> None:
    assert set(east.__all__) == PUBLIC
    assert set(dir(east)) == PUBLIC
    assert all(getattr(east, name) is not None for name in PUBLIC)


def test_every_error_is_in_the_tree() -> None:
    assert east.errors.__doc__ is not None
    for name, value in vars(east.errors).items():
        if isinstance(value, type):
            assert issubclass(value, east.EastError)
            assert f" {name} " in east.errors.__doc__ or value is east.EastError
            assert name in PUBLIC


def test_a_users_strict_mypy_sees_real_types(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from east import Detections, TextDetector\n"
        'detector = TextDetector(precision="INT8", max_side=1600, input_size=(672, 1280))\n'
        'found: Detections = detector.detect("sign.jpg", score_threshold=0.5)\n'
        "reveal_type(found[0].quad)\n"
        "TextDetector(max_sides=3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    revealed, refused = done.stdout.splitlines()[:2]
    assert "numpy.ndarray" in revealed
    assert "float" in revealed
    assert 'Unexpected keyword argument "max_sides" for "TextDetector"' in refused
    assert "Found 1 error in 1 file" in done.stdout


def test_help_of_the_detector_tells_every_option() -> None:
    parameters = inspect.signature(TextDetector).parameters
    assert list(parameters)[:3] == ["weights", "runtime", "precision"]
    assert set(parameters) == {field.name for field in dataclasses.fields(DetectorOptions)}


def _modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_is_cheap() -> None:
    assert not HEAVY & _modules_after("import east")


def test_help_is_cheap() -> None:
    code = "import sys, east.cli\ntry: east.cli.main(['--help'])\nexcept SystemExit: pass"
    assert not HEAVY & _modules_after(code)
