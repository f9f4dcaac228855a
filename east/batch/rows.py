"""What the results hold: a row for each image, the same in JSONL and in Parquet, and in the order of the images.

====================  ======================  ==================================================================
``image``             string                  path or URI as it was found; ``FILE#N`` for row N, from 0, of a Parquet
                                              file, ``FILE#page=N`` for page N, from 1, of a PDF
``index``             int64                   its number among all images of the job, from 0
``width``, ``height`` int32, null             of the upright image in pixels
``tiles``             int32, null             how many tiles it was cut into
``boxes``             list                    of each word its ``quad``, four corners ``[x, y]`` clockwise from the
                                              text's top-left one, in pixels of the upright image, to 1/100; its
                                              ``score``; where the words were read ``text`` and ``text_confidence``
``model``             struct, null            ``weights``, ``runtime``, ``precision``
``error``             struct, null            of an image that could not be used ``type``, one of the classes in
                                              `east.errors`, and ``detail``
====================  ======================  ==================================================================

The null ones are null where ``error`` is not, and the other way about.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from ..console import one_line
from ..detections import Detections
from ..errors import ImageError
from ..plain import model_of, words_of
from .options import Format

Row: TypeAlias = dict[str, Any]

SUFFIXES: dict[Format, str] = {"jsonl": ".jsonl", "parquet": ".parquet"}


def found_row(name: str, index: int, found: Detections) -> Row:
    """The row of an image in which words were looked for, with their texts where they have been read."""
    size = {"width": found.width, "height": found.height, "tiles": found.tiles}
    told = {"boxes": words_of(found), "model": model_of(found), "error": None}
    return {"image": _text(name), "index": index, **size, **told}


def error_row(name: str, index: int, error: Exception) -> Row:
    """The row of an image that could not be used."""
    nothing = dict.fromkeys(["width", "height", "tiles"])
    told = {"type": type(error).__name__, "detail": _text(one_line(_bare(error)))}
    return {"image": _text(name), "index": index, **nothing, "boxes": [], "model": None, "error": told}


def encode(rows: Iterable[Row], form: Format, *, texts: bool) -> bytes:
    """A file of rows; ``texts`` says whether the words were read."""
    if form == "jsonl":
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode()
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), _schema(texts)), buffer, compression="zstd")
    return buffer.getvalue()


def decode(content: bytes, form: Format) -> list[Row]:
    """The rows of a file. Raises ``ValueError`` for what is none."""
    if form == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    from pyarrow import parquet

    rows: list[Row] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def _bare(error: Exception) -> Exception:
    """An error without the file that it is of, which the row names."""
    known = isinstance(error, ImageError) and error.source
    return ImageError(str(error).removeprefix(f"{known}: ")) if known else error


def _text(name: str) -> str:
    """A name as text, which on some systems it need not be."""
    return name.encode(errors="backslashreplace").decode()


def _schema(texts: bool) -> Any:
    import pyarrow as pa

    box = [("quad", pa.list_(pa.list_(pa.float64()))), ("score", pa.float64())]
    if texts:
        box += [("text", pa.string()), ("text_confidence", pa.float64())]
    words = pa.string()
    return pa.schema(
        [
            pa.field("image", words, nullable=False),
            pa.field("index", pa.int64(), nullable=False),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("tiles", pa.int32()),
            pa.field("boxes", pa.list_(pa.struct(box)), nullable=False),
            ("model", pa.struct([("weights", words), ("runtime", words), ("precision", words)])),
            ("error", pa.struct([("type", words), ("detail", words)])),
        ]
    )
