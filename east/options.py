"""What a user can choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ProfileStrategy = Literal["Range", "Optimal", "Range+Optimal", "ImplicitBatchModeCompatible"]


@dataclass(frozen=True)
class NodeNames:
    """Names of the graph's input and outputs; None takes those of the original EAST."""

    input: str | None = None
    score: str | None = None
    geometry: str | None = None


@dataclass(frozen=True)
class TfTrtOptions:
    """How TF-TRT converts.

    max_workspace_size_bytes: GPU memory a TensorRT engine may use while it runs; None leaves it to TF-TRT.
    minimum_segment_size: fewest operations that become an engine.
    maximum_cached_engines: engines kept for different input shapes.
    use_dynamic_shape: one engine for a range of shapes instead of one for each.
    dynamic_shape_profile_strategy: what that engine is tuned for, of the shapes it is built with.
    use_calibration: INT8 ranges are measured by TensorRT. False writes them into the graph, as quantize and
        dequantize operations, from the project's own measurement on the same images.
    build_at_conversion: engines are built and kept at conversion, for ``batches`` of images of the size that the
        detector is used with. False builds them at first use.
    allow_build_at_runtime: engines may be built for other shapes while running; None means: if image sizes vary.
    batches: batch sizes to build for.
    """

    max_workspace_size_bytes: int | None = None
    minimum_segment_size: int = 3
    maximum_cached_engines: int = 16
    use_dynamic_shape: bool = False
    dynamic_shape_profile_strategy: ProfileStrategy = "Range"
    use_calibration: bool = True
    build_at_conversion: bool = True
    allow_build_at_runtime: bool | None = None
    batches: tuple[int, ...] = (1, 8)

    def __post_init__(self) -> None:
        if self.dynamic_shape_profile_strategy not in get_args(ProfileStrategy):
            known = ", ".join(get_args(ProfileStrategy))
            raise ValueError(
                f"dynamic_shape_profile_strategy must be one of {known}, got {self.dynamic_shape_profile_strategy!r}"
            )
        if not self.build_at_conversion and self.allow_build_at_runtime is False:
            raise ValueError("engines have to be built at conversion or at run time: allow one of the two")
        for name in ("minimum_segment_size", "maximum_cached_engines"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.batches or min(self.batches) < 1:
            raise ValueError(f"batches must be one or more positive numbers, got {self.batches}")
