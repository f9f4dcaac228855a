"""A stream with processes beside the detector's, as its callers see it: the same results, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from east import Detections, ImageError, TextDetector, WorkerError
from east.cli import main
from east.images import load_image, prepare
from east.workers import room
from tests.support.pdfs import scanned
from tests.support.processes import beside, end, until

pytestmark = pytest.mark.skipif(not room.AVAILABLE, reason="processes beside the detector's need Linux")

SHARED = Path("/dev/shm")  # noqa: S108


def assert_same(found: Detections | ImageError, expected: Detections | ImageError) -> None:
    assert type(found) is type(expected)
    if isinstance(found, ImageError) or isinstance(expected, ImageError):
        assert str(found) == str(expected)
        return
    np.testing.assert_array_equal(found.quads, expected.quads)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert (found.width, found.height, found.source) == (expected.width, expected.height, expected.source)
    assert (found.tiles, found.runs) == (expected.tiles, expected.runs)
    assert (found.image is None) == (expected.image is None)
    if found.image is not None and expected.image is not None:
        np.testing.assert_array_equal(found.image, expected.image)


@pytest.fixture(scope="module")
def crops(small_images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Parts of the demo images with words in them."""
    folder = tmp_path_factory.mktemp("crops")
    for path in small_images[:3]:
        with Image.open(path) as image:
            image.crop((80, 60, 336, 252)).save(folder / path.name)
    return sorted(folder.iterdir())


@pytest.fixture
def some(crops: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Images of every kind, some of which are none."""
    monkeypatch.chdir(crops[0].parent)
    first, rgb = crops[0].read_bytes(), load_image(crops[1])
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(first[: len(first) // 2])
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (5, 3)).save(tiny)
    with crops[0].open("rb") as file:
        yield [
            *(crops[0], str(crops[1]), Path(crops[2].name), first, bytearray(first), memoryview(first)),
            *(rgb, Image.fromarray(rgb), tiny, file, scanned([rgb], 200)),
            *(cut, first[:-400], b"", b"no image", tmp_path, tmp_path / "absent.jpg", "", None, 5, rgb.astype(float)),
        ]


def test_results_are_those_of_threads(detector: TextDetector, some: list[Any]) -> None:
    expected = list(detector.stream(some))
    some[9].seek(0)
    found = list(detector.stream(iter(some), processes=2))
    assert [isinstance(one, Detections) for one in expected] == [True] * 11 + [False] * 10
    assert all(isinstance(one, Detections) and len(one) for one in expected[:8])
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


def test_a_call_may_choose_as_with_threads(detector: TextDetector, crops: list[Path]) -> None:
    how: Any = {"keep_image": False, "clip": True, "score_threshold": 0.9, "batch": 2, "scoring": "original"}
    expected = list(detector.stream(crops, **how))
    for one, other in zip(detector.stream(crops, processes=2, **how), expected, strict=True):
        assert_same(one, other)


def test_tiles_and_directions_are_those_of_threads(detector: TextDetector, crops: list[Path], tmp_path: Path) -> None:
    how: Any = {"tiling": 256, "orientations": "all", "keep_image": False}
    wide = tmp_path / "wide.png"
    Image.fromarray(np.hstack([load_image(path) for path in crops[:2]])).save(wide)
    [expected] = detector.stream([wide], **how)
    [found] = detector.stream([wide], processes=1, **how)
    assert isinstance(found, Detections)
    assert found.tiles > 1
    assert len(found)
    assert_same(found, expected)


def test_processes_stay_for_later_streams_and_end_with_the_detector(crops: list[Path]) -> None:
    before = sorted(SHARED.iterdir())
    with TextDetector(precision="FP32", input_size=(96, 96)) as detector:
        others = beside(os.getpid())
        list(detector.stream(crops[:1], processes=1))
        [first] = beside(os.getpid()) - others
        stream = detector.stream((path for path in crops * 50), processes=2, batch=2)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert first in beside(os.getpid())
        assert len(beside(os.getpid()) - others) == 2
        list(detector.stream(crops[:3], processes=2))
        assert len(beside(os.getpid()) - others) == 2
        assert sorted(SHARED.iterdir()) == before
    assert beside(os.getpid()) == others
    assert sorted(SHARED.iterdir()) == before


def test_a_killed_process_is_one_error_and_the_next_stream_has_another(
    detector: TextDetector, crops: list[Path]
) -> None:
    def images() -> Iterator[Path]:
        for number in range(1000):
            if number == 20:
                end(beside(os.getpid()))
            yield crops[number % 3]

    found: list[Any] = []
    with pytest.raises(WorkerError, match=r"a process beside the detector's was killed \(SIGKILL\)"):
        found.extend(detector.stream(images(), processes=1, batch=2))
    assert 0 < len(found) < 1000
    assert all(isinstance(one, Detections) for one in found)
    [expected] = detector.stream(crops[:1])
    for _ in range(2):
        [again] = detector.stream(crops[:1], processes=1)
        assert_same(again, expected)
        end(beside(os.getpid()))  # while it waits for the next stream


def test_processes_end_with_whoever_started_them(crops: list[Path]) -> None:
    program = (
        "import sys, time; from east.options import DetectorOptions; from east.workers import WorkerShelf\n"
        "with WorkerShelf().lend(1) as workers:\n"
        "    [one] = workers.prepare([sys.argv[1]], DetectorOptions(), False)\n"
        "    print(one.network_size, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(crops[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "192x256"
        [worker] = beside(process.pid)
        process.kill()
    assert until(lambda: not Path(f"/proc/{worker}").exists())


def test_there_are_none_where_there_cannot_be(
    detector: TextDetector, crops: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: Any
    for wrong in (-1, 1.5, "two"):
        with pytest.raises(ValueError, match="processes must be a"):
            detector.stream(crops, processes=wrong)
    monkeypatch.setattr(room, "AVAILABLE", False)
    with pytest.raises(Exception, match="processes beside the detector's need Linux"):
        list(detector.stream(crops, processes=1))


def test_the_command_line_has_them(crops: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["detect", str(crops[0]), "--precision", "FP32", "--format", "csv"]
    assert main(command) == 0
    expected = capsys.readouterr().out
    assert main([*command, "--processes", "1"]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("processes", [0, 1])
def test_an_error_tells_its_file(processes: int, detector: TextDetector, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    [error] = detector.stream([tmp_path / "broken.jpg"], processes=processes or None)
    assert isinstance(error, ImageError)
    assert error.source == str(tmp_path / "broken.jpg")


def test_words_of_prepared_images_are_found_beside_by_all_who_ask(crops: list[Path]) -> None:
    others = beside(os.getpid())
    with TextDetector(precision="FP32", runtime="openvino", threads=1) as detector:
        images = [prepare(crop, detector.options) for crop in crops]
        expected = [detector.detect_prepared([image]) for image in images]
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(lambda image: detector.detect_prepared([image], processes=2), images * 2))
        for [one], [other] in zip(found, expected * 2, strict=True):
            assert_same(one, other)
        pids = beside(os.getpid()) - others
        assert len(pids) == 2
        end(pids)
        again: list[Detections | ImageError] = []
        for _ in range(4):  # as many fail as were killed, at most, and others take their place
            with suppress(WorkerError):
                again += detector.detect_prepared(images[:1], processes=2)
        assert len(again) >= 2
        for one in again:
            assert_same(one, expected[0][0])
    assert until(lambda: beside(os.getpid()) <= others)
