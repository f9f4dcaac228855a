"""Where ``east detect`` reads and writes: never over what it reads, never reading what it wrote."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from east.cli import main
from east.images.decoding import load_image
from east.images.signature import is_signed
from tests.support.pdfs import scanned

Found = Callable[..., tuple[int, list[str], str]]


@pytest.fixture(scope="module")
def sign(demo_images: list[Path]) -> Image.Image:
    """A picture with words, small."""
    return Image.fromarray(load_image(demo_images[0])).resize((320, 256))


@pytest.fixture
def photos(tmp_path: Path, sign: Image.Image, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two pictures, one in a folder of its own."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.jpg", "more/b.png"):
        sign.save(folder / name)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def detect(loaded: None, capsys: pytest.CaptureFixture[str]) -> Found:
    """Runs the command; returns its exit status, the names in its results, and what it said on stderr."""

    def run(*arguments: object) -> tuple[int, list[str], str]:
        status = main(["detect", "--format", "jsonl", *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, [json.loads(line)["file"] for line in out.splitlines()], err

    return run


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "output", "source"),
    [
        ([".", "--draw", "."], "a.jpg", "a.jpg"),
        (["../photos", "--draw", "{photos}"], "{photos}/a.jpg", "../photos/a.jpg"),
        (["more", "--draw", "more"], "more/b.png", "more/b.png"),
        (["a.jpg", "more/b.png", "--draw", "more"], "more/b.png", "more/b.png"),
        (["a.jpg", "--output", "a.jpg"], "a.jpg", "a.jpg"),
        (["a.jpg", "--output", "../link"], "../link", "a.jpg"),
        (["../link", "--output", "a.jpg"], "a.jpg", "../link"),
        (["a.jpg", "--output", "../name"], "../name", "a.jpg"),
        (["..", "--crops", ".."], "../words/0001.png", "../words/0001.png"),
        (["a.jpg", "--weights", "../model.npz", "--output", "../model.npz"], "../model.npz", "../model.npz"),
        (["../words.jpg", "--draw", ".", "--calibration", "../calibration"], "words.jpg", "../calibration/x.jpg"),
    ],
)
def test_no_output_lands_on_an_input(
    detect: Found, photos: Path, sign: Image.Image, arguments: list[str], output: str, source: str
) -> None:
    around = photos.parent
    (around / "link").symlink_to(photos / "a.jpg")
    os.link(photos / "a.jpg", around / "name")
    (around / "model.npz").write_bytes(b"weights")
    for name in ("words.jpg", "words/0001.png", "calibration/x.jpg"):
        (around / name).parent.mkdir(exist_ok=True)
        sign.save(around / name)
    os.link(around / "calibration" / "x.jpg", photos / "words.jpg")
    before = content(around)
    status, found, said = detect(*(argument.format(photos=photos) for argument in arguments))
    assert (status, found) == (2, [])
    output, source = (place.format(photos=photos) for place in (output, source))
    assert f"would write {output} over the input {source}: name another place\n" in said
    assert len(said.splitlines()) == 1
    assert content(around) == before


def test_standard_input_is_an_input(detect: Found, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (photos / "a.jpg").open() as file:
        before = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            status, _, said = detect("-", "--output", "a.jpg")
        finally:
            os.dup2(before, 0)
            os.close(before)
    assert status == 2
    assert "over the input" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--draw", "{photos}/drawn", "--crops", "{photos}/drawn"],
        ["--draw", "drawn", "--crops", "more/words"],
        ["--draw", "../photos/more/drawn"],
    ],
)
def test_a_second_run_finds_what_the_first_found(detect: Found, photos: Path, arguments: list[str]) -> None:
    told = [argument.format(photos=photos) for argument in arguments]
    assert detect(".", *told) == (0, ["a.jpg", "more/b.png"], "")
    first = content(photos)
    assert detect(".", *told) == (0, ["a.jpg", "more/b.png"], "")
    assert content(photos).keys() == first.keys()
    assert detect(".") == (0, ["a.jpg", "more/b.png"], "")  # and so does one that is not told of the folders


def test_drawings_are_read_when_they_are_what_is_named(detect: Found, photos: Path) -> None:
    detect(".", "--draw", "drawn")
    for path in (photos / "drawn").rglob("*.*"):
        assert is_signed(path)
        assert load_image(path).shape == (256, 320, 3)
    assert detect("drawn") == (0, ["a.jpg", "more/b.png"], "")
    assert detect("a.jpg", "drawn/a.jpg") == (0, ["a.jpg", "drawn/a.jpg"], "")
    assert not any(is_signed(photos / name) for name in ("a.jpg", "more/b.png", "missing"))


def test_a_drawing_beside_its_picture_is_drawn_anew(detect: Found, photos: Path, sign: Image.Image) -> None:
    sign.save(photos / "more" / "c.bmp")
    (photos / "more" / "b.png").unlink()
    for _ in range(2):
        assert detect("more", "--draw", "more") == (0, ["c.bmp"], "")
    assert sorted(content(photos / "more")) == ["c.bmp", "c.jpg"]


def test_pictures_whose_names_differ_in_case_only_get_files_of_their_own(
    detect: Found, photos: Path, sign: Image.Image
) -> None:
    sign.save(photos / "more" / "A.jpg")
    assert detect("a.jpg", "more/A.jpg", "--draw", "drawn") == (0, ["a.jpg", "A.jpg"], "")
    assert sorted(content(photos / "drawn")) == ["A-2.jpg", "a.jpg"]


def test_what_systems_leave_in_folders_is_not_read(detect: Found, photos: Path) -> None:
    for name in ("._a.jpg", ".DS_Store", "Thumbs.db", "__MACOSX/._a.jpg", ".git/x.png", ".hidden.jpg"):
        path = photos / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    assert detect(".") == (0, ["a.jpg", "more/b.png"], "")
    status, found, said = detect("._a.jpg", "a.jpg")
    assert (status, found) == (1, ["a.jpg"])
    assert said.startswith("east: error: ._a.jpg: ")


def test_each_file_that_cannot_be_read_is_one_line(
    detect: Found, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photos / "broken.jpg").symlink_to(photos / "missing.jpg")
    (photos / "empty.jpg").touch()
    (photos / "more" / "round").symlink_to(photos, target_is_directory=True)
    os.mkfifo(photos / "pipe.jpg")
    status, found, said = detect(".")
    assert (status, found) == (1, ["a.jpg", "more/b.png"])
    assert [message for message in caplog.messages if "pipe.jpg" in message]
    for line, told in zip(said.splitlines(), ["broken.jpg: cannot read", "empty.jpg", "2 of 4 images"], strict=True):
        assert line.startswith("east: ")
        assert told in line


def test_what_is_named_and_stands_for_no_image_does_not_stop_the_others(detect: Found, photos: Path) -> None:
    (photos / "empty").mkdir()
    status, found, said = detect("nope.jpg", "more/b.png", "no*.png", "empty", "https://example.org/a.jpg", "a.jpg", "")
    assert (status, found) == (1, ["b.png", "a.jpg"])
    told = ["nope.jpg: no such file", "no*.png: no such file", "empty: no images", "https://example.org/a.jpg: a URL"]
    for line, start in zip(said.splitlines(), [*told, "'': no such file"], strict=False):
        assert line.startswith(f"east: error: {start}")
    assert said.splitlines()[5:] == ["east: 5 of 7 images could not be used"]
    status, found, said = detect("nope.jpg", "nix.jpg", "--output", "found.jsonl")
    assert (status, found) == (1, [])
    assert said == "".join(f"east: error: {name}.jpg: no such file or folder\n" for name in ("nope", "nix"))
    assert not (photos / "found.jsonl").exists()


def test_a_picture_may_come_through_a_pipe(detect: Found, photos: Path) -> None:
    os.mkfifo(photos / "pipe")
    Thread(target=lambda: (photos / "pipe").write_bytes((photos / "a.jpg").read_bytes())).start()
    assert detect("pipe") == (0, ["pipe"], "")


def test_a_file_that_goes_meanwhile_is_one_line(detect: Found, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is read first takes the other away."""
    read = Path.read_bytes

    def reading(path: Path) -> bytes:
        (photos / "more" / "b.png").unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", reading)
    status, found, said = detect(".")
    assert (status, found) == (1, ["a.jpg"])
    assert said.splitlines()[0] == "east: error: more/b.png: cannot read the file: No such file or directory"


def test_standard_input_without_an_end_is_one_image_that_cannot_be_used(
    detect: Found, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("east.images.decoding.most_bytes", lambda max_pixels: 1_000_000)
    with Path("/dev/zero").open() as zeros:
        monkeypatch.setattr("sys.stdin", zeros)
        status, found, said = detect("-", "a.jpg")
    assert (status, found) == (1, ["a.jpg"])
    told = "east: error: standard input: the image file is too large: it has more than 1,000,000 bytes"
    assert said.splitlines()[0] == told


def test_a_pdf_that_is_not_named_as_one_says_how_its_pages_are_read(
    detect: Found, photos: Path, sign: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypdfium2")
    (photos / "scan").write_bytes(scanned([np.asarray(sign)] * 2))
    with (photos / "scan").open() as document:
        monkeypatch.setattr("sys.stdin", document)
        status, found, said = detect("-", "scan")
    assert (status, found) == (1, [])
    advice = "a PDF of several pages: name a file that ends in .pdf, and each is read"
    assert said.splitlines()[:2] == [f"east: error: {place}: {advice}" for place in ("standard input", "scan")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--draw", "a.jpg"], "a.jpg: is no folder, and one is needed there"),
        (["--crops", "more/b.png/words"], "more/b.png: is no folder, and one is needed there"),
        (["--output", "more"], "more: is a folder; name a file"),
        (["--output", "a.jpg/found.json"], "a.jpg: is no folder, and one is needed there"),
        (["--output", "drawn/A.png", "--draw", "drawn"], "--output and --draw would both write drawn/a.png"),
        (["--output", "/dev/full"], "/dev/full: No space left on device"),
    ],
)
def test_an_output_that_cannot_be_is_one_line(
    detect: Found, photos: Path, sign: Image.Image, arguments: list[str], message: str
) -> None:
    shutil.move(photos / "a.jpg", photos / "a.bmp")
    (photos / "a.jpg").touch()
    status, _, said = detect("a.bmp", *arguments)
    assert status in (1, 2)
    assert said.startswith(f"east: error: {message}")
    assert len(said.splitlines()) == 1


def test_a_drawing_that_fails_loses_no_result(detect: Found, photos: Path, sign: Image.Image) -> None:
    sign.save(photos / "c.bmp")
    (photos / "drawn").mkdir()
    (photos / "drawn" / "b.png").symlink_to("/proc/missing/b.png")  # where nothing can be made
    status, _, said = detect("a.jpg", "more/b.png", "c.bmp", "--draw", "drawn", "--output", "found.jsonl")
    assert (status, len(said.splitlines())) == (1, 1)
    lines = (photos / "found.jsonl").read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines] == ["a.jpg", "b.png"]
    assert (photos / "drawn" / "a.jpg").exists()


def test_ten_thousand_files_are_listed_and_checked(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = photos / "many"
    many.mkdir()
    for number in range(10_000):
        (many / f"{number}.jpg").touch()
    assert main(["detect", str(many), "--draw", str(many), "--crops", "words", "--output", "found"]) == 2
    assert "over the input" in capsys.readouterr().err
    assert not any(path.stat().st_size for path in many.iterdir())
