"""The ICDAR2015 images and ground truths of task 4.1, in the layouts people have them in.

Karatzas et al., "ICDAR 2015 competition on robust reading", ICDAR 2015.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from east.errors import DatasetError, FormatError, ImageError, SubmissionError
from east.folders import is_litter
from east.icdar import GroundTruth, parse_ground_truth

from .submission import read_files

HOW_TO_GET_IT = (
    "no ICDAR2015 data: get the test set images and the test set ground truth of task 4.1 from "
    "https://rrc.cvc.uab.es/?ch=4&com=downloads (a free account is needed), put img_N.jpg and gt_img_N.txt into one "
    "folder (or two folders in it, or leave the ground truth zipped), and name it by --data DIR or ICDAR2015_DIR"
)

_IMAGE = re.compile(r"img_([0-9]+)\.(?:jpe?g|png)", re.IGNORECASE)
_TRUTH = re.compile(r"(?:.*/)?gt_img_([0-9]+)\.txt$")
_DEPTH = 3
_BESIDE_A_GALLERY = ("report.json", "submission.zip", "index.html")
_SHOWN_PROBLEMS = 8

# Images, words and legible words of the published sets.
_EDITIONS = {"test": (500, 5_230, 2_077), "training": (1_000, 11_886, 4_468)}


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its ground truth; ``key`` is the image's number."""

    key: str
    image: Path
    truth: GroundTruth


@dataclass(frozen=True, eq=False)
class Icdar2015:
    """A set of images to evaluate on, by rising image number, and the folder where it was found.

    ``subset`` is the image numbers asked for, as written, or None for all; ``digest`` is a SHA-256 over numbers,
    images and ground truths.
    """

    folder: Path
    samples: tuple[Sample, ...]
    subset: str | None
    digest: str

    @property
    def truths(self) -> dict[str, GroundTruth]:
        """Ground truths by image number."""
        return {sample.key: sample.truth for sample in self.samples}

    @property
    def words(self) -> int:
        """How many words are annotated."""
        return sum(len(sample.truth.quads) for sample in self.samples)

    @property
    def legible(self) -> int:
        """How many of the words count."""
        return sum(int((~sample.truth.dont_care).sum()) for sample in self.samples)

    @property
    def edition(self) -> str | None:
        """Name of the published set that this is by its counts, None for a subset or anything else."""
        counts = (len(self.samples), self.words, self.legible)
        return next((name for name, official in _EDITIONS.items() if official == counts and self.subset is None), None)

    @property
    def note(self) -> str | None:
        """What a reader of the figures must know about the set, if anything."""
        if self.edition == "test":
            return None
        images = f"{len(self.samples)} image{'s' * (len(self.samples) != 1)}"
        told = f"{images}, {self.words:,} words, {self.legible:,} legible"
        if self.subset is not None:
            told = f"images {self.subset} only ({told})"
        elif self.edition is not None:
            told = f"this is the {self.edition} set ({told})"
        else:
            official = "{} images, {:,} words, {:,} legible".format(*_EDITIONS["test"])
            told += f", where the official test set has {official}"
        return f"{told}: not comparable with published figures"


def load(data: Path, truths: Path | None = None, subset: str | None = None) -> Icdar2015:
    """Finds, reads and checks a set of images and ground truths.

    Args:
        data: folder with ``img_N.jpg`` and ``gt_img_N.txt``, together or in folders of their own, or with the ground
            truths in a zip; up to three levels deep.
        truths: folder or zip of the ground truths where they are elsewhere.
        subset: image numbers to keep, such as ``801-1000`` or ``1,5,10-20``.

    Raises:
        DatasetError: for what is missing, malformed or undecodable; tells all of it.
        ValueError: for the subset.
    """
    wanted = None if subset is None else parse_subset(subset)
    if not data.is_dir():
        raise DatasetError(f"{data} is not a folder; {HOW_TO_GET_IT}")
    files = list(_walk(data))
    remedy = "name the folder of one set by --data, and its ground truths by --gt"
    images = _numbered(files, _IMAGE, "image", remedy)
    texts = _read_truths(truths) if truths is not None else _find_truths(files)
    if not images and not texts:
        raise DatasetError(f"{data} holds no img_N.jpg and no gt_img_N.txt; {HOW_TO_GET_IT}")
    if wanted is not None:
        images = {key: path for key, path in images.items() if wanted(int(key))}
        texts = {key: text for key, text in texts.items() if wanted(int(key))}
        if not images and not texts:
            raise DatasetError(f"{data} holds no image of --subset {subset}")
    return _checked(data, images, texts, subset)


def data_files(data: Path, truths: Path | None = None) -> list[Path]:
    """All files that `load` may read."""
    elsewhere = [] if truths is None else list(truths.iterdir()) if truths.is_dir() else [truths]
    return [*_walk(data), *elsewhere]


def parse_subset(text: str) -> Callable[[int], bool]:
    """Makes ``1,5,10-20`` a test of image numbers. Raises ``ValueError`` for anything else."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(f"--subset must be image numbers such as 801-1000 or 1,5,10-20, got {text!r}")
        ranges.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return lambda number: any(number in span for span in ranges)


def _checked(
    folder: Path, images: Mapping[str, Path], texts: Mapping[str, tuple[str, bytes]], subset: str | None
) -> Icdar2015:
    problems = [f"{images[key]} has no gt_img_{key}.txt" for key in images.keys() - texts.keys()]
    problems += [f"{texts[key][0]} has no img_{key}.jpg" for key in texts.keys() - images.keys()]
    keys = sorted(images.keys() & texts.keys(), key=int)
    truths = {}
    for key in keys:
        name, data = texts[key]
        try:
            truths[key] = parse_ground_truth(data, name)
        except FormatError as error:
            problems.append(str(error))
    digest = hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for key, (fingerprint, problem) in zip(keys, pool.map(_try_image, (images[key] for key in keys)), strict=True):
            digest.update(f"{key}:{fingerprint}:{hashlib.sha256(texts[key][1]).hexdigest()}\n".encode())
            if problem:
                problems.append(problem)
    if problems:
        shown = "; ".join(sorted(problems, key=_natural)[:_SHOWN_PROBLEMS])
        more = f"; and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise DatasetError(f"{folder} cannot be used: {shown}{more}")
    samples = tuple(Sample(key, images[key], truths[key]) for key in keys)
    return Icdar2015(folder, samples, subset, digest.hexdigest())


def _try_image(path: Path) -> tuple[str, str | None]:
    """SHA-256 of an image and what keeps it from being decoded; a sound JPEG is decoded at an eighth of its size."""
    from PIL import Image

    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("L", (image.width // 8, image.height // 8))
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        from east.images.decoding import load_image

        try:
            load_image(data)
        except ImageError as error:
            return "", f"{path} cannot be decoded: {error}"
    return hashlib.sha256(data).hexdigest(), None


def _find_truths(files: list[Path]) -> dict[str, tuple[str, bytes]]:
    if found := _numbered(files, _TRUTH, "ground truth", "choose by --gt"):
        return {key: (str(path), path.read_bytes()) for key, path in found.items()}
    zips = {path: texts for path in files if path.suffix.lower() == ".zip" and (texts := _in_zip(path))}
    if len(zips) > 1:
        raise DatasetError(f"several zips hold ground truths, {' and '.join(map(str, sorted(zips)))}: choose by --gt")
    return next(iter(zips.values()), {})


def _numbered(files: list[Path], name: re.Pattern[str], kind: str, remedy: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        if match := name.fullmatch(path.name):
            other = found.setdefault(match[1], path)
            if other != path:
                raise DatasetError(f"{kind} {match[1]} is there twice, {other} and {path}: {remedy}")
    return found


def _in_zip(path: Path) -> dict[str, tuple[str, bytes]]:
    """The ground truths of a zip, none when it holds something else."""
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(_TRUTH.match(name) for name in archive.namelist()):
                return {}
    except (OSError, zipfile.BadZipFile):
        return {}
    return _read_truths(path)


def _read_truths(path: Path) -> dict[str, tuple[str, bytes]]:
    try:
        files, _ = read_files(path, _TRUTH)
    except SubmissionError as error:
        raise DatasetError(str(error)) from error
    if not files:
        raise DatasetError(f"{path} holds no ground truth: expected files gt_img_N.txt")
    return {key: (f"{path}/{name}", data) for key, (name, data) in files.items()}


def _walk(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if is_litter(path.name):
            continue
        if not path.is_dir():
            yield path
        elif depth and not _is_gallery(path):
            yield from _walk(path, depth - 1)


def _is_gallery(folder: Path) -> bool:
    """Whether a folder has the copies of images that a report of this program shows."""
    return folder.name == "images" and all((folder.parent / name).is_file() for name in _BESIDE_A_GALLERY)


def _natural(text: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", text)]
