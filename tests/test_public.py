"""The public surface: the names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import east

PUBLIC = {
    "Calibration",
    "CalibrationError",
    "CheckpointError",
    "ConversionError",
    "DamagedFileError",
    "Detections",
    "EastError",
    "GraphError",
    "ImageDecodeError",
    "ImageError",
    "ImageTooLargeError",
    "NodeNames",
    "Precision",
    "RuntimeUnavailableError",
    "Size",
    "TextBox",
    "TextDetector",
    "TfTrtOptions",
    "Thresholds",
    "Timings",
    "TooManyBoxesError",
    "UnsupportedPrecisionError",
    "WeightsError",
    "__version__",
}
HEAVY = {"cv2", "keras", "nncf", "numba", "openvino", "tensorflow"}


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
