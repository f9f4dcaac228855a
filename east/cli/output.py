"""What ``east detect`` and ``east read`` write, and where."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ..errors import UsageError
from ..export.picture import LONGEST_JPEG, encoded
from ..files import written_whole
from ..outputs import Output
from .formats import EACH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..detections import Detections
    from .inputs import InputImage


class Writer:
    """Results in one of the formats of `east.cli.formats`, on standard output or in files, whole or not at all.

    A run that ends early, whatever ended it, leaves a whole file of what was done so far, if anything was; only
    where the file itself cannot be written there is none.
    """

    def __init__(self, form: str, path: Path | None, *, several: bool, texts: bool = False) -> None:
        self._form, self._path = form, path
        self._several, self._texts = several, texts
        self._folder = form in EACH and path is not None and (several or path.is_dir())
        if form in EACH and path is None and several:
            raise UsageError(f"--format {form} writes a file per image: give --output FOLDER, or one image")
        self._stack = ExitStack()
        self._stream: IO[bytes] | None = None
        self._collected = _collector(form)
        self._count, self._failed = 0, False

    def outputs(self, sources: Iterable[InputImage]) -> Iterator[Output]:
        """What it is going to write."""
        if self._path is not None and self._folder:
            yield from (Output("--output", _path_for(self._form, self._path, source)) for source in sources)
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
        if self._form in EACH:
            content = _document(self._form, name, found)
            if self._folder and self._path is not None:
                with written_whole(_path_for(self._form, self._path, source)) as file:
                    file.write(_bytes(content))
            else:
                self._write(content)
        elif self._collected is not None:
            self._collected.add(name, found)
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
            elif self._collected is not None and (self._count or self._form != "pdf"):
                self._write(self._collected.finish())

    def _write(self, content: str | bytes) -> None:
        if self._folder:
            return
        try:
            (self._stream or sys.stdout.buffer).write(_bytes(content))
        except BaseException:  # a part of it may be there
            self._failed = True
            raise


class _Dataset:
    """A JSON document about all images, written when it is known."""

    def __init__(self, make: Callable[[list[Detections], list[str]], object]) -> None:
        self._make = make
        self._results: list[Detections] = []
        self._names: list[str] = []

    def add(self, name: str, found: Detections) -> None:
        self._results.append(replace(found, image=None))
        self._names.append(name)

    def finish(self) -> str:
        from ..export.saving import as_json

        return as_json(self._make(self._results, self._names))


class _Pages:
    """A PDF of all images."""

    def __init__(self) -> None:
        from ..export.pdf import SearchablePdf

        self._pdf = SearchablePdf()

    def add(self, name: str, found: Detections) -> None:
        self._pdf.add(found)

    def finish(self) -> bytes:
        with self._pdf:
            return self._pdf.finish()


def _collector(form: str) -> _Dataset | _Pages | None:
    """What collects the results of a format that is written when all are known."""
    if form == "pdf":
        return _Pages()
    if form in ("coco", "label-studio"):
        from ..export import to_coco, to_label_studio

        return _Dataset(to_coco if form == "coco" else to_label_studio)
    return None


def _document(form: str, name: str, found: Detections) -> str | bytes:
    """One image's result in one of the formats `EACH`."""
    if form == "icdar":
        return found.to_icdar()
    if form == "png":
        return encoded(found.draw(), ".png")
    return {"hocr": found.to_hocr, "alto": found.to_alto, "page": found.to_page_xml}[form](name)


def _bytes(content: str | bytes) -> bytes:
    """As UTF-8; names need not be text, and JSON escapes just like this."""
    return content if isinstance(content, bytes) else content.encode(errors="backslashreplace")


def save_drawing(folder: Path, source: InputImage, found: Detections) -> None:
    """Writes the image with its boxes: as PNG if it was PNG or is too long for JPEG, else as JPEG."""
    png = _was_png(source) or max(found.width, found.height) > LONGEST_JPEG
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


def _path_for(form: str, folder: Path, source: InputImage) -> Path:
    """Where in a folder the result of an image goes: ``res_img_1.txt`` for ICDAR, else ``img_1.hocr`` and the like."""
    stem = Path(source.stem)
    names = {"icdar": f"res_{stem.name}.txt", "alto": f"{stem.name}.alto.xml", "page": f"{stem.name}.page.xml"}
    return folder / stem.with_name(names.get(form, f"{stem.name}.{form}"))


def _save(path: Path, image: NDArray[np.uint8]) -> None:
    with written_whole(path) as file:
        file.write(encoded(image, path.suffix))


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
