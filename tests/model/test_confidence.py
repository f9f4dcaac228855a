"""The record of a confidence curve."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from east import CalibrationError
from east.model import weights
from east.model.confidence import Confidence
from east.model.weights import confidence_places, recorded_confidence
from east.postprocess import ConfidenceCurve

SOME = Confidence(ConfidenceCurve(0.75, -1.25), "a" * 64, {"images": 200, "subset": "801-1000"})


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_a_record_is_read_back(tmp_path_factory: pytest.TempPathFactory, slope: float, shift: float) -> None:
    path = tmp_path_factory.getbasetemp() / "any.confidence.json"
    written = Confidence(ConfidenceCurve(slope, shift), "b" * 64, {"note": "écrit", "images": None})
    written.save(path)
    assert Confidence.load(path) == written


def test_the_same_curve_for_other_weights() -> None:
    assert SOME.of("c" * 64) == Confidence(SOME.curve, "c" * 64, SOME.fitted)


@pytest.mark.parametrize(
    "change",
    [{"slope": -1}, {"slope": "steep"}, {"format": 2}, {"shift": None}, {"fitted": 3}],
    ids=lambda change: next(iter(change)),
)
def test_a_damaged_record_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "x.confidence.json"
    SOME.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CalibrationError, match="python -m eval calibrate"):
        Confidence.load(path)


def test_a_missing_record_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot read"):
        Confidence.load(tmp_path / "none.json")


def test_a_record_is_found_beside_its_weights_and_one_of_others_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mine.npz"
    assert recorded_confidence(path, SOME.weights_sha256) is None
    [place] = confidence_places(path)
    assert place == tmp_path / "mine.confidence.json"
    SOME.save(place)
    assert recorded_confidence(path, SOME.weights_sha256) == (place, SOME)
    with caplog.at_level(logging.WARNING):
        assert recorded_confidence(path, "d" * 64) is None
    assert "other weights" in caplog.text


def test_the_bundled_weights_have_one() -> None:
    record = weights.manifest()[weights.default_name()]
    found = recorded_confidence(record.path, record.sha256)
    assert found is not None
    assert found[1].fitted
