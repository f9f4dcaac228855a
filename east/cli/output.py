"""What ``east detect`` writes."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ..errors import UsageError
from ..files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..detections import Detections
    from .inputs import InputImage

_LONGEST_JPEG = 65_500  # pixels, by OpenCV


class Writer:
    """Results in one of the formats, on standard output or in a file that is there whole or not at all.

    An interruption by the user keeps what was done so far; any other failure leaves no file.
    """

    def __init__(self, form: str, path: Path | None, *, several: bool) -> None:
        self._form, self._path = form, path
        self._folder = form == "icdar" and path is not None and (several or path.is_dir())
        if form == "icdar" and path is None and several:
            raise UsageError("--format icdar writes a file per image: give --output FOLDER, or one image")
        self._stack = ExitStack()
        self._stream: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Writer:
        if self._path is not None and not self._folder:
            if self._path.is_dir():
                raise IsADirectoryError(21, "is a folder; name a file", str(self._path))
            self._stream = self._stack.enter_context(written_whole(self._path))
        if self._form == "json":
            self._write("[")
        return self

    def add(self, source: InputImage, found: Detections) -> None:
        """Writes the result of one image."""
        name = source.name
        if self._form == "icdar" and self._folder and self._path is not None:
            stem = Path(source.stem)
            with written_whole(self._path / stem.with_name(f"res_{stem.name}.txt")) as file:
                file.write(found.to_icdar().encode())
        elif self._form == "icdar":
            self._write(found.to_icdar())
        elif self._form == "csv":
            header, *rows = found.to_csv().splitlines()
            if not self._count:
                self._write(f"file,{header}\n")
            self._write("".join(f"{_csv_field(name)},{row}\n" for row in rows))
        else:
            text = json.dumps({"file": name, **found.to_dict()}, ensure_ascii=False, allow_nan=False)
            self._write(text + "\n" if self._form == "jsonl" else (",\n" if self._count else "\n") + text)
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._form == "json":
                self._write("\n]\n" if self._count else "]\n")

    def _write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")  # names need not be text, and JSON escapes just like this
        if self._stream is not None:
            self._stream.write(data)
        elif not self._folder:
            sys.stdout.buffer.write(data)


def save_drawing(folder: Path, source: InputImage, found: Detections) -> None:
    """Writes the image with its boxes: as PNG if it was PNG or is too long for JPEG, else as JPEG."""
    png = source.name.lower().endswith(".png") or max(found.width, found.height) > _LONGEST_JPEG
    _save(folder / f"{source.stem}{'.png' if png else '.jpg'}", found.draw())


def save_crops(folder: Path, source: InputImage, found: Detections) -> None:
    """Writes the words of one image as ``STEM/0001.png`` and so on, in the order of the boxes."""
    for number, crop in enumerate(found.crops(), start=1):
        _save(folder / source.stem / f"{number:04}.png", crop)


def _save(path: Path, image: NDArray[np.uint8]) -> None:
    import cv2

    parameters = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, encoded = cv2.imencode(path.suffix, image[..., ::-1], parameters)
    if not done:
        raise OSError(22, "cannot encode the image", str(path))
    with written_whole(path) as file:
        file.write(encoded.tobytes())


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
