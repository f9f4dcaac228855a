"""Every option is declared once and arrives in the detector, whatever way it comes."""

from __future__ import annotations

import re
import shutil
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import pytest

from east import ConversionError, DetectorOptions, NodeNames, TextDetector, TfTrtOptions
from east.cli import main
from east.flags import CONVERSION, PAIRED
from east.model import weights
from east.option_fields import Leaf, from_paths, leaves, to_paths
from east.options import CallChanges, CallOptions, ReadingOptions
from east.types import Precision, Scoring, Size
from eval.cli import main as evaluate

Paths = dict[tuple[str, ...], Any]


def other_value(leaf: Leaf) -> Any:
    """A value that is allowed and not the default."""
    if leaf.choices:
        return next(choice for choice in reversed(leaf.choices) if choice != leaf.default)
    if leaf.kind is bool:
        return not leaf.default
    if leaf.kind is Size:
        return Size(96, 96)
    if leaf.kind is float:
        return 0.375
    if leaf.kind is int:
        return (2, 3) if leaf.several else max(leaf.default or 6, leaf.about.least) + 1
    return "gpu:1" if leaf.about.pattern else "something"


@pytest.fixture(scope="session")
def others(own_folders: None, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Every option set to something that is not its default, and that works on a processor without a GPU."""
    bundle = tmp_path_factory.mktemp("weights") / "mine.npz"
    shutil.copy(weights.resolve("default"), bundle)
    values = {leaf.path: other_value(leaf) for leaf in leaves(DetectorOptions)}
    return values | {("weights",): str(bundle), ("runtime",): "openvino", ("device",): "cpu"}


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[DetectorOptions]:
    """The options with which detectors were to load their runtimes."""
    seen: list[DetectorOptions] = []

    def load(source: object, options: DetectorOptions) -> None:
        seen.append(options)
        raise ConversionError("that is far enough")

    monkeypatch.setattr("east.detector.load_runtime", load)
    return seen


def text_of(value: Any) -> str:
    return " ".join(map(str, value)) if type(value) is tuple else str(value)


def flags(values: Paths, *, without: tuple[str, ...] = ()) -> list[str]:
    """The values as a user gives them on the command line."""
    arguments = []
    for leaf in leaves(DetectorOptions):
        value = values[leaf.path]
        name = leaf.about.flag or f"--{leaf.name.replace('_', '-')}"
        if leaf.path[0] in without:
            continue
        if leaf.path[0] in PAIRED:
            arguments += [f"--{leaf.path[0]}", f"{leaf.name}={text_of(value).replace(' ', ',')}"]
        elif leaf.kind is bool:
            arguments.append(name if value else f"--no-{name[2:]}")
        else:
            arguments += [name, text_of(value)]
    return arguments


@pytest.mark.parametrize(
    ("options", "scoring", "least", "score"),
    [
        (ReadingOptions(), "confidence", 0.7, 0.5),
        (ReadingOptions(recogniser="tesseract"), "peak", 0.3, 0.5),
        (ReadingOptions(text_threshold=0), "confidence", 0, None),
        (ReadingOptions(), "original", 0, None),
        (ReadingOptions(text_threshold=0.1), "original", 0.1, 0.5),
    ],
)
def test_doubtful_words_are_looked_for_where_their_texts_decide(
    options: ReadingOptions, scoring: Scoring, least: float, score: float | None
) -> None:
    """By default they do not where scores are no probabilities."""
    suited = options.suited_to(scoring)
    assert suited.least_confidence == least
    assert suited.looks_for().get("score_threshold") == score


def test_no_value_of_the_others_is_a_default(others: Paths) -> None:
    assert [leaf.path for leaf in leaves(DetectorOptions) if others[leaf.path] == leaf.default] == []


def test_from_python(others: Paths, arrived: list[DetectorOptions]) -> None:
    options = from_paths(DetectorOptions, others)
    with pytest.raises(ConversionError):
        TextDetector(**vars(options))
    with pytest.raises(ConversionError):
        TextDetector.from_options(options)
    assert [to_paths(one) for one in arrived] == [others, others]


def test_from_the_command_line(others: Paths, arrived: list[DetectorOptions], demo_images: list[Path]) -> None:
    assert main(["detect", str(demo_images[0]), *flags(others)]) == 1
    assert to_paths(arrived[0]) == others


@pytest.mark.parametrize("command", ["convert", "inspect"])
def test_what_a_conversion_depends_on(command: str, others: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[DetectorOptions] = []

    def resolve(options: DetectorOptions, faithful: object, **_: bool) -> NoReturn:
        seen.append(options)
        raise ConversionError("that is far enough")

    monkeypatch.setattr("east.runtimes.resolve", resolve)
    detection = tuple(name for name in vars(DetectorOptions()) if name not in CONVERSION)
    given = flags(others, without=(*detection, *PAIRED))
    for leaf in (leaf for leaf in leaves(DetectorOptions) if leaf.path[0] in PAIRED):
        value, name = others[leaf.path], leaf.about.flag or f"--{leaf.name.replace('_', '-')}"
        if command == "inspect":
            given += [f"--{leaf.path[0]}", f"{leaf.name}={text_of(value).replace(' ', ',')}"]
        elif leaf.kind is bool:
            given.append(name if value else f"--no-{name[2:]}")
        else:
            given += [name, *text_of(value).split()]
    assert main([command, *given]) == 1
    converted = {path: value for path, value in others.items() if path[0] in CONVERSION}
    assert {path: value for path, value in to_paths(seen[0]).items() if path[0] in CONVERSION} == converted


def test_from_the_evaluation(
    others: Paths, arrived: list[DetectorOptions], demo_images: list[Path], tmp_path: Path
) -> None:
    shutil.copy(demo_images[0], tmp_path / "img_1.jpg")
    (tmp_path / "gt_img_1.txt").write_text("0,0,9,0,9,9,0,9,word\n")
    assert evaluate(["icdar2015", "--data", str(tmp_path), *flags(others)]) == 1
    assert to_paths(arrived[0]) == others


def test_defaults_arrive_where_nothing_is_said(arrived: list[DetectorOptions], demo_images: list[Path]) -> None:
    assert main(["detect", str(demo_images[0])]) == 1
    assert arrived == [DetectorOptions()]


def test_a_call_changes_what_it_names(detector: TextDetector, demo_images: list[Path]) -> None:
    assert set(CallChanges.__annotations__) == {leaf.name for leaf in leaves(CallOptions)}
    hints = typing.get_type_hints(CallChanges)
    assert all(hints[leaf.name] is leaf.kind for leaf in leaves(CallOptions))
    with pytest.raises(TypeError, match="no option 'thresholds'; it has score_threshold, nms_threshold"):
        detector.detect(demo_images[0], thresholds=0.5)  # type: ignore[call-arg]


def test_groups_are_taken_as_they_are() -> None:
    options = DetectorOptions(nodes=NodeNames(score="s"), tftrt=TfTrtOptions(batches=(4,)))
    assert (options.nodes.score, options.nodes.input, options.tftrt.batches) == ("s", None, (4,))


@pytest.mark.parametrize("leaf", leaves(DetectorOptions), ids=lambda leaf: ".".join(leaf.path))
def test_each_is_read_from_a_text_and_told_in_help(leaf: Leaf) -> None:
    value = other_value(leaf)
    assert leaf.parsed(text_of(value)) == value
    assert leaf.about.help
    assert leaf.about.help in (DetectorOptions.__doc__ or "")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: DetectorOptions(precision="int4"), "precision must be one of auto, FP32, FP16, INT8, got 'int4'"),
        (lambda: DetectorOptions(runtime="opnvino"), "did you mean 'openvino'"),
        (lambda: DetectorOptions(precision="INT9"), r"INT8, got 'INT9'; did you mean 'INT8'\?$"),
        (lambda: DetectorOptions(runtime=Precision.INT8), "tensorflow, got 'INT8'$"),
        (lambda: DetectorOptions(threads=Precision.INT8), "at least 1, got 'INT8'$"),  # type: ignore[arg-type]
        (lambda: DetectorOptions(threads=0), "threads must be at least 1, got 0"),
        (lambda: DetectorOptions(threads=1.5), "threads must be a whole number of at least 1, got 1.5"),  # type: ignore[arg-type]
        (lambda: DetectorOptions(nms_threshold="0.5"), "nms_threshold must be a number between 0 and 1, got '0.5'"),  # type: ignore[arg-type]
        (lambda: DetectorOptions(max_side=True), "max_side must be a whole number of at least 32, got True"),
        (lambda: DetectorOptions(tf32="maybe"), "tf32 must be true or false, got 'maybe'"),  # type: ignore[arg-type]
        (lambda: DetectorOptions(score_threshold=float("nan")), "score_threshold must be between 0 and 1, got nan"),
        (lambda: DetectorOptions(gpu_memory_fraction=0.0), "gpu_memory_fraction must be between 0 and 1, got 0.0"),
        (lambda: DetectorOptions(device="gpu:x"), "device must be auto, cpu, gpu, or gpu:N"),
        (lambda: DetectorOptions(input_size=(100, 64)), "input_size must be .height, width., both multiples of 32"),
        (lambda: DetectorOptions(weights=7), "weights must be a text, got 7"),  # type: ignore[arg-type]
        (lambda: TfTrtOptions(batches=()), r"batches must be one or more whole numbers of at least 1, got \(\)"),
        (lambda: TfTrtOptions(build_at_conversion=False, allow_build_at_runtime=False), "allow one of the two"),
    ],
)
def test_what_is_out_of_bounds_is_named(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize("name", [one.name for one in fields(DetectorOptions) if "section" in one.metadata])
@pytest.mark.parametrize("value", ["pics", {"a": 1}, 3, None, NodeNames], ids=str)
def test_what_is_no_group_of_options_is_named(name: str, value: Any) -> None:
    right = type(getattr(DetectorOptions(), name))
    told = f"{name} must be an east.options.{right.__name__}, got {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        TextDetector(**{name: value})


def test_names_of_precisions_may_be_written_small() -> None:
    assert DetectorOptions(precision="int8").precision is Precision.INT8
