"""What ``east detect`` and ``east read`` write, and where."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ..errors import UsageError
from ..files import written_whole
from ..images.signature import signed
from ..outputs import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..detections import Detections
    from .inputs import InputImage

_LONGEST_JPEG = 65_500  # pixels, by OpenCV


class Writer:
    """Results in one of the formats, on standard output or in a file that is there whole or not at all.

    A run that ends early, whatever ended it, leaves a whole file of what was done so far, if anything was; only
    where the file itself cannot be written there is none.
    """

    def __init__(self, form: str, path: Path | None, *, several: bool, texts: bool = False) -> None:
        self._form, self._path = form, path
        self._several, self._texts = several, texts
        self._folder = form == "icdar" and path is not None and (several or path.is_dir())
        if form == "icdar" and path is None and several:
            raise UsageError("--format icdar writes a file per image: give --output FOLDER, or one image")
        self._stack = ExitStack()
        self._stream: IO[bytes] | None = None
        self._count, self._failed = 0, False

    def outputs(self, sources: Iterable[InputImage]) -> Iterator[Output]:
        """What it is going to write."""
        if self._path is not None and self._folder:
            yield from (Output("--output", _icdar_path(self._path, source)) for source in sources)
        elif self._path is not None:
            yield Output("--output", self._path)

    def __enter__(self) -> Writer:
        if self._path is not None and not self._folder:
            self._stream = self._stack.enter_context(written_whole(self._path))
        if self._form == "json":
            self._write("[")
        return self

    def add(self, source: InputImage, found: Detections) -> None:
        """Writes the result of one image."""
        name = source.name
        if self._form == "icdar" and self._folder and self._path is not None:
            with written_whole(_icdar_path(self._path, source)) as file:
                file.write(found.to_icdar().encode())
        elif self._form == "icdar":
            self._write(found.to_icdar())
        elif self._form == "text":
            title = ("\n" if self._count else "") + f"==> {name} <==\n" if self._several else ""
            self._write(title + (f"{found.text}\n" if found.text else ""))
        elif self._form == "csv":
            header, *rows = found.to_csv(texts=self._texts).splitlines()
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
        if error is not None and (self._failed or not self._count):
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._form == "json":
                self._write("\n]\n" if self._count else "]\n")

    def _write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")  # names need not be text, and JSON escapes just like this
        if self._folder:
            return
        try:
            (self._stream or sys.stdout.buffer).write(data)
        except BaseException:  # a part of it may be there
            self._failed = True
            raise


def save_drawing(folder: Path, source: InputImage, found: Detections) -> None:
    """Writes the image with its boxes: as PNG if it was PNG or is too long for JPEG, else as JPEG."""
    png = _was_png(source) or max(found.width, found.height) > _LONGEST_JPEG
    _save(folder / f"{source.stem}{'.png' if png else '.jpg'}", found.draw())


def drawings(folder: Path, sources: Iterable[InputImage]) -> Iterator[Output]:
    """Where `save_drawing` may write; how long an image is tells nobody yet."""
    for source in sources:
        for suffix in (".png",) if _was_png(source) else (".png", ".jpg"):
            yield Output("--draw", folder / f"{source.stem}{suffix}")


def save_crops(folder: Path, source: InputImage, found: Detections) -> None:
    """Writes the words of one image as ``STEM/0001.png`` and so on, in the order of the boxes."""
    for number, crop in enumerate(found.crops(), start=1):
        _save(folder / source.stem / f"{number:04}.png", crop)


def crops(folder: Path, sources: Iterable[InputImage]) -> Iterator[Output]:
    """Where `save_crops` may write."""
    return (Output("--crops", folder / source.stem, numbered=True) for source in sources)


def _was_png(source: InputImage) -> bool:
    return source.name.lower().endswith(".png")


def _icdar_path(folder: Path, source: InputImage) -> Path:
    stem = Path(source.stem)
    return folder / stem.with_name(f"res_{stem.name}.txt")


def _save(path: Path, image: NDArray[np.uint8]) -> None:
    import cv2

    parameters = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, encoded = cv2.imencode(path.suffix, image[..., ::-1], parameters)
    if not done:
        raise OSError(22, "cannot encode the image", str(path))
    with written_whole(path) as file:
        file.write(signed(encoded.tobytes()))


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
