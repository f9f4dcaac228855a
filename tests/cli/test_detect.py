"""``python -m east detect`` as a user meets it: a real process, real files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from east.cli import main
from east.cli.formats import EACH
from east.cli.inputs import InputImage
from east.cli.output import Writer
from east.errors import UsageError
from east.images import pdf_pages
from east.images.decoding import load_image
from tests.support.pdfs import scanned

Result = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def pictures(small_images: list[Path]) -> Path:
    return small_images[0].parent


@pytest.fixture
def east(detector: TextDetector) -> Callable[..., Result]:
    """Runs the command line in a process of its own, after the shared detector has filled the cache."""

    def run(*arguments: object, stdin: bytes = b"", **options: object) -> Result:
        command = [sys.executable, "-m", "east", *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, **options)  # type: ignore[call-overload,no-any-return]

    return run


def error_line(result: Result) -> str:
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


def test_folder_to_json_drawings_and_crops(east: Callable[..., Result], pictures: Path, tmp_path: Path) -> None:
    result = east("detect", pictures, "--draw", tmp_path / "drawn", "--crops", tmp_path / "crops")
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    found = json.loads(result.stdout)
    assert [entry["file"] for entry in found] == sorted(p.name for p in pictures.iterdir())
    for entry in found:
        assert entry["boxes"]
        drawing = load_image(tmp_path / "drawn" / entry["file"])
        assert drawing.shape[:2] == (entry["image"]["height"], entry["image"]["width"])
        difference = np.abs(drawing.astype(int) - load_image(pictures / entry["file"]))
        assert (difference > 100).any()
        crops = list((tmp_path / "crops" / Path(entry["file"]).stem).iterdir())
        assert len(crops) == len(entry["boxes"])


def test_standard_input(east: Callable[..., Result], pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sorted(pictures.iterdir())[0]
    from_stdin = json.loads(east("detect", "-", stdin=path.read_bytes()).stdout)
    assert main(["detect", str(path)]) == 0
    from_file = json.loads(capsys.readouterr().out)
    assert from_stdin[0]["file"] == "stdin"
    assert from_stdin[0]["boxes"] == from_file[0]["boxes"]


def test_formats_agree(loaded: None, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(pictures), "--format", "jsonl"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main(["detect", str(pictures), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(["detect", str(pictures), "--format", "icdar", "--output", str(tmp_path / "icdar")]) == 0
    assert len(rows) == sum(len(entry["boxes"]) for entry in entries)
    row = iter(rows)
    for entry in entries:
        lines = (tmp_path / "icdar" / f"res_{Path(entry['file']).stem}.txt").read_text().split()
        for box in entry["boxes"]:
            fields = next(row)
            assert fields["file"] == entry["file"]
            corners = [float(fields[f"{axis}{i}"]) for i in range(1, 5) for axis in "xy"]
            assert np.allclose(corners, np.ravel(box["quad"]), atol=0.011)
        assert 0 < len(lines) <= len(entry["boxes"])
        assert all(len(line.split(",")) == 8 for line in lines)


def test_one_bad_image_does_not_lose_the_others(
    loaded: None, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff not a picture")
    output = tmp_path / "found.json"
    assert main(["detect", str(bad), str(pictures), "--output", str(output)]) == 1
    assert len(json.loads(output.read_text())) == len(list(pictures.iterdir()))
    first, last = capfd.readouterr().err.splitlines()
    assert "bad.jpg" in first
    assert "1 of" in last


def test_pictures_of_one_name_from_two_folders_are_told_apart(
    loaded: None, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sorted(pictures.iterdir())[0]
    twin = tmp_path / path.name
    shutil.copy(path, twin)
    assert main(["detect", str(path), str(twin), "--draw", str(tmp_path / "drawn")]) == 0
    names = [entry["file"] for entry in json.loads(capsys.readouterr().out)]
    assert names == [str(path), str(twin)]
    drawn = [path.name, f"{path.stem}-2{path.suffix}"]
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == sorted(drawn)


def test_no_two_images_share_what_is_written_about_them(
    loaded: None, demo_images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = load_image(demo_images[0])[:64, :96]
    inputs = [tmp_path / name for name in ("a/x.png", "b/x.png", "b/x-2.png", "b/x.bmp", "b/x.webp")]
    for path in inputs:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    outputs = ["--draw", tmp_path / "drawn", "--format", "icdar", "--output", tmp_path / "icdar"]
    assert main(["detect", *map(str, [*inputs, *outputs])]) == 0
    drawn = ["x-2.png", "x-3.png", "x-4.jpg", "x-5.jpg", "x.png"]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == drawn
    assert len(list((tmp_path / "icdar").iterdir())) == len(inputs)
    assert main(["detect", *map(str, inputs)]) == 0
    names = [entry["file"] for entry in json.loads(capsys.readouterr().out)]
    assert names == [str(inputs[0]), str(inputs[1]), "x-2.png", "x.bmp", "x.webp"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_names_that_are_no_text(form: str, loaded: None, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "strange"
    folder.mkdir()
    for name in (b"\xff.jpg", b'line\nor\r"two".jpg'):
        shutil.copy(sorted(pictures.iterdir())[0], os.fsdecode(os.path.join(os.fsencode(folder), name)))  # noqa: PTH118
    output = tmp_path / "found"
    arguments = ["--format", form, "--output", str(output), "--draw", str(tmp_path / "drawn")]
    assert main(["detect", str(folder), *arguments]) == 0
    text = output.read_bytes().decode()
    if form == "jsonl":
        found = {json.loads(line)["file"] for line in text.splitlines()}
        assert (
            found == {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "drawn").iterdir()}
        )
    else:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        assert {row["file"] for row in rows} == {"\\udcff.jpg", 'line\nor\r"two".jpg'}


def test_an_image_too_long_for_jpeg_is_drawn_as_png(detector: TextDetector, tmp_path: Path) -> None:
    Image.new("RGB", (65_501, 8)).save(tmp_path / "long.bmp")
    assert main(["detect", str(tmp_path / "long.bmp"), "--tiling", "off", "--draw", str(tmp_path)]) == 0
    assert (tmp_path / "long.png").exists()


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    detector: TextDetector, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures, tmp_path / "all" / "open")
    locked = tmp_path / "all" / "locked"
    locked.mkdir(mode=0)
    bound = [] if os.geteuid() else ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]  # root may read anything
    if bound and (shutil.which("setpriv") is None or subprocess.run([*bound, "true"], check=False).returncode):
        pytest.skip("root cannot give up the right to read everything here")
    command = [*bound, sys.executable, "-m", "east", "detect", "--format", "jsonl"]
    refused = subprocess.run([*command, locked], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr == f"east: error: {locked}: Permission denied\n"
    found = subprocess.run([*command, locked.parent], capture_output=True, text=True, check=False)
    assert found.stderr == f"east: {locked}: Permission denied; its images are left out\n"
    assert len(found.stdout.splitlines()) == len(list(pictures.iterdir()))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["detect", "missing.jpg"], 1, "missing.jpg: no such file"),
        (["detect", ""], 1, "'': no such file"),
        (["detect", "{empty}"], 1, "no images in this folder"),
        (["detect", "{picture}", "--weights", "nothing"], 1, "no weights named 'nothing'"),
        (["detect", "{picture}", "--weights", "{broken}"], 1, "broken.npz"),
        (["detect", "{picture}", "--format", "icdar", "--output", "/proc/none/x"], 1, "/proc/none"),
        (["detect", "{picture}", "{picture}", "--format", "icdar"], 2, "give --output FOLDER"),
    ],
)
def test_failures_are_one_line(
    small_images: list[Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    places = {"empty": tmp_path / "empty", "picture": small_images[0], "broken": tmp_path / "broken.npz"}
    assert main([argument.format(**places) for argument in arguments]) == status
    out, err = capfd.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert message in line
    assert "Traceback" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["detect"],
        ["detect", "x.jpg", "--nonsense"],
        ["unknown"],
        ["detect", "x.jpg", "--input-size", "100x100"],
        ["detect", "x.jpg", "--runtime", "nonsense"],
        ["detect", "x.jpg", "--max-side", "10"],
        ["detect", "x.jpg", "--tftrt", "minimum_segment_size=0"],
        ["detect", "x.jpg", "--tftrt", "nonsense=1"],
        ["convert", "--precision", "FP64"],
        [],
    ],
)
def test_bad_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"east( \w+)?: error: .* \(--help tells more\)", line)


def test_a_misspelt_runtime_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["detect", "x.jpg", "--runtime", "tensorflw"])
    assert "did you mean 'tensorflow'" in capsys.readouterr().err


def test_full_disk_leaves_no_file(east: Callable[..., Result], pictures: Path, tmp_path: Path) -> None:
    """A limit on the size of written files stands in for a full disk."""
    folder = tmp_path / "out"
    folder.mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    result = east("detect", pictures, "--format", "csv", "--output", folder / "found.csv", preexec_fn=limit)
    assert result.returncode == 1
    assert "File too large" in error_line(result)
    assert not any(folder.iterdir())


def test_formats_with_a_file_for_each_image(
    detector: TextDetector, pictures: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    [one, *_] = sorted(pictures.iterdir())
    found = detector.detect(one, max_side=320)
    sources = [InputImage(one, "a/img_9.jpg", "a/img_9"), InputImage(one, "img_10.jpg", "img_10")]
    for form in EACH:
        suffix = {"alto": "alto.xml", "page": "page.xml", "icdar": "txt"}.get(form, form)
        names = {f"a/res_img_9.{suffix}", f"res_img_10.{suffix}"}
        if form != "icdar":
            names = {name.replace("res_", "") for name in names}
        with Writer(form, tmp_path / form, several=True) as writer:
            for source in sources:
                writer.add(source, found)
        written = {path.relative_to(tmp_path / form).as_posix() for path in (tmp_path / form).rglob("*.*")}
        assert written == names == {out.path.relative_to(tmp_path / form).as_posix() for out in writer.outputs(sources)}
        with Writer(form, None, several=False) as alone:
            alone.add(sources[1], found)
        printed = capsysbinary.readouterr().out
        assert printed == (tmp_path / form / min(names, key=len)).read_bytes() or form in ("page", "icdar")
        with pytest.raises(UsageError, match=f"--format {form} writes a file per image: give --output FOLDER"):
            Writer(form, None, several=True)
    assert "a/img_9.jpg" in (tmp_path / "alto" / "a" / "img_9.alto.xml").read_text()


def test_formats_with_one_file_for_all_images(detector: TextDetector, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("pikepdf")
    [one, *_] = sorted(pictures.iterdir())
    found = detector.detect(one, max_side=320)
    for form in ("coco", "label-studio", "pdf"):
        with Writer(form, tmp_path / form, several=True) as writer:
            for name in ("a.jpg", "b.jpg"):
                writer.add(InputImage(one, name, name), found)
    coco, tasks = (json.loads((tmp_path / form).read_text()) for form in ("coco", "label-studio"))
    assert [image["file_name"] for image in coco["images"]] == ["a.jpg", "b.jpg"]
    assert len(coco["annotations"]) == 2 * len(found) > 0
    assert [task["data"]["ocr"] for task in tasks] == ["a.jpg", "b.jpg"]
    assert len(pdf_pages(tmp_path / "pdf")) == 2


def test_a_run_that_ends_early_leaves_what_was_done_in_every_format(
    detector: TextDetector, pictures: Path, tmp_path: Path
) -> None:
    [one, *_] = sorted(pictures.iterdir())
    found = detector.detect(one, max_side=320)

    def interrupted(form: str, path: Path, count: int) -> None:
        with Writer(form, path, several=True) as writer:
            for _ in range(count):
                writer.add(InputImage(one, "a.jpg", "a"), found)
            raise KeyboardInterrupt

    for form in ("coco", "label-studio", "jsonl"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(form, tmp_path / form, 1)
        assert "a.jpg" in json.dumps(json.loads((tmp_path / form).read_text()))
        with pytest.raises(KeyboardInterrupt):
            interrupted(form, tmp_path / "nothing", 0)
        assert not (tmp_path / "nothing").exists()


def test_the_commands_formats_are_written(detector: TextDetector, pictures: Path, tmp_path: Path) -> None:
    arguments = ["--precision", "FP32", "--max-side", "320", "--format", "hocr", "--output", str(tmp_path / "found")]
    assert main(["detect", str(pictures), *arguments]) == 0
    written = {path.name for path in (tmp_path / "found").iterdir()}
    assert written == {f"{path.stem}.hocr" for path in pictures.iterdir()}


def test_pages_of_a_pdf_are_images_with_names(
    detector: TextDetector, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pypdfium2")
    picture = np.asarray(Image.fromarray(load_image(sorted(pictures.iterdir())[0])).resize((320, 240)))
    (tmp_path / "scan.v2.pdf").write_bytes(scanned([picture, picture]))
    (tmp_path / "damaged.pdf").write_bytes(b"%PDF-1.7")
    arguments = ["--precision", "FP32", "--pdf-dpi", "72", "--draw", str(tmp_path / "drawn"), "--format", "jsonl"]
    assert main(["detect", str(tmp_path / "scan.v2.pdf"), *arguments]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["file"] for entry in entries] == ["scan.v2-p0001", "scan.v2-p0002"]
    assert {(entry["image"]["width"], entry["image"]["height"]) for entry in entries} == {(320, 240)}
    assert entries[0]["boxes"]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["scan.v2-p0001.jpg", "scan.v2-p0002.jpg"]
    assert main(["detect", str(tmp_path), "--precision", "FP32", "--pdf-dpi", "72", "--format", "jsonl"]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["scan.v2-p0001", "scan.v2-p0002"]
    assert "damaged.pdf: the PDF is damaged" in err.splitlines()[0]


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("https://example.org/a.jpg", "a URL is not fetched: curl https://example.org/a.jpg | east detect -"),
        ("nothing/*.png", "nothing/*.png: no such file or folder, and no file matches it as a pattern: upper"),
        ("scan.pdf#page=2", "scan.pdf#page=2: no such file or folder: name the whole file, scan.pdf, which stands for"),
    ],
)
def test_what_is_no_file_says_what_to_do(
    argument: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scan.pdf").touch()
    assert main(["detect", argument]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert told in line
