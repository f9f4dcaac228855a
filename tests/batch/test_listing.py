"""Which images a job has: in one order, each once, and how they are cut into shards."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from east.batch.listing import Span, cut, digest, list_images
from east.errors import UsageError
from east.images.signature import signed
from tests.support.pdfs import scanned


def names(spans: list[Span], folder: Path) -> list[str]:
    return [span.place.removeprefix(f"{folder}/") for span in spans]


def test_folders_patterns_and_files_in_one_order_each_once(pictures: Path) -> None:
    everything = ["2.PNG", "3.PNG", "4.PNG", "broken.jpg", "deep/0.png", "deep/1.png"]
    assert names(list_images([str(pictures)], None), pictures) == everything
    assert names(list_images([f"{pictures}/*.PNG"], None), pictures) == everything[:3]
    assert names(list_images([f"{pictures}/**/[01].png"], None), pictures) == everything[4:]
    twice = list_images([f"{pictures}/3.PNG", str(pictures)], None)
    assert names(twice, pictures) == ["3.PNG", *(name for name in everything if name != "3.PNG")]
    assert all(span.size == Path(span.place).stat().st_size for span in twice)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_without_its_library_pdfs_in_a_folder_are_left_out_and_it_is_told(
    scheme: str, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    os.link(pictures / "2.PNG", tmp_path / "a.png")
    whole = list_images([f"{scheme}{tmp_path}"], None)
    (tmp_path / "scan.pdf").write_bytes(scanned([np.zeros((9, 9, 3), np.uint8)] * 2))
    assert list_images([f"{scheme}{tmp_path}"], None)[1].images == 2
    assert not caplog.messages
    monkeypatch.setattr("east.images.listing.is_installed", lambda name: False)
    assert list_images([f"{scheme}{tmp_path}"], None) == whole
    [told] = caplog.messages
    assert told.startswith(f"{scheme}{tmp_path}: 1 PDFs are left out; reading them needs pypdfium2: pip install")


def test_a_place_that_is_spelt_in_several_ways_comes_once(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    os.link(pictures / "2.PNG", tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    monkeypatch.chdir(tmp_path)
    spelt = [
        "a.png",
        "./a.png",
        f"../{tmp_path.name}/a.png",
        str(tmp_path / "a.png"),
        f"file://{tmp_path}/a.png",
        "?.png",
    ]
    assert [span.place for span in list_images([*spelt, "link.png"], None)] == ["a.png", "link.png"]


def test_a_file_with_a_wild_name_is_itself(tmp_path: Path) -> None:
    (tmp_path / "[ab].png").write_bytes(b"1")
    (tmp_path / "a.png").write_bytes(b"2")
    assert names(list_images([f"{tmp_path}/[ab].png"], None), tmp_path) == ["[ab].png"]
    pytest.importorskip("pyarrow")
    uri = tmp_path.as_uri()
    (tmp_path / "[ab]").mkdir()
    for name in ("b.png", "b.txt"):
        (tmp_path / "[ab]" / name).touch()
    assert [span.place for span in list_images([f"{uri}/[ab].png"], None)] == [f"{uri}/[ab].png"]
    assert [span.place for span in list_images([f"{uri}/[ab]"], None)] == [f"{uri}/[ab]/b.png"]
    assert [span.place for span in list_images([f"{uri}/[a-b].png"], None)] == [f"{uri}/a.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[^a].png", ["^.png", "a.png"]),
        ("[!a].png", ["&.png", "[.png", "].png", "^.png", "b.png"]),
        ("[[]*", ["[.png"]),
        ("[]]*", ["].png"]),
        ("[!]]*", ["&.png", "[.png", "^.png", "a.png", "b.png"]),
        ("[a&&b].png", ["&.png", "a.png", "b.png"]),
        ("[b-a].png", []),
        ("[].png", []),
        ("[!].png", []),
    ],
)
def test_brackets_mean_in_uris_what_they_do_in_paths(pattern: str, expected: list[str], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for name in "ab^[]&":
        (tmp_path / f"{name}.png").touch()
    for place in (str(tmp_path), tmp_path.as_uri()):
        try:
            found = [span.place.removeprefix(f"{place}/") for span in list_images([f"{place}/{pattern}"], None)]
        except FileNotFoundError:
            found = []
        assert found == expected, place


def test_what_is_written_to_is_left_out(pictures: Path, tmp_path: Path) -> None:
    os.link(pictures / "2.PNG", tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    os.link(pictures / "3.PNG", tmp_path / "out" / "b.png")
    for source in (str(tmp_path), f"{tmp_path}/**/*.png"):
        assert len(list_images([source], None)) == 2
        assert names(list_images([source], None, str(tmp_path / "out")), tmp_path) == ["a.png"]


def test_pictures_that_were_drawn_are_left_out_of_a_folder(tmp_path: Path) -> None:
    _, png = cv2.imencode(".png", np.zeros((8, 8), np.uint8))
    (tmp_path / "a.png").write_bytes(png.tobytes())
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a.png").write_bytes(signed(png.tobytes()))
    assert names(list_images([str(tmp_path)], None), tmp_path) == ["a.png"]
    for named in (tmp_path / "drawn", tmp_path / "drawn" / "a.png"):
        assert names(list_images([str(named)], None), tmp_path) == ["drawn/a.png"]


def test_sources_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file.*nowhere"):
        list_images([str(tmp_path / "nowhere")], None)
    with pytest.raises(ValueError, match="no images here"):
        list_images([str(tmp_path)], None)
    pytest.importorskip("pyarrow")
    for source in (f"{tmp_path}/*.jpg", f"{tmp_path.as_uri()}/*.jpg", f"{tmp_path.as_uri()}/no/?.jpg"):
        with pytest.raises(FileNotFoundError, match=r"no such file or folder, and no file matches it as a pattern"):
            list_images([source], None)


@pytest.mark.parametrize("by_uri", [False, True])
def test_a_part_of_a_file_is_told_from_one_of_nothing(by_uri: bool, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for name in ("a.pdf", "b.PARQUET", "c.png"):
        (tmp_path / name).touch()
    place = tmp_path.as_uri() if by_uri else str(tmp_path)
    parts = {"a.pdf#page=3": "which stands for all its pages", "b.PARQUET#12": "whose rows east batch takes"}
    for name, told in parts.items():
        whole = f"{place}/{name.partition('#')[0]}"
        with pytest.raises(FileNotFoundError, match=f"name the whole file, {whole}, {told}"):
            list_images([f"{place}/{name}"], None)
    for name in ("a.pdf#3", "b.PARQUET#page=3", "c.png#page=3", "none.pdf#page=3", "*.pdf#page=3"):
        with pytest.raises(FileNotFoundError, match="no such file or folder") as refused:
            list_images([f"{place}/{name}"], None)
        assert "whole file" not in str(refused.value)


@pytest.mark.parametrize("by_uri", [False, True])
def test_a_pattern_finds_nothing_hidden_that_it_does_not_name(by_uri: bool, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    kept, hidden = ["a.png", "b/c.png"], ["._a.png", "__MACOSX/a.png", "b/@eaDir/c.png", ".git/d.png", "b/.d.png"]
    for name in [*kept, *hidden]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    place = tmp_path.as_uri() if by_uri else str(tmp_path)

    def found(pattern: str) -> list[str]:
        return [span.place.removeprefix(f"{place}/") for span in list_images([f"{place}/{pattern}"], None)]

    for pattern in ("**", "**/*", "**/*.png"):
        assert found(pattern) == kept
    assert found(".git/*") == [".git/d.png"]
    for nothing in (".*.png", "__*/*", "[.]*"):
        with pytest.raises(FileNotFoundError, match="no file matches it as a pattern"):
            found(nothing)


def test_uris_are_listed_as_paths_are(pictures: Path) -> None:
    pytest.importorskip("pyarrow")
    uri = f"file://{pictures}"
    here = names(list_images([str(pictures)], None), pictures)
    for source in (uri, f"{uri}/**", f"{uri}/**/*.*"):
        found = list_images([source], None)
        files = [span.place for span in found if not span.place.endswith("notes.txt")]
        assert files == [f"{uri}/{name}" for name in here]
    assert [span.place for span in list_images([f"{uri}/[!2-3].PNG"], None)] == [f"{uri}/4.PNG"]
    with pytest.raises(ValueError, match="no images here"):
        list_images([f"{uri}/?.PNG"], None, uri)


def test_rows_of_parquet_files_are_images(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": range(7), "image": [b"x"] * 7, "label": ["a"] * 7})
    parquet.write_table(table, tmp_path / "a.parquet")
    [span] = list_images([str(tmp_path)], None)
    assert (span.start, span.stop, span.column, span.images) == (0, 7, "image", 7)
    assert span.name(6) == f"{tmp_path}/a.parquet#6"
    assert list_images([str(tmp_path)], "label")[0].column == "label"
    with pytest.raises(UsageError, match=r"a\.parquet: column 'id' has no images; .* are: image, label"):
        list_images([str(tmp_path)], "id")
    parquet.write_table(table.rename_columns(["id", "one", "other"]), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="which column has the images"):
        list_images([str(tmp_path)], None)
    (tmp_path / "a.parquet").write_bytes(b"none")
    with pytest.raises(UsageError, match=r"a\.parquet"):
        list_images([str(tmp_path)], None)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_shards_have_every_image_once(size: int) -> None:
    spans = [Span("a.png", 1), Span("b.parquet", 2, 0, 7, "image"), Span("c.png", 3), Span("d.png", 4)]
    shards = cut(spans, size)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    images = [span.name(offset) for shard in shards for span in shard.spans for offset in range(span.images)]
    assert images == ["a.png", *(f"b.parquet#{row}" for row in range(7)), "c.png", "d.png"]
    assert all(0 < shard.images <= size for shard in shards)
    assert [shard.first for shard in shards] == [sum(shard.images for shard in shards[:i]) for i in range(len(shards))]


def test_digest_tells_other_images() -> None:
    spans = [Span("a.png", 1), Span("b.png", 2)]
    others = [spans[:1], spans[::-1], [Span("a.png", 1), Span("b.png", 3)]]
    assert digest(spans) == digest(list(spans))
    assert digest(spans) not in map(digest, others)
