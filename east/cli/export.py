"""``east export``: the network as a file for other programs."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..files import written_whole
from ..flags import add_options, option_type, options_from, positive
from ..options import DetectorOptions
from ..outputs import Output, check_outputs
from ..types import Precision, Size

if TYPE_CHECKING:
    from ..model.source import ModelSource

_DYNAMIC = "dynamic"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "export",
        help="write weights as ONNX, for OpenVINO or as a SavedModel",
        description="Writes the network for other programs: from input_images, uint8 RGB (N, H, W, 3), to "
        "feature_fusion/Conv_7/Sigmoid (score) and feature_fusion/concat_3 (geometry), both (N, H/4, W/4, C). FP16 has "
        "its heads in float32; INT8 has QuantizeLinear and DequantizeLinear around its convolutions, in a SavedModel "
        "QuantizeAndDequantize.",
    )
    add_options(parser, ["weights", "nodes", "precision", "calibration"], defaults={"precision": Precision.FP32})
    output = parser.add_argument_group("output")
    output.add_argument("--format", required=True, choices=list(_WRITERS), help="what to write")
    output.add_argument(
        "--output", required=True, type=Path, metavar="PATH", help="file to write, or folder of a SavedModel"
    )
    output.add_argument(
        "--size",
        type=_or_dynamic(option_type("input_size")),
        metavar="HxW|dynamic",
        help="the only size of images that it takes (default: dynamic, any multiples of 32)",
    )
    output.add_argument(
        "--batch",
        type=_or_dynamic(positive),
        metavar="N|dynamic",
        help="how many images it takes at once (default: dynamic, any number)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exports, and prints one line about what was written."""
    from ..model.source import ModelSource
    from ..runtimes.inputs import files_read

    options = options_from(args, precision=Precision.FP32)
    if options.precision not in tuple(Precision):
        raise UsageError(f"--precision must be one of {', '.join(Precision)} for a file, got {options.precision}")
    write = _WRITERS[args.format]
    source = ModelSource.find(options.weights, options.nodes)
    outputs = [args.output, args.output.with_suffix(".bin")] if args.format == "openvino" else [args.output]
    if args.format == "saved-model" and args.output.exists():
        raise FileExistsError(17, "is there already; name a folder that is not", str(args.output))
    check_outputs([Output("--output", output) for output in outputs], files_read(options))
    write(source, options, args.output, args.size, args.batch)
    files = [file for output in outputs for file in ([output] if output.is_file() else output.rglob("*"))]
    size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    images = f"({args.batch or 'N'}, {', '.join(map(str, args.size or 'HW'))}, 3)"
    print(f"{args.output}: {args.format} {options.precision}, images {images}, {size:.1f} MB, weights {source.name}")
    return 0


def _write_onnx(
    source: ModelSource, options: DetectorOptions, path: Path, size: Size | None, batch: int | None
) -> None:
    from ..runtimes.conversion.onnx_export import export_onnx

    model = export_onnx(source, options, size, batch)
    with written_whole(path) as file:
        file.write(model.SerializeToString(deterministic=True))


def _write_openvino(
    source: ModelSource, options: DetectorOptions, path: Path, size: Size | None, batch: int | None
) -> None:
    from ..frameworks import openvino
    from ..runtimes.openvino import MODEL, convert

    if path.suffix != ".xml":
        raise UsageError(f"--output {path} is to be an .xml, beside which the weights go into a .bin")
    made = convert(source, options).folder / MODEL
    with TemporaryDirectory() as folder:
        if size is not None or batch is not None:
            ov = openvino()
            model = ov.Core().read_model(made)
            _, height, width, channels = model.input(0).partial_shape
            sides = (height, width) if size is None else size
            model.reshape(ov.PartialShape([-1 if batch is None else batch, *sides, channels]))
            made = Path(folder, MODEL)
            ov.save_model(model, made, compress_to_fp16=options.precision is Precision.FP16)
        for suffix in (".bin", ".xml"):
            with made.with_suffix(suffix).open("rb") as content, written_whole(path.with_suffix(suffix)) as file:
                shutil.copyfileobj(content, file)


def _write_saved_model(
    source: ModelSource, options: DetectorOptions, path: Path, size: Size | None, batch: int | None
) -> None:
    from ..runtimes.conversion.onnx_export import graph_in_precision
    from ..runtimes.tftrt import save_with_signature

    if size is not None or batch is not None:
        raise UsageError("a SavedModel takes images of any size, and any number of them: leave out --size and --batch")
    partial_folder = path.with_name(f".{path.name}.part")
    try:
        save_with_signature(graph_in_precision(source, options), partial_folder)
        partial_folder.rename(path)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


_WRITERS: dict[str, Callable[[ModelSource, DetectorOptions, Path, Size | None, int | None], None]] = {
    "onnx": _write_onnx,
    "openvino": _write_openvino,
    "saved-model": _write_saved_model,
}


def _or_dynamic(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Parses what ``parse`` does, or ``dynamic``, which is None."""

    def parsed(text: str) -> Any:
        return None if text.lower() == _DYNAMIC else parse(text)

    return parsed
