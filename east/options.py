"""Every option of the detector, once: its type, default, bounds and help.

`TextDetector`, the flags of the command line, the settings of the service and the evaluation are derived from
`DetectorOptions`; a default stands here or nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar

from .option_fields import Options, described, group, option, unknown
from .types import Precision, Scoring, Size

EVALUATION_SIZE = Size(672, 1280)
"""Network size at which ICDAR2015 is evaluated: the one of the original work's table."""

MAX_SIDE = 2400
"""Longest side in pixels of what the network sees at once, where nobody says otherwise."""

PDF_DPI = 200.0
"""Pixels per inch at which pages of PDFs are read and written, where nobody says otherwise."""

RECOGNISERS = ("rapidocr", "tesseract")
"""The recognisers that `east.ocr` has, by name."""

READING_SCORE_THRESHOLD = 0.5
"""Score threshold for words that are to be read: whether they can be tells what the doubtful ones are."""

TEXT_THRESHOLDS = {"rapidocr": 0.7, "tesseract": 0.3}
"""Each recogniser's confidence, in the text of what surely is a word, below which a text is more often wrong."""

RUNTIMES = ("tensorrt", "tftrt", "xla", "openvino", "onnx", "tensorflow")
"""All runtimes, the fastest first: the order in which ``auto`` tries them."""

Rounding = Literal["down", "original"]
Tiling: TypeAlias = int | Literal["auto", "off"]
Orientations = Literal["upright", "all"]
ProfileStrategy = Literal["Range", "Optimal", "Range+Optimal", "ImplicitBatchModeCompatible"]

SHARE: dict[str, Any] = {"least": 0, "most": 1}

Call = TypeVar("Call", bound="CallOptions")


@described
@dataclass(frozen=True)
class NodeNames(Options):
    """Names of the graph's input and outputs, where they differ from the original EAST's."""

    input: str | None = option(None, "input node (default: input_images)", flag="--input-name", metavar="NODE")
    score: str | None = option(
        None, "score node (default: feature_fusion/Conv_7/Sigmoid)", flag="--score-name", metavar="NODE"
    )
    geometry: str | None = option(
        None, "geometry node (default: feature_fusion/concat_3)", flag="--geometry-name", metavar="NODE"
    )


@described
@dataclass(frozen=True)
class Calibration(Options):
    """What the ranges of INT8 are, or are measured on."""

    source: str | os.PathLike[str] | None = option(
        None,
        "folder of images to calibrate on, the calibration.json of an earlier calibration, or the .ranges.npz that "
        "'east calibrate' wrote (default: the ranges on record for the weights, else images that ship with the "
        "project)",
        flag="--calibration",
        metavar="DIR|FILE",
    )
    count: int = option(100, "how many images at most", flag="--calibration-count", least=1)
    seed: int | None = option(None, "draw them at random, not the first by name", flag="--calibration-seed")
    size: tuple[int, int] = option(EVALUATION_SIZE, "size that every image is resized to", flag="--calibration-size")


@described
@dataclass(frozen=True)
class TfTrtOptions(Options):
    """How TF-TRT converts, under the names of TrtGraphConverterV2."""

    max_workspace_size_bytes: int | None = option(None, "GPU memory an engine may use (default: TF-TRT's own)", least=1)
    minimum_segment_size: int = option(3, "fewest operations that become an engine", least=1)
    maximum_cached_engines: int = option(16, "engines kept for different input shapes", least=1)
    use_dynamic_shape: bool = option(False, "one engine for a range of shapes instead of one for each")
    dynamic_shape_profile_strategy: ProfileStrategy = option(
        "Range", "what that engine is tuned for, of the shapes it is built with"
    )
    use_calibration: bool = option(
        False, "let TensorRT calibrate INT8 on the images of the calibration, in place of the ranges on record"
    )
    build_at_conversion: bool = option(True, "build and keep engines at conversion, or else at first use")
    allow_build_at_runtime: bool | None = option(
        None, "build engines for other shapes while running (default: only if image sizes vary)"
    )
    batches: tuple[int, ...] = option((1, 8), "batch sizes to build for", flag="--build-batches", least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.build_at_conversion and self.allow_build_at_runtime is False:
            raise ValueError("engines have to be built at conversion or at run time: allow one of the two")


@described
@dataclass(frozen=True)
class TensorRtOptions(Options):
    """How native TensorRT builds and runs its engine, under the names of TensorRT and of ONNX Runtime's providers."""

    max_workspace_size: int | None = option(
        None,
        "bytes of GPU memory that a layer may use (default: TensorRT's own)",
        flag="--tensorrt-max-workspace-size",
        least=1,
    )
    builder_optimization_level: int = option(
        3, "how long to look for faster kernels", flag="--tensorrt-builder-optimization-level", least=0, most=5
    )
    compute_capability: str | None = option(
        None,
        "the compute capability to build for (default: this GPU's; without a GPU, 8.0 and later)",
        flag="--tensorrt-compute-capability",
        choices=("8.0", "8.6", "8.9", "12.0", "12.1"),
    )
    cuda_graph_enable: bool = option(
        False, "capture a CUDA graph for each shape and replay it", flag="--tensorrt-cuda-graph-enable"
    )
    profile_min_size: tuple[int, int] | None = option(
        None, "smallest size of images (default: input_size, else 32x32)", flag="--tensorrt-profile-min-size"
    )
    profile_opt_size: tuple[int, int] | None = option(
        None, "size that it is tuned for (default: input_size, else 672x1280)", flag="--tensorrt-profile-opt-size"
    )
    profile_max_size: tuple[int, int] | None = option(
        None, "largest size of images (default: input_size, else max_side)", flag="--tensorrt-profile-max-size"
    )
    batches: tuple[int, ...] = option(
        (1, 2, 4, 8), "batch sizes that others are filled up to", flag="--tensorrt-batches", least=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = [size for size in (self.profile_min_size, self.profile_opt_size, self.profile_max_size) if size]
        if any(one > other for less, more in pairwise(sizes) for one, other in zip(less, more, strict=True)):
            raise ValueError("profile_min_size, profile_opt_size and profile_max_size must not decrease")


@described
@dataclass(frozen=True)
class OnnxOptions(Options):
    """How ONNX Runtime runs the network on an NVIDIA GPU, under the names of its CUDA provider."""

    prefer_nhwc: bool = option(True, "keep channels last, as tensor cores want them", flag="--onnx-prefer-nhwc")
    fuse_conv_bias: bool = option(True, "let cuDNN add biases within convolutions", flag="--onnx-fuse-conv-bias")
    enable_cuda_graph: bool = option(
        True,
        "capture a CUDA graph for each batch size and replay it, where all images have one size",
        flag="--onnx-enable-cuda-graph",
    )


class CallChanges(TypedDict, total=False):
    """What one call of a detector may have otherwise than the detector: some of `CallOptions`."""

    score_threshold: float
    nms_threshold: float
    box_threshold: float
    scoring: Scoring
    max_side: int
    tiling: Tiling
    orientations: Orientations


class ReadingChanges(CallChanges, total=False):
    """What one call of a service that reads may have otherwise."""

    text_threshold: float


_OF_CALLS = ("bgr", "clip", "keep_image")  # what every call takes besides


@described
@dataclass(frozen=True, kw_only=True)
class CallOptions(Options):
    """What each call may choose anew."""

    score_threshold: float = option(0.8, "score above which a pixel is text", alias="--threshold", **SHARE)
    nms_threshold: float = option(0.2, "IoU above which boxes merge, then suppress each other", **SHARE)
    box_threshold: float = option(0.1, "score below which a box is dropped", **SHARE)
    scoring: Scoring = option(
        "confidence",
        "what a box's score is: confidence, the probability that it is a word, by the curve on record for the weights "
        "(peak where there is none); peak, the highest score of a pixel in its core; original, the mean score of the "
        "pixels in it, as in the original code",
    )
    max_side: int | None = option(
        None,
        f"longest side in pixels to which larger images are shrunk (default: {MAX_SIDE}, or as tiling decides)",
        metavar="PX",
        least=32,
    )
    tiling: Tiling = option(
        "auto",
        "auto cuts images into overlapping tiles that would be shrunk so far that words get lost, and takes a second, "
        "reduced look for huge words; off looks once at every image; a number cuts every image that is larger into "
        "tiles of at most so many pixels a side",
        metavar="auto|off|PX",
        least=256,
        most=4096,
    )
    orientations: Orientations = option(
        "upright",
        "upright expects text as a reader holds it; all also looks at the image turned by 90, 180 and 270 degrees, "
        "which takes the network four times as long, and begins every quad at its own text's top-left corner",
    )

    def changed(self: Call, **changes: Any) -> Call:
        """The same options but for those given. Raises ``TypeError`` for what a call cannot choose."""
        for name in changes:
            if name not in CallChanges.__annotations__:
                raise unknown("a call", name, [*CallChanges.__annotations__, *_OF_CALLS])
        return replace(self, **changes) if changes else self


@described
@dataclass(frozen=True)
class DetectorOptions(CallOptions):
    """All that a detector can be told."""

    weights: str | os.PathLike[str] = option(
        "default",
        "a name from 'east weights list', or a TensorFlow checkpoint, frozen .pb, SavedModel or .npz",
        section="model",
        alias="--checkpoint",
        metavar="NAME|PATH",
    )
    runtime: str = option(
        "auto",
        "what runs the network; auto takes the fastest that works here, 'east runtimes' lists them",
        section="runtime",
        choices=("auto", *RUNTIMES),
    )
    precision: Precision | str = option(
        "auto",
        "precision of the network; auto takes the fastest that is on record as accurate as FP32",
        section="runtime",
        choices=("auto", *Precision),
    )
    _: KW_ONLY
    nodes: NodeNames = group(NodeNames(), "model")
    device: str = option(
        "auto",
        "auto, cpu, gpu, or gpu:N for one of several",
        section="runtime",
        metavar="DEVICE",
        pattern=r"auto|cpu|gpu(:\d+)?",
    )
    threads: int | None = option(None, "CPU threads (default: the runtime's choice)", section="runtime", least=1)
    tf32: bool = option(False, "let an NVIDIA GPU round FP32 to TF32", section="runtime")
    gpu_memory_fraction: float | None = option(
        None,
        "of each GPU's memory, what TensorFlow may take (default: what it needs)",
        section="runtime",
        metavar="SHARE",
        above=0,
        most=1,
    )
    calibration: Calibration = group(Calibration(), "calibration of INT8")
    tftrt: TfTrtOptions = group(TfTrtOptions(), "TF-TRT, under the names of TrtGraphConverterV2")
    tensorrt: TensorRtOptions = group(TensorRtOptions(), "native TensorRT")
    onnx: OnnxOptions = group(OnnxOptions(), "ONNX Runtime on a GPU")
    input_size: tuple[int, int] | None = option(
        None,
        "network size for every image, multiples of 32 such as 672x1280 (default: each image's own)",
    )
    rounding: Rounding = option("down", "how sides become multiples of 32: down, or as in the original code")
    max_boxes: int | None = option(
        None, "most boxes of an image to compare with each other; without it lax thresholds may take minutes", least=1
    )
    max_pixels: int = option(128_000_000, "most pixels of an image, told from its header", least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.orientations == "all" and self.fixed_size is not None and len(set(self.fixed_size)) > 1:
            raise ValueError(
                f"orientations must be upright where images have a size of {self.fixed_size}: turned, it is another"
            )

    @property
    def fixed_size(self) -> Size | None:
        """``input_size`` as a `Size`: the only size that images will have, if there is only one."""
        return None if self.input_size is None else Size(*self.input_size)


def _shown(defaults: Mapping[str, float]) -> str:
    return ", ".join(f"{default:g} for {name}" for name, default in defaults.items())


@described
@dataclass(frozen=True, kw_only=True)
class ReadingOptions(Options):
    """How the words that were found are read."""

    recogniser: str = option("rapidocr", "what reads the words", section="reading", choices=RECOGNISERS)
    language: str | None = option(
        None,
        "of the words, as the recogniser calls it: en, ch; for tesseract eng, deu, eng+deu (default: the recogniser's)",
        section="reading",
        metavar="CODE",
    )
    padding: float = option(
        0.0, "surroundings to read with each word, as a share of its height", section="reading", **SHARE
    )
    text_threshold: float | None = option(
        None,
        "confidence in its text below which what surely is a word is dropped; the less sure the word, the more so must "
        f"be its text; 0 keeps all (default: {_shown(TEXT_THRESHOLDS)})",
        section="reading",
        **SHARE,
    )

    @property
    def least_confidence(self) -> float:
        """The text threshold, by default the recogniser's."""
        return TEXT_THRESHOLDS[self.recogniser] if self.text_threshold is None else self.text_threshold

    def suited_to(self, scoring: Scoring) -> ReadingOptions:
        """By default all texts count where scores are no probabilities, of which the text threshold is a power."""
        unsuited = self.text_threshold is None and scoring == "original"
        return replace(self, text_threshold=0.0) if unsuited else self

    def looks_for(self) -> CallChanges:
        """How words that are to be read are looked for: doubtful ones, too, where their texts decide about them."""
        return {"score_threshold": READING_SCORE_THRESHOLD} if self.least_confidence else {}


@described
@dataclass(frozen=True, kw_only=True)
class StreamOptions(Options):
    """How a stream works besides."""

    processes: int = option(
        0,
        "processes beside this one that decode and resize the images of a stream and find the words in what the "
        "network says, which keeps a GPU busy that decoding in threads does not; Linux only; 0 does all that in "
        "threads of this process",
        section="stream",
        least=0,
    )


DEFAULTS = DetectorOptions()
"""The defaults, by name."""

STREAM_DEFAULTS = StreamOptions()
"""Likewise."""


def check_dpi(dpi: float) -> None:
    """Raises ``ValueError`` for a resolution that no page is rendered at."""
    if not 1 <= dpi <= 10_000:
        raise ValueError(f"dpi must be between 1 and 10000, got {dpi}")
