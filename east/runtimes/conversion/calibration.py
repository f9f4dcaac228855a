"""The images that INT8 is calibrated on, as they were found."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CalibrationError, ImageError
from ...files import IMAGE_SUFFIXES, sha256_file
from ...folders import files_in
from ...options import Calibration
from ...types import Size

SHIPPED = Path(__file__).parent / "calibration_images"


def find_images(calibration: Calibration) -> CalibrationSet:
    """Looks for the images to calibrate on. Raises `CalibrationError` when there are none."""
    named = None if calibration.source is None else Path(calibration.source)
    if named is not None and named.is_file():
        return _recorded(named)
    folder = named or SHIPPED
    if not folder.is_dir():
        raise CalibrationError(f"no such folder of calibration images: {folder}")
    files = sorted(files_in(folder, IMAGE_SUFFIXES), key=_natural)
    if not files:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise CalibrationError(f"no images to calibrate on in {folder} ({kinds}); name a folder that has some")
    if calibration.seed is not None:
        random.Random(calibration.seed).shuffle(files)
    chosen = tuple((f.name, _hash(f)) for f in files[: calibration.count])
    return CalibrationSet(folder, chosen, Size(*calibration.size))


def calibration_files(calibration: Calibration) -> list[Path]:
    """All files of the folder or record to calibrate on, whether they would be chosen or not; unread but the record."""
    named = None if calibration.source is None else Path(calibration.source)
    folder = named or SHIPPED
    if folder.is_file():
        try:
            record = json.loads(folder.read_text(encoding="utf-8"))
            return [folder, *(Path(record["folder"], image["file"]) for image in record["images"])]
        except (OSError, ValueError, KeyError, TypeError):
            return [folder]
    return list(folder.iterdir()) if folder.is_dir() else []


@dataclass(frozen=True)
class CalibrationSet:
    """Images found for calibration: their names in ``folder`` with the SHA-256 of each, in order, and one size."""

    folder: Path
    files: tuple[tuple[str, str], ...]
    size: Size

    @property
    def sha256(self) -> str:
        """Of everything that decides the ranges; where the images lie and what they are called does not."""
        return hashlib.sha256("\n".join([str(self.size), *(sha256 for _, sha256 in self.files)]).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        return f"{len(self)} images of {self.folder} at {self.size}"

    def fitted(self, sides: tuple[int | None, int | None]) -> CalibrationSet:
        """The same images at the sides (height, width) that a graph was made for; None is for any."""
        height, width = (side or own for side, own in zip(sides, self.size, strict=True))
        return replace(self, size=Size(height, width))

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Each image as a batch of one, uint8 RGB ``(1, H, W, 3)``. Raises `CalibrationError` naming a broken one."""
        from ...images.decoding import load_image
        from ...images.sizing import resize

        for name, _ in self.files:
            try:
                yield resize(load_image(self.folder / name), self.size)[np.newaxis]
            except ImageError as error:
                raise CalibrationError(f"cannot calibrate on {error}") from error

    def save(self, path: Path) -> None:
        """Writes the record from which `find_images` finds the same images again."""
        images = [{"file": name, "sha256": sha256} for name, sha256 in self.files]
        record = {"folder": str(self.folder.absolute()), "size": list(self.size), "images": images}
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _recorded(path: Path) -> CalibrationSet:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files = tuple((str(image["file"]), str(image["sha256"])) for image in record["images"])
        found = CalibrationSet(Path(record["folder"]), files, Size(*record["size"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(f"{path} is neither a folder of images nor the record of a calibration") from error
    for name, sha256 in files:
        if _hash(found.folder / name) != sha256:
            raise CalibrationError(f"{found.folder / name} is not the image that {path} recorded")
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts numbers in names as numbers."""
    return [(int(digits or 0), text) for digits, text in re.findall(r"(\d*)(\D*)", path.name)]


def _hash(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise CalibrationError(f"cannot read calibration image {path}: {error.strerror}") from error
