"""Variables on disk: the project's bundles (.npz) and TensorFlow 1 checkpoints."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, WeightsError
from ..files import written_whole
from ..frameworks import tensorflow
from .architecture import variable_shapes
from .reading import plainly_named, reading

Variables = dict[str, NDArray[np.float32]]

AVERAGE = "ExponentialMovingAverage"
_LISTED = 5
_OTHER_NETWORKS = frozenset(
    [".onnx", ".xml", ".engine", ".trt", ".tflite", ".h5", ".keras", ".pt", ".pth", ".safetensors"]
)
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
KERAS_NAMES = {"kernel": "weights", "bias": "biases"}


def read_variables(path: str | Path) -> Variables:
    """Reads the network's 306 variables, float32, under their checkpoint names.

    ``path`` is a bundle (.npz), the prefix of a TensorFlow checkpoint, or a folder, of which the latest is meant.
    Moving averages take the place of raw values; optimizer slots, ``global_step`` and the like are left out.

    Raises:
        CheckpointError: variables are missing or mis-shaped; the message lists some.
        WeightsError: a file cannot be read or is damaged.
        MissingPackageError: a checkpoint, and TensorFlow is not installed.
    """
    return network_variables(read_arrays(path), str(path))


def read_arrays(path: str | Path) -> Variables:
    """Like `read_variables`, but whatever floating-point variables there are, unchecked."""
    path = Path(path)
    if path.suffix != ".npz":
        return _read_checkpoint(checkpoint_prefix(path))
    try:
        with reading(path), path.open("rb") as file, np.load(file) as bundle:
            return {name: bundle[name].astype(np.float32) for name in bundle.files}
    except WeightsError:
        raise
    except Exception as error:  # NumPy and zipfile fail in many ways on other files
        raise WeightsError(f"{path} is damaged or not a bundle of weights: {_line(error)}") from error


def network_variables(values: Mapping[str, NDArray[Any]], source: str, *, within: str = "") -> Variables:
    """The network's variables among others; they may all lie in one scope, such as ``model_0/`` or ``module/``.

    Only those whose names begin with ``within`` are asked for. Raises `CheckpointError`, naming some, for variables
    that are missing, mis-shaped or there more than once.
    """
    shapes = {name: shape for name, shape in variable_shapes().items() if name.startswith(within)}
    first = next(iter(shapes))
    scopes = [name.removesuffix(first) for name in values if name == first or name.endswith(f"/{first}")]
    whole = [scope for scope in scopes if all(scope + name in values for name in shapes)]
    if len(whole) > 1 and "" not in whole:
        raise CheckpointError(f"{source} has the network more than once, in {' and '.join(whole)}: keep one of them")
    scope = "" if "" in whole or not scopes else (whole or scopes)[0]
    check_variables(values, {scope + name: shape for name, shape in shapes.items()}, source)
    return {name: values[scope + name] for name in shapes}


def check_variables(
    values: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], source: str = "the given variables"
) -> None:
    """Raises `CheckpointError`, naming the first few that do not fit, unless ``values`` have all the ``shapes``."""
    wrong = [
        f"{name} is missing" if name not in values else f"{name} is {values[name].shape}, not {shape}"
        for name, shape in shapes.items()
        if name not in values or values[name].shape != shape
    ]
    if wrong:
        more = f"; and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
        shown = "; ".join(wrong[:_LISTED])
        if values and not values.keys() & shapes.keys():
            more += f"; what it has is called {', '.join(sorted(values)[:2])} and so on"
        raise CheckpointError(f"{source}: {len(wrong)} of {len(shapes)} variables do not fit: {shown}{more}")


def checkpoint_prefix(path: str | Path) -> Path:
    """The prefix that the files of a TensorFlow checkpoint share; raises `WeightsError` if there is none.

    ``path`` is the prefix itself, one of the files, or a folder, in which the file ``checkpoint``, which may be named
    as well, names the latest one (its folder may have moved since) unless there is only one.
    """
    path = Path(path)
    with reading(path):
        if path.is_dir():
            return _latest(path)
        if path.name == "checkpoint" and path.is_file() and not Path(f"{path}.index").is_file():
            return _latest(path.parent)
        prefix = Path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(path)))
        if prefix.is_file() and prefix.suffix.lower() in _OTHER_NETWORKS:
            raise WeightsError(
                f"{path} is no source of weights: give what it was made of, a checkpoint, SavedModel, .pb or .npz"
            )
        if not prefix.is_file() and not Path(f"{prefix}.index").is_file():  # one file: the format of TensorFlow 0.x
            raise WeightsError(f"no checkpoint at {path}: there is no file {prefix}.index")
        return prefix


def write_bundle(path: str | Path, variables: Mapping[str, NDArray[Any]]) -> None:
    """Writes a bundle, whole or not at all: convolutions as float16, everything else as float32.

    Raises `CheckpointError` for a value that is not finite, or not as float16.
    """
    with np.errstate(over="ignore"):
        arrays = {name: np.asarray(v, np.float16 if v.ndim == 4 else np.float32) for name, v in variables.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name} holds values that {array.dtype} does not")
    with written_whole(Path(path)) as file:
        np.savez(file, **arrays)


def write_checkpoint(
    prefix: str | Path,
    variables: Mapping[str, NDArray[Any]],
    *,
    averages: Mapping[str, NDArray[Any]] | None = None,
    global_step: int = 0,
) -> None:
    """Writes a TensorFlow 1 checkpoint, which ``tf.compat.v1.train.Saver`` restores, and names it the latest.

    Its files are `checkpoint_files`; ``averages`` are moving averages of some of
    the variables, under the same checkpoint names, and ``global_step`` is added to the variables under that name.
    """
    tf = tensorflow("writing a checkpoint")
    prefix = Path(prefix)
    tensors = {**variables, **{f"{name}/{AVERAGE}": value for name, value in (averages or {}).items()}}
    tensors["global_step"] = np.array(global_step)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent, prefix=".checkpoint-") as folder:
        partial = Path(folder) / prefix.name
        try:
            tf.raw_ops.SaveV2(
                prefix=str(partial),
                tensor_names=list(tensors),
                shape_and_slices=[""] * len(tensors),
                tensors=[tf.constant(value, tf.float32) for value in tensors.values()],
            )
        except tf.errors.OpError as error:
            raise OSError(f"cannot write {prefix}: {_line(error)}") from error
        for file in sorted(Path(folder).iterdir()):  # the data before the index
            file.replace(prefix.with_name(file.name))
    with written_whole(prefix.with_name("checkpoint")) as state:
        state.write(f'model_checkpoint_path: "{prefix.name}"\nall_model_checkpoint_paths: "{prefix.name}"\n'.encode())


def checkpoint_files(prefix: Path) -> list[Path]:
    """The files that `write_checkpoint` writes."""
    return [
        *(prefix.with_name(prefix.name + suffix) for suffix in (".index", ".data-00000-of-00001")),
        prefix.with_name("checkpoint"),
    ]


def _read_checkpoint(prefix: Path) -> Variables:
    tf = tensorflow(f"reading the checkpoint {prefix}")
    with reading(prefix):
        files = {file.name[len(prefix.name) :]: file for file in _files(prefix)}
        for file in files.values():
            with reading(file), file.open("rb") as opened:
                opened.read(1)  # TensorFlow calls damaged what it may not read
    part = prefix if prefix.is_file() else Path(f"{prefix}.index")
    try:
        with plainly_named(prefix, files) as plain:
            reader = tf.train.load_checkpoint(str(plain))
            dtypes = reader.get_variable_to_dtype_map()
            part = prefix if prefix.is_file() else Path(f"{prefix}.data-*")
            stored = _by_name(reader, [key for key, dtype in dtypes.items() if dtype.is_floating])
            return {name: reader.get_tensor(key).astype(np.float32) for name, key in sorted(stored.items())}
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
        raise WeightsError(f"checkpoint file {part} is damaged: {_line(error)}") from error


def _files(prefix: Path) -> list[Path]:
    """The files that hold the variables; raises `WeightsError` for one that is missing."""
    if prefix.is_file():
        return [prefix]
    shards = sorted(prefix.parent.glob(f"{escape(prefix.name)}.data-?????-of-?????"))
    count = int(shards[0].name[-5:]) if shards and shards[0].name[-5:].isdecimal() else 1
    for number in range(count):
        shard = Path(f"{prefix}.data-{number:05}-of-{count:05}")
        if shard not in shards:
            raise WeightsError(f"the checkpoint {prefix} is not whole: there is no file {shard}")
    return [Path(f"{prefix}.index"), *shards]


def _by_name(reader: Any, keys: Sequence[str]) -> dict[str, str]:
    """The keys of the values to take, by the names of their variables: averages rather than raw, slots not at all."""
    names = _object_names(reader) if reader.has_tensor(_OBJECTS) else {}
    named = {names.get(key, key): key for key in keys}
    raw = {name for name in named if not name.endswith(f"/{AVERAGE}")}
    averages: dict[str, str] = {}
    for name in sorted(named.keys() - raw, key=len):
        averages.setdefault(_averaged(name.removesuffix(f"/{AVERAGE}"), raw), named[name])
    known = raw | averages.keys()
    return {
        name: averages.get(name) or named[name]
        for name in known
        if name.rpartition("/")[0] not in known  # an optimizer keeps what it knows of a variable below its name
    }


def _averaged(name: str, raw: Collection[str]) -> str:
    """The variable of an average, which may have been made in a scope of its own: then that comes first."""
    parts = name.split("/")
    return next((inner for start in range(len(parts)) if (inner := "/".join(parts[start:])) in raw), name)


def _object_names(reader: Any) -> dict[str, str]:
    """The names of variables that a checkpoint of TensorFlow 2 keeps by their places in a program, by key."""
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    graph = TrackableObjectGraph.FromString(reader.get_tensor(_OBJECTS))
    names = {a.checkpoint_key: a.full_name for node in graph.nodes for a in node.attributes if a.full_name}
    often = Counter(names.values())
    return {key: _slim_name(name) for key, name in names.items() if often[name] == 1}


def _slim_name(name: str) -> str:
    """A variable's name as the checkpoints of TensorFlow 1 have it, for one of `east.model.network`."""
    scope, _, last = name.rpartition("/")
    slim = f"{scope.replace('.', '/')}/{KERAS_NAMES.get(last, last)}"
    return slim if slim in variable_shapes() else name


def _latest(folder: Path) -> Path:
    prefixes = [index.with_suffix("") for index in sorted(folder.glob("*.index"))]
    state = folder / "checkpoint"
    with reading(state):
        text = state.read_text(errors="replace") if state.is_file() else ""
    named = re.search(r'^model_checkpoint_path: "(.*)"', text, re.MULTILINE)
    latest = folder / re.split(r"[\\/]", named[1])[-1] if named else None
    if latest and (latest in prefixes or latest.is_file()):
        return latest
    if len(prefixes) == 1:
        return prefixes[0]
    found = f"it holds {len(prefixes)}, and no file 'checkpoint' that says which" if prefixes else "it holds none"
    raise WeightsError(f"{folder} is not a folder with a checkpoint: {found}")


def _line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.splitlines()[0] if text else type(error).__name__
