"""TextDetector on real weights and real pictures."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east import (
    Detections,
    ImageDecodeError,
    ImageError,
    Precision,
    TextDetector,
    TooManyBoxesError,
    UnsupportedPrecisionError,
    WeightsError,
)
from east.images import load_image, prepare
from east.images.looks import looks_of
from east.options import CallChanges
from east.runtimes.base import Images
from east.types import Candidates
from tests.support.pdfs import scanned
from tests.support.pictures import overlaps, tall_picture, write


def opened(path: Path) -> Image.Image:
    return Image.fromarray(load_image(path))


def quads(found: Detections | ImageError) -> NDArray[np.float32]:
    assert isinstance(found, Detections)
    return np.array([box.quad for box in found])


def test_finds_the_words_of_the_demo_images(detector: TextDetector, small_images: list[Path]) -> None:
    for path in small_images:
        found = detector.detect(path)
        assert len(found) >= 3, path
        assert (found.width, found.height) == opened(path).size
        for box in found:
            assert box.quad.shape == (4, 2)
            assert box.quad.dtype == np.float32
            assert 0.1 <= box.score <= 1.0
            assert (box.quad > -20).all()
            assert (box.quad < np.array([found.width, found.height]) + 20).all()
            top, right = box.quad[1] - box.quad[0], box.quad[2] - box.quad[1]
            assert top[0] * right[1] - top[1] * right[0] > 0  # clockwise, y down
        assert found.runtime == "openvino"
        assert found.precision is Precision.FP32
        assert found.timings.network > 0


def test_every_kind_of_input_gives_the_same_boxes(
    detector: TextDetector, small_images: list[Path], tmp_path: Path
) -> None:
    rgb = np.asarray(opened(small_images[0]))
    path = tmp_path / "picture.png"
    Image.fromarray(rgb).save(path)
    expected = quads(detector.detect(path))
    assert len(expected)
    for image in (str(path), path.read_bytes(), rgb, opened(path)):
        np.testing.assert_array_equal(quads(detector.detect(image)), expected)
    np.testing.assert_array_equal(quads(detector.detect(rgb[..., ::-1], bgr=True)), expected)


def test_batch_keeps_order_and_survives_a_bad_image(detector: TextDetector, demo_images: list[Path]) -> None:
    images = [opened(path).resize((320, 256)) for path in demo_images]
    small = images[0].resize((288, 224))
    found = detector.detect_batch([images[0], b"not an image", small, images[1], images[0]])
    assert isinstance(found[1], ImageDecodeError)
    for position, image in ((0, images[0]), (2, small), (3, images[1]), (4, images[0])):
        expected = quads(detector.detect(image))
        assert len(expected) > 0
        np.testing.assert_allclose(quads(found[position]), expected, atol=0.05)


def test_stream_gives_what_batches_give(detector: TextDetector, demo_images: list[Path], tmp_path: Path) -> None:
    small = [tmp_path / f"{path.stem}.png" for path in demo_images]
    for path, smaller in zip(demo_images, small, strict=True):
        opened(path).resize((320, 256)).save(smaller)
    images: list[Path | bytes] = [*small, b"not an image", *small]
    expected = [*map(detector.detect, small)]
    assert all(len(found) > 0 for found in expected)
    for batch, threads in ((None, None), (2, 1), (1, 2), (3, 2)):
        found = list(detector.stream(iter(images), batch=batch, threads=threads))
        assert isinstance(found.pop(len(small)), ImageDecodeError)
        for one, other in zip(found, [*expected, *expected], strict=True):
            np.testing.assert_allclose(quads(one), quads(other), atol=0.05)


def test_images_prepared_elsewhere_give_the_same_boxes(detector: TextDetector, demo_images: list[Path]) -> None:
    options = detector.options.changed(max_side=320)
    prepared = [replace(prepare(path, options), upright=None) for path in demo_images[:3]]
    found = detector.detect_prepared(prepared[:1] * 2, score_threshold=0.7)
    expected = detector.detect(demo_images[0], max_side=320, score_threshold=0.7)
    assert len(expected) > 0
    for one in found:
        assert isinstance(one, Detections)
        np.testing.assert_array_equal(one.quads, expected.quads)
        assert (one.width, one.height, one.image) == (expected.width, expected.height, None)
        assert one.timings.decode == prepared[0].timings.decode > 0
    assert detector.detect_prepared([]) == []


def test_one_image_where_several_are_expected_is_refused(detector: TextDetector, tmp_path: Path) -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    path = tmp_path / "blank.png"
    Image.fromarray(pixels).save(path)
    with path.open("rb") as file:
        ones = (pixels, pixels[..., 0], str(path), path, path.read_bytes(), Image.fromarray(pixels), file)
        for image in ones:
            for call in (detector.detect_batch, detector.stream):
                with pytest.raises(TypeError, match=r"several images and got one, .*put it into a list, or call"):
                    call(image)  # type: ignore[arg-type]
    for nothing in (None, 7):
        with pytest.raises(TypeError, match=rf"expected several images, .* got {type(nothing).__name__}"):
            detector.detect_batch(nothing)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path]) -> Path:
    """A folder with two small photographs and something between them that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    small = opened(demo_images[0]).resize((320, 240))
    for number in (2, 10):
        small.save(folder / f"img_{number}.png")
    (folder / "img_3.png").write_bytes(b"no image")
    return folder


def test_a_folder_or_a_pattern_is_a_stream_that_knows_its_files(detector: TextDetector, photographs: Path) -> None:
    first, bad, last = detector.stream(photographs)
    assert isinstance(first, Detections)
    assert isinstance(last, Detections)
    assert (first.source, last.source) == (str(photographs / "img_2.png"), str(photographs / "img_10.png"))
    assert isinstance(bad, ImageError)
    assert str(bad).startswith(str(photographs / "img_3.png"))
    np.testing.assert_array_equal(first.quads, last.quads)
    matching = detector.detect_batch(str(photographs / "*0.png"), on_error="raise")
    assert [found.source for found in matching] == [last.source]
    with (photographs / "img_2.png").open("rb") as file:
        assert detector.detect(file).source == first.source
    with pytest.raises(ImageError, match="no file matches"):
        detector.stream(str(photographs / "*.gif"))


def test_pages_of_a_pdf_are_images_of_a_stream(detector: TextDetector, photographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    picture = np.asarray(opened(photographs / "img_2.png"))
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned([picture, picture], dpi=200))
    found = list(detector.stream(path, on_error="raise"))
    assert [one.source for one in found] == [f"{path}#page=1", f"{path}#page=2"]
    assert [(one.width, one.height) for one in found] == [(320, 240)] * 2
    assert len(found[0]) == len(found[1]) > 0


def test_errors_are_returned_or_raised(detector: TextDetector, photographs: Path) -> None:
    blank = np.zeros((32, 64, 3), np.uint8)
    images: list[Any] = [blank, photographs / "img_3.png", blank, None]
    calls: list[Any] = [detector.detect_batch, detector.stream]
    for call in calls:
        with pytest.raises(ImageDecodeError, match=r"^images\[1\]: .*img_3.png: not an image"):
            list(call(images, on_error="raise"))
        kinds = [type(one) for one in call(images, on_error="return")]
        assert kinds == [Detections, ImageDecodeError, Detections, ImageError]
        with pytest.raises(ValueError, match="on_error must be 'return' or 'raise', got 'ignore'"):
            call(images, on_error="ignore")
    stream = detector.stream(iter(images), on_error="raise", batch=1)
    assert len(next(stream)) == 0
    with pytest.raises(ImageDecodeError):
        next(stream)


def test_all_three_calls_take_the_same_options(detector: TextDetector, photographs: Path) -> None:
    calls: list[Any] = [detector.detect, detector.detect_batch, detector.stream]
    own = {"image", "images", "on_error", "batch", "threads", "processes"}
    one, *others = ({*inspect.signature(call).parameters} - own for call in calls)
    assert all(other == one for other in others)
    assert {"bgr", "clip", "keep_image", "changes"} == one
    path = photographs / "img_2.png"
    options: Any = {"keep_image": False, "clip": True, "score_threshold": 0.7, "bgr": True}
    expected = detector.detect(path, **options)
    assert detector.detect(path).image is not None
    assert expected.image is None
    batch: Any = detector.detect_batch([path], **options)
    stream: Any = detector.stream([path], **options)
    for found in (*batch, *stream):
        np.testing.assert_array_equal(found.quads, expected.quads)
        assert found.image is None
    for call in calls:
        with pytest.raises(TypeError, match=r"no option 'keep_imge'; it has .*clip.*; did you mean keep_image"):
            call([], keep_imge=False)
        with pytest.raises(TypeError, match=r"no option 'thresholds'; it has .*; did you mean .*threshold"):
            call([], thresholds=0.5)
    with pytest.raises(TypeError, match=r"TextDetector has no option 'max_sides'; it has .*; did you mean max_side"):
        TextDetector(max_sides=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("keep_image", [True, False])
def test_a_generator_may_use_one_array_for_all_frames(
    keep_image: bool, detector: TextDetector, photographs: Path
) -> None:
    pictures = [np.asarray(opened(photographs / "img_2.png")), np.full((64, 96, 3), 255, np.uint8)]
    frame = np.zeros_like(pictures[0])

    def frames() -> Iterator[NDArray[np.uint8]]:
        for picture in pictures * 4:
            frame[:] = 255
            frame[: picture.shape[0], : picture.shape[1]] = picture
            yield frame

    expected = [len(detector.detect(picture)) for picture in frames()]
    assert len(set(expected)) == 2
    for found in (detector.stream(frames(), keep_image=keep_image), detector.detect_batch(frames())):
        assert [len(one) for one in found if isinstance(one, Detections)] == expected


def test_a_detector_says_that_each_process_makes_its_own(detector: TextDetector) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"each process makes its own by TextDetector\.from_options\(options\)"):
            attempt(detector)


def test_clipped_words_are_those_of_the_image_within_it(detector: TextDetector, photographs: Path) -> None:
    picture = np.asarray(opened(photographs / "img_2.png"))
    whole = detector.detect(picture)
    left, top, right, bottom = whole.xyxy[whole.scores.argmax()].round().astype(int)
    cut = picture[(top + bottom) // 2 - 8 :, (2 * left + right) // 3 :]
    free, clipped = detector.detect(cut, score_threshold=0.5), detector.detect(cut, score_threshold=0.5, clip=True)
    np.testing.assert_array_equal(clipped.quads, free.clipped().quads)
    assert (clipped.quads >= 0).all()
    assert (clipped.quads <= (cut.shape[1], cut.shape[0])).all()


def test_images_from_wherever_several_come(detector: TextDetector) -> None:
    stacked = np.zeros((3, 32, 64, 3), np.uint8)
    for several in (
        stacked,
        list(stacked),
        tuple(stacked),
        (image for image in stacked),
        dict(enumerate(stacked)).values(),
    ):
        found = detector.detect_batch(several)
        assert [isinstance(one, Detections) and (one.width, one.height) for one in found] == [(64, 32)] * 3
    assert len(list(detector.stream(stacked))) == 3


class _Undecodable(Image.Image):
    """Fails as a decoder may: with something that is none of its own errors."""

    def load(self) -> None:
        raise MemoryError


def test_nothing_among_the_images_loses_the_others(detector: TextDetector, tmp_path: Path) -> None:
    blank = np.zeros((32, 64, 3), np.uint8)
    closed = Image.fromarray(blank)
    closed.close()
    undecodable = _Undecodable()
    undecodable._size, undecodable._mode = (64, 32), "RGB"
    with (tmp_path / "empty").open("wb") as file:
        pass
    others: list[object] = [
        None,
        7,
        [],
        object(),
        tmp_path,
        tmp_path / "missing",
        "nul\0",
        closed,
        file,
        undecodable,
        "",
    ]
    images = [blank, *others, blank]
    for found in (detector.detect_batch(images), list(detector.stream(images, batch=4))):  # type: ignore[arg-type]
        assert [isinstance(one, Detections) for one in found] == [True, *[False] * len(others), True]
        assert all(isinstance(one, ImageError) and str(one) for one in found[1:-1])
    assert "got NoneType" in str(found[1])
    with pytest.raises(TypeError, match="got NoneType"):
        detector.detect(None)  # type: ignore[arg-type]


def test_a_source_of_images_that_fails_does_so_after_those_before(detector: TextDetector) -> None:
    def images() -> Iterator[NDArray[np.uint8]]:
        for _ in range(3):
            yield np.zeros((32, 64, 3), np.uint8)
        raise LookupError("the camera is gone")

    found = detector.stream(images(), batch=2)
    assert [isinstance(next(found), Detections) for _ in range(3)] == [True] * 3
    with pytest.raises(LookupError, match="the camera is gone"):
        next(found)
    with pytest.raises(LookupError, match="the camera is gone"):
        detector.detect_batch(images())


def test_empty_batch(detector: TextDetector) -> None:
    assert detector.detect_batch([]) == []
    assert list(detector.stream([])) == []


def test_picture_without_text_has_no_boxes(detector: TextDetector) -> None:
    assert len(detector.detect(np.full((300, 500, 3), 127, np.uint8))) == 0


def test_tiny_picture(detector: TextDetector) -> None:
    found = detector.detect(np.zeros((1, 1, 3), np.uint8))
    assert (found.width, found.height, len(found)) == (1, 1, 0)


def test_threads_share_one_detector(detector: TextDetector, demo_images: list[Path]) -> None:
    images = [opened(path).resize((320, 256)) for path in demo_images]
    expected = [quads(detector.detect(image)) for image in images]
    assert all(len(boxes) > 0 for boxes in expected)
    wrong: list[int] = []

    def work(index: int) -> None:
        found = [quads(detector.detect(images[index])) for _ in range(3)]
        wrong.extend(index for boxes in found if not np.array_equal(boxes, expected[index]))

    threads = [threading.Thread(target=work, args=(index,)) for index in [*range(len(images))] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_thresholds_of_a_call_take_the_detectors_place(detector: TextDetector, small_images: list[Path]) -> None:
    assert len(detector.detect(small_images[0], box_threshold=1.0)) == 0
    assert len(detector.detect(small_images[0])) > 0


def test_the_rule_of_a_call_takes_the_detectors_place(detector: TextDetector, small_images: list[Path]) -> None:
    assert detector.confidence is not None
    by_rule = {
        rule: detector.detect(small_images[0], scoring=rule, box_threshold=0.0)
        for rule in ("confidence", "peak", "original")
    }
    confidences, peaks, means = (found.scores.tolist() for found in by_rule.values())
    assert confidences == pytest.approx(detector.confidence.curve(np.array(peaks, np.float32)).tolist())
    assert 0 < max(means) < 0.5 < min(peaks)
    assert detector.detect(small_images[0], box_threshold=0.0).scores.tolist() == confidences
    ranks = np.argsort(peaks), np.argsort(confidences)
    assert np.array_equal(*ranks)
    kept = detector.detect(small_images[0], scoring="original")
    assert [box.score for box in kept] == [mean for mean in means if mean >= 0.1]


def test_thresholds_that_leave_too_many_boxes_cost_no_other_image(small_images: list[Path]) -> None:
    blank = np.full((64, 64, 3), 127, np.uint8)  # 256 pixels of the map
    with TextDetector(max_boxes=1000) as limited:
        with pytest.raises(TooManyBoxesError, match="raise score_threshold or lower nms_threshold"):
            limited.detect(small_images[0], score_threshold=0.0, nms_threshold=1.0)
        assert len(limited.detect(small_images[0])) > 0
        refused, found = limited.detect_batch([small_images[0], blank], score_threshold=0.0, nms_threshold=1.0)
        assert isinstance(refused, TooManyBoxesError)
        assert isinstance(found, Detections)


def test_a_tall_picture_is_cut_and_every_word_found_once_and_whole(detector: TextDetector) -> None:
    picture, boxes = tall_picture(5600)
    found = detector.detect(picture)
    assert (found.tiles, found.to_dict()["tiles"], len(found)) == (3, 3, len(boxes))
    assert (overlaps(found.quads, boxes).max(axis=0) > 0.5).all()
    whole = detector.detect(picture, tiling="off")
    assert whole.tiles == 1
    assert len(whole) < len(boxes) / 2
    prepared = replace(prepare(picture, detector.options), upright=None)
    runs: list[None] = []
    [again] = detector.detect_prepared([prepared], before_each=lambda: runs.append(None))
    assert np.array_equal(quads(again), found.quads)
    assert len(runs) == 3

    def refuse() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        detector.detect_prepared([prepared], before_each=refuse)


def test_a_huge_word_is_found_whole_and_the_small_ones_with_it(detector: TextDetector) -> None:
    picture = Image.new("RGB", (864, 480), "white")
    boxes = [write(picture, "FOR", 40, 40, 400), write(picture, "tomorrow", 60, 420, 30)]
    assert boxes[0][3] - boxes[0][1] > 280
    found = detector.detect(picture)
    assert found.tiles == 1
    assert len(found) == 2
    assert (overlaps(found.quads, boxes).max(axis=0) > 0.5).all()
    before = detector.detect(picture, tiling="off")
    huge, small = (overlaps(before.quads, [box])[:, 0] for box in boxes)
    assert huge.max() < 0.5
    assert np.array_equal(before.quads[small > 0.5], found.quads[overlaps(found.quads, boxes[1:])[:, 0] > 0.5])


def test_pictures_in_tiles_and_others_keep_their_order(detector: TextDetector, demo_images: list[Path]) -> None:
    tall, boxes = tall_picture(1000)
    small = opened(demo_images[0]).resize((320, 256))
    found = [*detector.stream([tall, small, tall], batch=3, tiling=640)]
    assert [one.tiles for one in found if isinstance(one, Detections)] == [2, 1, 2]
    assert [len(one) for one in found if isinstance(one, Detections)] == [
        len(boxes),
        len(detector.detect(small)),
        len(boxes),
    ]
    for one, other in zip(found, detector.detect_batch([tall, small, tall], tiling=640), strict=True):
        assert np.array_equal(quads(one), quads(other))


def test_words_of_all_directions_begin_at_their_own_top_left(detector: TextDetector) -> None:
    picture = Image.new("RGB", (320, 224), "white")
    boxes = [write(picture, text, 20, 20 + 40 * k, 24) for k, text in enumerate(["Message", "Holiday", "Station"])]
    side = Image.new("RGB", (224, 80), "white")
    labels = [write(side, text, 30, 10 + 35 * k, 24) for k, text in enumerate(["Station", "Garden"])]
    picture.paste(side.transpose(Image.Transpose.ROTATE_270), (240, 0))  # read from top to bottom
    corners = [[(left, top), (right, bottom)] for left, top, right, bottom in boxes]
    corners += [[(320 - top, left), (320 - bottom, right)] for left, top, right, bottom in labels]
    upright = np.array(corners, np.float32)  # (5, 2, 2): the text's top-left corner and the one across
    for quarters in range(4):
        image = np.ascontiguousarray(np.rot90(np.asarray(picture), -quarters))
        found = detector.detect(image, orientations="all")
        assert (found.tiles, found.runs) == (1, 4)
        expected, (width, height) = upright, picture.size
        for _ in range(quarters):
            expected = np.stack([height - expected[..., 1], expected[..., 0]], axis=-1)
            width, height = height, width
        ends = found.quads[:, [0, 2]]
        distances = np.abs(ends[:, None] - expected[None]).max(axis=(2, 3))
        assert distances.shape == (5, 5)
        assert (distances.min(axis=0) < 12).all()
        for crop in found.crops():
            assert crop.shape[1] > 2 * crop.shape[0]
    batch = detector.detect_batch([image, picture], orientations="all")
    streamed = [*detector.stream([image, picture], orientations="all", batch=2)]
    for one in (batch, streamed):
        assert np.array_equal(quads(one[0]), found.quads)
        assert len(quads(one[1])) == 5
    assert detector.detect(picture).runs == 1


@pytest.mark.parametrize(
    "changes",
    [CallChanges(), CallChanges(tiling="off", orientations="all"), CallChanges(tiling=256, orientations="all")],
)
def test_runs_and_pixels_are_those_that_the_network_is_given(
    detector: TextDetector, changes: CallChanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, ...]] = []
    candidates = detector.runtime.candidates

    def counted(images: Images, threshold: float) -> list[Candidates]:
        given.extend(image.shape for image in images)
        return candidates(images, threshold)

    monkeypatch.setattr(detector.runtime, "candidates", counted)
    prepared = prepare(np.zeros((320, 352, 3), np.uint8), detector.options.changed(**changes))
    waits: list[None] = []
    [found] = detector.detect_prepared([prepared], before_each=lambda: waits.append(None), **changes)
    looks = looks_of(prepared.network_size, detector.options.changed(**changes))
    assert isinstance(found, Detections)
    assert len(given) == found.runs == found.to_dict()["runs"] == sum(look.runs for look in looks)
    assert sum(height * width for height, width, _ in given) == sum(look.pixels for look in looks)
    assert len(waits) >= len(looks)


def test_input_size_is_the_networks_size(demo_images: list[Path]) -> None:
    with TextDetector(input_size=(320, 480), threads=1) as fixed:
        fixed.warm_up()
        found = fixed.detect(demo_images[0])
        assert (found.width, found.height) == opened(demo_images[0]).size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score_threshold": 1.5}, "score_threshold must be between 0 and 1, got 1.5"),
        ({"nms_threshold": float("nan")}, "nms_threshold"),
        ({"input_size": (100, 320)}, "input_size must be .*multiples of 32, got .100, 320."),
        ({"input_size": (320,)}, "input_size must be .*multiples of 32, got .320,."),
        ({"input_size": (320.0, 640.0)}, "input_size must be .*multiples of 32, got .320.0, 640.0."),
        ({"max_side": 8}, "max_side must be at least 32, got 8"),
        ({"max_boxes": 0}, "max_boxes must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"precision": "FP64"}, "precision must be one of auto, FP32, FP16, INT8, got 'FP64'"),
        ({"runtime": "openvin"}, "did you mean 'openvino'"),
        ({"rounding": "up"}, "rounding"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextDetector(**arguments)  # type: ignore[arg-type]


def test_bad_arguments_of_a_call_are_named(detector: TextDetector) -> None:
    blank = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="max_side must be at least 32, got 0"):
        detector.detect(blank, max_side=0)
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        list(detector.stream([blank], batch=0))
    with pytest.raises(ValueError, match="threads must be at least 1, got -1"):
        list(detector.stream([blank], threads=-1))
    with pytest.raises(ValueError, match=r"size must be .*multiples of 32, got .100, 100."):
        detector.warm_up((100, 100))


def test_a_closed_detector_may_be_closed_again_and_no_more() -> None:
    with TextDetector() as closed:
        closed.close()
    with pytest.raises(ValueError, match="this detector is closed"):
        closed.detect(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_closing_waits_for_the_calls_under_way(runtime: str, demo_images: list[Path]) -> None:
    image = np.asarray(opened(demo_images[0]).resize((224, 160)))
    shared = TextDetector(runtime=runtime)
    expected = quads(shared.detect(image))
    assert len(expected) > 0
    outcomes: list[object] = []
    begun = threading.Barrier(5)

    def work() -> None:
        begun.wait()
        try:
            while True:
                outcomes.append(np.array_equal(quads(shared.detect(image)), expected))
        except ValueError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    while len(outcomes) < 4:
        threading.Event().wait(0.01)
    shared.close()
    for thread in threads:
        thread.join()
    assert outcomes.count("this detector is closed") == 4
    assert outcomes.count(True) == len(outcomes) - 4


def test_closing_between_the_batches_of_a_stream(demo_images: list[Path]) -> None:
    image = np.asarray(opened(demo_images[0]).resize((320, 256)))
    closed = TextDetector()
    found = closed.stream(image for _ in range(1000))
    assert isinstance(next(found), Detections)
    closed.close()
    with pytest.raises(ValueError, match="this detector is closed"):
        list(found)


def test_unsupported_precision_names_runtimes_that_can() -> None:
    with pytest.raises(UnsupportedPrecisionError, match=r"'tensorflow' cannot do INT8.*can do INT8"):
        TextDetector(runtime="tensorflow", precision="INT8")


def test_unknown_weights_are_named() -> None:
    with pytest.raises(WeightsError, match="no weights named 'nothing-here'"):
        TextDetector(weights="nothing-here")


@pytest.mark.parametrize("name", ["bgr", "clip", "keep_image"])
@pytest.mark.parametrize("value", ["yes", 1, None])
def test_what_is_neither_true_nor_false_is_named(detector: TextDetector, name: str, value: Any) -> None:
    images = [np.zeros((32, 32, 3), np.uint8)]
    told = f"^{name} must be true or false, got {value!r}$"
    with pytest.raises(ValueError, match=told):
        detector.detect(images[0], **{name: value})
    with pytest.raises(ValueError, match=told):
        detector.detect_batch(images, **{name: value})
    with pytest.raises(ValueError, match=told):
        detector.stream(images, **{name: value})
    if name == "bgr":
        with pytest.raises(ValueError, match=told):
            load_image(images[0], bgr=value)


@pytest.mark.parametrize("name", ["batch", "threads"])
@pytest.mark.parametrize("value", ["x", 1.5, True])
def test_what_is_no_number_of_things_is_named(detector: TextDetector, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a whole number of at least 1, got {value!r}$"):
        detector.stream([], **{name: value})
