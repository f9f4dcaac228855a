"""The registry of weights: which there are, where they lie, and whether they are still what was recorded."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DamagedFileError, WeightsError
from ..files import sha256_file, written_whole
from ..folders import is_one_of
from ..types import Precision
from . import confidence, ranges
from .checkpoint import read_variables, write_bundle
from .confidence import Confidence
from .ranges import Ranges
from .reading import reading

BUNDLED = Path(__file__).parents[2] / "weights"  # by path: a user may have a module of that name
NEGLIGIBLE = 0.003
"""A difference of F1 that counts for nothing."""

Record = TypeVar("Record", Ranges, Confidence)

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class WeightsRecord:
    """What is on record of one set of weights.

    Attributes:
        name: what the user writes.
        path: the file, in the bundled format.
        sha256, bytes: its hash and size.
        training, terms: how they were trained and may be used, in words.
        accuracy: dataset, recall, precision and F1, where they were measured, and ``of`` which weights if not of these;
            ``f1_of`` is F1 by the precision of the network, the lowest of the runtimes', all on the same images.
        ranges: file, hash and size of the ranges of INT8 that came with them; see `recorded_ranges`.
    """

    name: str
    path: Path
    sha256: str
    bytes: int
    training: str
    terms: str
    accuracy: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Any] = field(default_factory=dict)

    @property
    def faithful(self) -> frozenset[Precision]:
        """The precisions in which F1 is on record as no lower than in FP32 but by `NEGLIGIBLE`, FP32 among them."""
        f1 = {Precision(name): value for name, value in self.accuracy.get("f1_of", {}).items()}
        least = f1.get(Precision.FP32, 1.0) - NEGLIGIBLE
        return frozenset(precision for precision, value in f1.items() if value >= least) | {Precision.FP32}

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}


def user_folder() -> Path:
    """The folder imported weights are kept in: ``EAST_WEIGHTS_DIR``, or the user's data folder."""
    from platformdirs import user_data_path

    return Path(os.environ.get("EAST_WEIGHTS_DIR") or user_data_path("east-text-detector") / "weights")


def default_name() -> str:
    """The name of the weights used when none are named."""
    return str(_read_manifest(BUNDLED)["default"])


def manifest() -> dict[str, WeightsRecord]:
    """All recorded weights by name: the bundled ones first, then the imported ones.

    Those that only a checkout of the project holds, ``"packaged": false``, are there where their file is.
    """
    records: dict[str, WeightsRecord] = {}
    for folder in (BUNDLED, user_folder()):
        try:
            for entry in _read_manifest(folder)["weights"]:
                fields = dict(entry, path=folder / entry["file"])
                del fields["file"]
                if fields.pop("packaged", True) or fields["path"].is_file():
                    records.setdefault(entry["name"], WeightsRecord(**fields))
        except (KeyError, TypeError) as error:
            raise WeightsError(f"cannot read the weights manifest {folder / 'manifest.json'}: {error!r}") from error
    return records


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Finds weights by name (checked against the record) or by path (taken as it is).

    Raises:
        WeightsError: an unknown name, a path that does not exist or that may not be looked at.
        DamagedFileError: a file that is not the recorded one.
    """
    name = os.fspath(name_or_path)
    records = manifest()
    record = records.get(default_name() if name == "default" else name)
    if record is not None:
        verify(record)
        return record.path
    path = Path(name)
    with reading(path):
        if path.exists() or path.with_name(path.name + ".index").exists():
            return path
    near = get_close_matches(name, records, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known names: {', '.join(records)}"
    raise WeightsError(f"no weights named {name!r} and no such file; {hint}")


def verify(record: WeightsRecord) -> None:
    """Raises `DamagedFileError`, naming the file and both hashes, unless the file is the recorded one."""
    _verify_file(record.name, record.path, record.sha256, record.bytes)


def verify_ranges(record: WeightsRecord) -> None:
    """The same of the ranges that came with the weights, if any did."""
    if record.ranges:
        path = record.path.with_name(record.ranges["file"])
        _verify_file(record.name, path, record.ranges["sha256"], record.ranges["bytes"])


def _verify_file(name: str, path: Path, sha256: str, recorded_size: int) -> None:
    try:
        found, size = sha256_file(path), path.stat().st_size
    except OSError as error:
        raise DamagedFileError(f"weights {name!r}: cannot read {path}: {error.strerror}") from error
    if found != sha256:
        raise DamagedFileError(
            f"weights {name!r} are damaged: {path} has {size} bytes and sha256 {found}, "
            f"on record are {recorded_size} bytes and sha256 {sha256}; restore or import the file again"
        )


def ranges_places(path: Path) -> list[Path]:
    """Where the ranges of weights at this path are looked for, in this order; the first is where they are written.

    They lie beside the weights, under their name: beside a checkpoint's files, or a SavedModel's folder. Those of
    bundled weights may also lie in the user's folder, where they come first.
    """
    return _places(path, ranges.SUFFIX)


def _places(path: Path, suffix: str) -> list[Path]:
    """Where a record of weights at this path, whose name ends with ``suffix``, is looked for; see `ranges_places`."""
    if path.name == "saved_model.pb":
        path = path.parent
    name = (path.stem if path.suffix in (".npz", ".pb") else path.name) + suffix
    folders = [path.parent] if path.parent != BUNDLED else [user_folder(), BUNDLED]
    return [folder / name for folder in folders]


def recorded_ranges(path: Path, sha256: str) -> tuple[Path, Ranges] | None:
    """The ranges on record for weights, and their file.

    Args:
        path: of the weights.
        sha256: of the weights; a record of others is passed over, with a warning.

    Raises:
        CalibrationError: a damaged file.
    """
    return _recorded(ranges_places(path), Ranges.load, path, sha256, "the ranges %s are")


def confidence_places(path: Path) -> list[Path]:
    """Where the curve of weights at this path is looked for, in this order; the first is where it is written."""
    return _places(path, confidence.SUFFIX)


def recorded_confidence(path: Path, sha256: str) -> tuple[Path, Confidence] | None:
    """The curve on record for weights, and its file.

    Args:
        path: of the weights.
        sha256: of the weights; a record of others is passed over, with a warning.

    Raises:
        CalibrationError: a damaged file.
    """
    return _recorded(confidence_places(path), Confidence.load, path, sha256, "the confidence curve %s is")


def _recorded(
    places: Iterable[Path], load: Callable[[Path], Record], path: Path, sha256: str, subject: str
) -> tuple[Path, Record] | None:
    """The first record that is of these weights, and its file."""
    for place in places:
        if place.is_file():
            found = load(place)
            if found.weights_sha256 == sha256:
                return place, found
            _log.warning(f"{subject} of other weights than %s, and not used", place, path)
    return None


def import_weights(
    source: Path, name: str, *, training: str = "", terms: str = "", replace: bool = False
) -> WeightsRecord:
    """Copies the variables of a checkpoint into the user's weights folder and puts them on record.

    Args:
        source: anything `east.model.checkpoint.read_variables` reads.
        name: letters, digits, ``.``, ``_`` and ``-``; not a bundled name.
        training: how they were trained, in words.
        terms: the terms they may be used under, in words.
        replace: the name may be one imported before.

    Raises:
        WeightsError: a bad name, or files that cannot be read.
        CheckpointError: a checkpoint that is not this network's.
    """
    from filelock import FileLock

    if not _NAME.fullmatch(name) or name == "default":
        raise WeightsError(f"{name!r} cannot name weights; use letters, digits, '.', '_' and '-'")
    known = manifest()
    if name in known and (not replace or known[name].path.parent == BUNDLED):
        how = "choose another name" if known[name].path.parent == BUNDLED else "choose another or replace it"
        raise WeightsError(f"weights named {name!r} are there already; {how}")
    path = user_folder() / f"{name}.npz"
    if is_one_of(path, [source]):
        raise WeightsError(f"{source} is where weights named {name!r} are kept: choose another name, or move the file")
    variables = read_variables(source)
    folder = path.parent
    write_bundle(path, variables)
    for record_of_old in (ranges_places(path)[0], confidence_places(path)[0]):  # weights that had the name before
        record_of_old.unlink(missing_ok=True)
    training = training or f"Imported from {source}."
    record = WeightsRecord(name, path, sha256_file(path), path.stat().st_size, training, terms)
    entry = {key: value for key, value in record.as_dict().items() if key != "path"} | {"file": path.name}
    with FileLock(folder / "manifest.lock"):
        entries = [old for old in _read_manifest(folder)["weights"] if old["name"] != name]
        text = json.dumps({"weights": [*entries, entry]}, indent=2) + "\n"
        with written_whole(folder / "manifest.json") as file:
            file.write(text.encode())
    return record


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {"weights": []}
    except (OSError, ValueError) as error:
        where = "" if folder == BUNDLED else " (EAST_WEIGHTS_DIR names another folder)"
        raise WeightsError(f"cannot read the weights manifest {path}: {error}{where}") from error
    return content
