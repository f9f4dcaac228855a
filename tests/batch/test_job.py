"""Jobs in one process: what the detector finds is in the rows, whatever was killed, missing or broken."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east import TextDetector
from east.batch import BatchOptions, Summary, detect_all
from east.batch.listing import Span
from east.batch.options import Format
from east.batch.recognising import Read, bound, made
from east.batch.rows import Row, decode
from east.batch.work import load
from east.errors import ImageError, UsageError
from east.images import pdf_pages
from east.ocr import RapidOcr
from east.options import DetectorOptions
from east.workers.room import AVAILABLE
from tests.batch.conftest import picture
from tests.support.pdfs import locked, scanned

pytestmark = pytest.mark.usefixtures("loaded")
needs_processes = pytest.mark.skipif(not AVAILABLE, reason="processes beside the detector's need Linux")


def result(folder: Path) -> list[Row]:
    """All rows of an output, in the order of the files."""
    return [
        row
        for path in sorted(folder.glob("part-*"))
        for row in decode(path.read_bytes(), "parquet" if path.suffix == ".parquet" else "jsonl")
    ]


class Sizes:
    """Reads of each word how large it is."""

    def __call__(self, words: list[NDArray[np.uint8]]) -> list[tuple[str, float]]:
        return [(f"{word.shape[1]}x{word.shape[0]}", 0.5) for word in words]


@pytest.fixture(scope="module")
def done(
    pictures: Path, fast: DetectorOptions, detector: TextDetector, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The output of a job on the pictures, in shards of two."""
    folder = tmp_path_factory.mktemp("done")
    assert detect_all(pictures, folder, fast, batch=BatchOptions(shard_size=2)) == Summary(6, 1, 0)
    return folder


def test_rows_are_what_the_detector_finds(done: Path, pictures: Path, detector: TextDetector) -> None:
    rows = result(done)
    assert [row["index"] for row in rows] == list(range(6))
    names = ["2.PNG", "3.PNG", "4.PNG", "broken.jpg", "deep/0.png", "deep/1.png"]
    assert [row["image"] for row in rows] == [f"{pictures}/{name}" for name in names]
    for row in rows:
        if row["image"].endswith("broken.jpg"):
            assert row["error"]["type"] == "ImageDecodeError"
            assert row["boxes"] == []
            assert row["width"] is row["height"] is row["tiles"] is row["model"] is None
        else:
            found = detector.detect(row["image"]).to_dict()
            assert row["error"] is None
            assert row["boxes"] == found["boxes"]
            assert row["boxes"]
            assert (row["width"], row["height"], row["tiles"]) == (160, 96, 1)
            assert row["model"] == found["model"]


def test_parquet_has_the_same_rows_and_texts(done: Path, pictures: Path, fast: DetectorOptions, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    seen: list[tuple[int, int]] = []
    options = BatchOptions("parquet", shard_size=4)
    detect_all([pictures], tmp_path, fast, batch=options, read=Sizes, progress=lambda *state: seen.append(state))
    rows = result(tmp_path)
    texts = [box.pop("text") for row in rows for box in row["boxes"]]
    assert all(text.partition("x")[0].isdecimal() for text in texts)
    assert {box.pop("text_confidence") for row in rows for box in row["boxes"]} == {0.5}
    assert rows == result(done)
    assert seen == [(0, 6), (4, 6), (6, 6)]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_words_are_read_by_a_recogniser(form: Format, fast: DetectorOptions, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("pyarrow")
    for number in (1, 2):  # a zero may be read as an o
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    batch = BatchOptions(form, shard_size=1)
    english, out = partial(RapidOcr, language="en"), tmp_path / "out"

    def run(read: Read | None, padding: float = 0) -> Summary:
        return detect_all(f"{tmp_path}/*.png", out, fast, batch=batch, read=read, padding=padding)

    detect_all(
        f"{tmp_path}/1.png", tmp_path / "none", fast, read=lambda crops: [("a", 0.5)] * len(crops), text_threshold=0.6
    )
    assert [row["boxes"] for row in result(tmp_path / "none")] == [[]]
    with pytest.raises(TypeError, match="text_threshold must be a number"):
        detect_all(f"{tmp_path}/1.png", tmp_path / "no", fast, read=english, text_threshold=None)  # type: ignore[arg-type]
    assert run(english) == Summary(2, 0, 0)
    boxes = [row["boxes"] for row in result(out)]
    assert [[box["text"] for box in some] for some in boxes] == [["Room1"], ["Room2"]]
    assert all(0.5 < box["text_confidence"] <= 1 for some in boxes for box in some)
    (out / f"part-00001.{form}").unlink()
    assert run(partial(english, threads=1)) == Summary(2, 0, 1)
    assert [row["boxes"] for row in result(out)] == boxes
    for read, padding, told in (
        (partial(RapidOcr, language="ch"), 0, r"read: RapidOcr\(language=en, .* there, RapidOcr\(language=ch, .* now"),
        (english, 0.1, r"padding=0\.0, .* there, .* padding=0\.1, .* now"),
        (None, 0, r"read: RapidOcr\(.* there, None now"),
    ):
        with pytest.raises(UsageError, match=told):
            run(read, padding)
    with pytest.raises(ValueError, match="padding must be"):
        run(english, -1)


def test_a_recogniser_that_is_made_is_told_what_it_may_use() -> None:
    class Told(Sizes):
        def __init__(self, threads: int = 0, language: str = "") -> None:
            self.told = threads, language

    class Untold(Sizes):
        pass

    one = Told()
    assert made(one, 6) is one is bound(one, 6)
    assert vars(made(Told, 6)) == {"told": (3, "")}
    assert vars(made(Told, 1)) == {"told": (1, "")}
    assert vars(made(Told, None))["told"][0] >= 1
    assert vars(made(partial(Told, language="en"), 6)) == {"told": (3, "en")}
    assert vars(made(bound(partial(Told, threads=2), 8), 6)) == {"told": (2, "")}
    assert vars(made(bound(Told, 8), 6)) == {"told": (4, "")}
    assert isinstance(made(bound(Untold, 8), 6), Untold)


def test_a_stopped_job_goes_on_where_it_was(done: Path, pictures: Path, fast: DetectorOptions, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(images: int, total: int) -> None:
        if images == 2:
            raise StoppedError

    batch = BatchOptions(shard_size=2)
    with pytest.raises(StoppedError):
        detect_all(pictures, tmp_path, fast, batch=batch, progress=stop)
    assert result(tmp_path) == result(done)[:2]
    os.link(done / "part-00002.jsonl", tmp_path / "part-00002.jsonl")
    (tmp_path / "part-00000.jsonl").write_bytes((tmp_path / "part-00000.jsonl").read_bytes()[:-20])  # a broken disk
    stamp = (tmp_path / "part-00002.jsonl").stat().st_mtime_ns
    assert detect_all(pictures, tmp_path, replace(fast, threads=2), batch=batch) == Summary(6, 1, 2)
    assert result(tmp_path) == result(done)
    assert (tmp_path / "part-00002.jsonl").stat().st_mtime_ns == stamp
    assert detect_all(pictures, tmp_path, fast, batch=batch) == Summary(6, 1, 6)
    with pytest.raises(UsageError, match="score_threshold"):
        detect_all(pictures, tmp_path, replace(fast, score_threshold=0.5), batch=batch)


def test_files_that_go_away_meanwhile_are_errors_of_their_own(fast: DetectorOptions, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(picture(number))

    def take(done: int, total: int) -> None:
        for path in tmp_path.glob("[02].png"):
            path.unlink()

    assert detect_all(f"{tmp_path}/*.png", tmp_path / "out", fast, progress=take) == Summary(3, 2, 0)
    gone = {"type": "ImageError", "detail": "cannot read the file: No such file or directory"}
    assert [row["error"] for row in result(tmp_path / "out")] == [gone, None, gone]


def test_images_of_a_memory_file_system_and_of_parquet_rows(
    pictures: Path, done: Path, fast: DetectorOptions, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    fsspec = pytest.importorskip("fsspec")
    from pyarrow import parquet

    there = [path for path in sorted(pictures.rglob("*.*")) if path.suffix != ".txt" and path.name[0] != "."]
    whole = {"bytes": there[0].read_bytes(), "path": "nowhere"}
    rows = [whole, *({"bytes": None, "path": str(path)} for path in there[1:]), None, {"bytes": None, "path": None}]
    parquet.write_table(pa.table({"image": rows, "n": range(8)}), tmp_path / "a.parquet", row_group_size=3)
    memory = fsspec.filesystem("memory")
    memory.pipe("/job/a.parquet", (tmp_path / "a.parquet").read_bytes())
    memory.pipe("/job/b c#%41?.png", picture(7))
    sources = ["memory://job/a.parquet", "memory://job/b c#%41?.png"]
    batch = BatchOptions(shard_size=5)
    assert detect_all(sources, "memory://job/out", fast, batch=batch) == Summary(9, 3, 0)
    assert detect_all(sources, "memory://job/out", fast, batch=batch) == Summary(9, 3, 9)
    found = [row for n in range(2) for row in decode(memory.cat(f"/job/out/part-{n:05}.jsonl"), "jsonl")]
    assert [row["image"] for row in found] == [*(f"{sources[0]}#{row}" for row in range(8)), sources[1]]
    assert [row["boxes"] for row in found[:6]] == [row["boxes"] for row in result(done)]
    assert [row["error"]["detail"] for row in found[6:8]] == ["there is no image in this row"] * 2
    assert found[8]["boxes"]


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 3), (2, 5), (3, 9), (9, 10)])
def test_rows_are_read_from_any_row_groups(tmp_path: Path, start: int, stop: int) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"image": [bytes([row]) for row in range(10)]})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    span = Span("a.parquet", 1, start, stop, "image")
    assert list(load([span], str(tmp_path))) == [bytes([row]) for row in range(start, stop)]


def test_a_parquet_file_that_changed_is_told(tmp_path: Path, fast: DetectorOptions) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"image": [picture(0), picture(1)]}), path)

    def shorten(done: int, total: int) -> None:
        parquet.write_table(pa.table({"image": [picture(0)]}), path)

    with pytest.raises(OSError, match="1 images where 2 were listed"):
        detect_all(path, tmp_path / "out", fast, progress=shorten)


@needs_processes
def test_processes_beside_the_detector_make_the_same_rows(
    done: Path, pictures: Path, fast: DetectorOptions, tmp_path: Path
) -> None:
    assert detect_all(pictures, tmp_path, fast, batch=BatchOptions(shard_size=3, processes=1)) == Summary(6, 1, 0)
    assert result(tmp_path) == result(done)


def test_the_next_shard_is_read_before_the_last_one_is_done(
    pictures: Path, fast: DetectorOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def told(spans: Sequence[Span], *options: Any) -> Iterator[Any]:
        steps.append("read")
        yield from load(spans, *options)

    monkeypatch.setattr("east.batch.work.load", told)
    detect_all(
        pictures,
        tmp_path,
        fast,
        batch=BatchOptions(shard_size=1),
        progress=lambda done, total: steps.append("done"),
    )
    assert steps.count("read") == 6
    assert steps[:4] == ["done", "read", "read", "read"]  # the first is the start


def test_what_fails_at_one_shard_fails_after_those_before_it(
    pictures: Path, fast: DetectorOptions, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "z.parquet"
    parquet.write_table(pa.table({"image": [picture(0), picture(1)]}), path)
    seen: list[int] = []

    def spoil(done: int, total: int) -> None:
        seen.append(done)
        path.write_bytes(path.read_bytes()[:-8] + bytes(8))

    with pytest.raises(OSError, match=r"the Parquet file cannot be read: .*z\.parquet"):
        detect_all([pictures, path], tmp_path / "out", fast, batch=BatchOptions(shard_size=2), progress=spoil)
    assert seen == [0, 2, 4, 6]
    assert len(result(tmp_path / "out")) == 6


def test_files_here_are_left_to_who_decodes_them_and_others_read_in_their_places(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"1")
    there = tmp_path.as_uri()
    spans = [Span("a.png", 1), Span(f"{there}/b.png", 1), Span(f"{there}/c.png", 1), Span("a.png", 1)]
    first, second, third, last = load(spans, str(tmp_path))
    assert first == last == tmp_path / "a.png"
    assert second == b"1"
    assert isinstance(third, ImageError)
    assert list(load(spans[:1], str(tmp_path))) == [first]


@pytest.mark.parametrize("processes", [0, pytest.param(1, marks=needs_processes)])
def test_a_file_that_can_be_no_image_is_not_read(processes: int, fast: DetectorOptions, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "huge.pdf").hardlink_to(huge)
    sources = [str(huge), (tmp_path / "huge.pdf").as_uri(), f"{tmp_path.as_uri()}/huge.jp*"]
    detect_all(sources, tmp_path / "out", fast, batch=BatchOptions(processes=processes))
    detect_all(sources[1:], tmp_path / "elsewhere", fast, batch=BatchOptions(processes=processes))
    rows = [*result(tmp_path / "out"), *result(tmp_path / "elsewhere")]
    told = "the image file is too large: it has more than 1,091,108,864 bytes"
    assert [row["error"] for row in rows] == [{"type": "ImageTooLargeError", "detail": told}] * 4


@pytest.mark.parametrize("processes", [0, pytest.param(1, marks=needs_processes)])
def test_pages_of_pdfs_are_images(
    processes: int, fast: DetectorOptions, detector: TextDetector, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    pages = [np.asarray(Image.open(io.BytesIO(picture(number)))) for number in range(5)]
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, some in {"a.pdf": pages[:3], "b.PDF": pages[3:4]}.items():
        (folder / name).write_bytes(scanned(some))
    (folder / "c.pdf").write_bytes(locked(scanned(pages[:2])))
    (folder / "d.png").write_bytes(picture(0))
    fsspec.filesystem("memory").pipe("/scans/e.pdf", scanned(pages[3:]))
    sources = [str(folder), "memory://scans/e.pdf"]
    batch = BatchOptions(shard_size=2, pdf_dpi=72, processes=processes)
    assert detect_all(sources, tmp_path / "out", fast, batch=batch) == Summary(8, 1, 0)
    rows = result(tmp_path / "out")
    names = ["a.pdf#page=1", "a.pdf#page=2", "a.pdf#page=3", "b.PDF#page=1", "c.pdf", "d.png"]
    assert [row["image"] for row in rows] == [
        *(f"{folder}/{name}" for name in names), "memory://scans/e.pdf#page=1", "memory://scans/e.pdf#page=2",
    ]  # fmt: skip
    assert rows[4]["error"]["detail"] == "the PDF needs a password: save it without one"
    for row, page in zip(rows[:3], pdf_pages(folder / "a.pdf", dpi=72), strict=True):
        assert (row["width"], row["height"]) == (160, 96)
        assert row["boxes"]
        assert row["boxes"] == detector.detect(page).to_dict()["boxes"]
    assert rows[3]["boxes"] == rows[6]["boxes"]
    assert detect_all(sources, tmp_path / "out", fast, batch=batch) == Summary(8, 1, 8)
    with pytest.raises(UsageError, match=r"pdf_dpi: 72 there, 100 now"):
        detect_all(sources, tmp_path / "out", fast, batch=replace(batch, pdf_dpi=100))


def test_a_pdf_that_is_gone_or_shorter_meanwhile_is_an_error_of_each_page(
    fast: DetectorOptions, tmp_path: Path
) -> None:
    page = np.full((96, 160, 3), 255, np.uint8)
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(scanned([page, page]))

    def take(done: int, total: int) -> None:
        (tmp_path / "a.pdf").unlink(missing_ok=True)
        (tmp_path / "b.pdf").write_bytes(scanned([page]))

    assert detect_all(tmp_path, tmp_path / "out", fast, progress=take) == Summary(4, 3, 0)
    gone, gone_too, there, cut = (row["error"] and row["error"]["detail"] for row in result(tmp_path / "out"))
    assert gone == gone_too == "cannot read the file: No such file or directory"
    assert there is None
    assert cut == "there is no page 2, the PDF has 1"


@pytest.mark.parametrize("wrong", [{"format": "csv"}, {"shard_size": 0}, {"processes": -1}, {"pdf_dpi": 0}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).removeprefix("pdf_")):
        BatchOptions(**wrong)  # type: ignore[arg-type]
