"""From weights in any form to one frozen graph."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, GraphError
from ...files import sha256_file
from ...options import NodeNames
from ..checkpoint import checkpoint_prefix, read_arrays
from ..frozen import FrozenModel, InputDtype, hash_constants, read_graph_def
from ..graphdef import MetaGraphDef
from ..reading import read_message, reading
from .checks import check_graph
from .graph import named_graph
from .network_graph import network_graph
from .simplify import simplify

_LOGGER = logging.getLogger(__name__)


def freeze(
    source: str | Path,
    nodes: NodeNames | None = None,
    *,
    input_dtype: InputDtype = "uint8",
    signature: str | None = None,
) -> FrozenModel:
    """Freezes weights to one graph of plain operations, batch normalization folded into the convolutions.

    Args:
        source: a bundle (.npz), a TensorFlow 1 checkpoint (its prefix, one of its files, or its folder; the graph
            comes from its ``.meta`` where there is one), a frozen graph (.pb), or a SavedModel folder.
        nodes: names in the source, where they are not those that the frozen graph has in any case.
        input_dtype: of the images, RGB 0..255, that the frozen graph takes.
        signature: of a SavedModel that has several.

    Returns:
        The graph; its ``weights_sha256`` is that of a bundle or ``.pb``, else that of the frozen constants.

    Raises:
        WeightsError: a file cannot be read.
        CheckpointError: variables that do not fit.
        GraphError: node names that are not there, or training that cannot be folded away.
        MissingPackageError: a checkpoint or SavedModel, and TensorFlow is not installed.
    """
    if input_dtype not in ("uint8", "float32"):
        raise ValueError(f"input_dtype must be 'uint8' or 'float32', got {input_dtype!r}")
    path, names = Path(source), nodes or NodeNames()
    if path.name == "saved_model.pb":
        path = path.parent
    with reading(path):
        is_saved_model = (path / "saved_model.pb").is_file()
        sha256 = sha256_file(path) if path.suffix in {".npz", ".pb"} else None
    if path.suffix == ".npz":
        graph_def = simplify(network_graph(read_arrays(path), str(path), names), input_dtype)
    elif path.suffix == ".pb":
        graph_def = simplify(named_graph(read_graph_def(path), str(path), names), input_dtype)
    elif is_saved_model:
        from .saved_model import saved_model_graph

        graph_def = simplify(saved_model_graph(path, names, signature), input_dtype)
    else:
        graph_def = _from_checkpoint(checkpoint_prefix(path), names, input_dtype)
    if path.suffix != ".npz":
        check_graph(graph_def)
    return FrozenModel(graph_def, input_dtype, sha256 or hash_constants(graph_def))


def _from_checkpoint(prefix: Path, names: NodeNames, input_dtype: InputDtype) -> Any:
    """The ``.meta`` decides where it can be frozen; else the project's network, if the variables are its own."""
    variables = read_arrays(prefix)
    path = Path(f"{prefix}.meta")
    if not path.is_file():
        return simplify(network_graph(variables, str(prefix), names), input_dtype)
    what = "a graph; without it the project's own network takes the variables"
    meta = read_message(path, MetaGraphDef(), what)
    try:
        return simplify(named_graph(meta.graph_def, str(path), names, variables), input_dtype)
    except GraphError as error:
        if names != NodeNames():
            raise
        try:
            graph = network_graph(variables, str(prefix), names)
        except CheckpointError:
            raise error from None
        _LOGGER.warning("%s: %s; using the project's own network with its variables", path, error)
        return simplify(graph, input_dtype)
