from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from east.errors import CalibrationError
from east.model import weights
from east.model.ranges import Ranges
from east.model.source import ModelSource
from east.options import Calibration, DetectorOptions
from east.runtimes.conversion import measuring
from east.runtimes.conversion.artifacts import conversion_key
from east.runtimes.conversion.calibration import SHIPPED
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.inputs import files_read
from east.types import Precision, Size
from tests.support.small_network import write_small

FEW = Calibration(SHIPPED, count=2, size=Size(32, 64))


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSource:
    """Weights at a path of their own, and a cache with nothing in it."""
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path / "cache"))
    write_small(tmp_path / "mine.pb")
    return ModelSource.find(tmp_path / "mine.pb")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each measurement was made on."""
    made: list[int] = []
    measure = measuring.measure

    def counted(frozen, images, sha256):  # type: ignore[no-untyped-def]
        made.append(len(images))
        return measure(frozen, images, sha256)

    monkeypatch.setattr(measuring, "measure", counted)
    return made


def test_the_bundled_weights_come_with_theirs(source: ModelSource, measured: list[int]) -> None:
    found = find_ranges(source, Calibration())
    assert found.weights_sha256 == source.sha256
    assert [name for name, _ in found.images] == [f"img_{number}.jpg" for number in range(1, 101)]
    assert found.size == (672, 1280)
    assert measured == []


def test_images_of_the_machine_change_nothing_unasked(
    source: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = find_ranges(source, Calibration()).sha256
    shutil.copy(SHIPPED / "01.jpg", tmp_path / "img_1000.jpg")
    monkeypatch.setenv("ICDAR2015_DIR", str(tmp_path))
    assert find_ranges(source, Calibration()).sha256 == before


def test_others_are_measured_once_on_the_shipped_images(
    mine: ModelSource, measured: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "east")
    few = replace(FEW, source=None)
    first, second = find_ranges(mine, few), find_ranges(mine, few)
    assert first.sha256 == second.sha256
    assert measured == [2]
    told = [record.getMessage() for record in caplog.records if "measuring" in record.getMessage()]
    assert told == [f"measuring the ranges of mine on 2 images of {SHIPPED} at 32x64"]


def test_a_folder_is_measured_whatever_is_on_record(mine: ModelSource, measured: list[int], tmp_path: Path) -> None:
    recorded = find_ranges(mine, replace(FEW, count=1))
    recorded.save(tmp_path / "mine.ranges.npz")
    assert find_ranges(mine, Calibration()).images == recorded.images
    assert measured == [1]
    assert len(find_ranges(mine, FEW).images) == 2
    assert measured == [1, 2]


def test_a_file_is_taken_as_it_is_if_it_is_of_these_weights(
    mine: ModelSource, source: ModelSource, measured: list[int], tmp_path: Path
) -> None:
    ranges = find_ranges(source, Calibration())
    path = tmp_path / "other.npz"
    replace(ranges, weights_sha256=mine.sha256).save(path)
    assert find_ranges(mine, Calibration(path)).sha256 == ranges.sha256
    ranges.save(path)
    with pytest.raises(CalibrationError, match=rf"other\.npz are of weights {source.sha256[:12]}, not of mine"):
        find_ranges(mine, Calibration(path))
    path.write_bytes(b"damaged")
    with pytest.raises(CalibrationError, match=r"other\.npz is damaged or no record of ranges"):
        find_ranges(mine, Calibration(path))
    assert measured == []


def test_a_record_of_other_weights_is_passed_over_with_a_warning(
    mine: ModelSource, source: ModelSource, measured: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    find_ranges(source, Calibration()).save(tmp_path / "mine.ranges.npz")
    found = find_ranges(mine, replace(FEW, source=None))
    assert (found.weights_sha256, measured) == (mine.sha256, [2])
    assert "mine.ranges.npz are of other weights" in caplog.text


def test_a_user_s_own_ranges_of_bundled_weights_come_first(
    source: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(tmp_path))
    shipped = find_ranges(source, Calibration())
    own = replace(shipped, biases={})
    own.save(weights.ranges_places(source.path)[0])
    assert (tmp_path / "east_resnet50.ranges.npz").is_file()
    assert find_ranges(source, Calibration()).sha256 == own.sha256 != shipped.sha256


def test_a_converted_model_is_known_by_its_ranges(source: ModelSource) -> None:
    ranges = find_ranges(source, Calibration())
    options = DetectorOptions(precision=Precision.INT8)
    keys = [conversion_key("openvino", 1, source, options, one) for one in (ranges, replace(ranges, biases={}), None)]
    assert keys[0]["ranges"] == ranges.sha256
    assert len({str(key) for key in keys}) == 3
    assert keys[0] == conversion_key("openvino", 1, source, options, replace(ranges, images=()))


def test_a_detector_reads_the_ranges_on_record(source: ModelSource, mine: ModelSource) -> None:
    recorded = source.path.with_name("east_resnet50.ranges.npz")
    assert isinstance(find_ranges(source, Calibration()), Ranges)
    assert recorded in files_read(DetectorOptions(precision=Precision.INT8))
    assert recorded not in files_read(DetectorOptions())
    assert recorded in files_read(DetectorOptions(calibration=Calibration(recorded)))
    assert SHIPPED / "01.jpg" in files_read(DetectorOptions(mine.path, precision=Precision.INT8))
