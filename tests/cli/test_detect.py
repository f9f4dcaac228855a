"""``python -m east detect`` as a user meets it: a real process, real files."""

from __future__ import annotations

import csv
import io
import json
import os
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
from east.images.decoding import load_image

Result = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path]) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for path in demo_images:
        shutil.copy(path, folder)
    return folder


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


def test_standard_input(east: Callable[..., Result], pictures: Path) -> None:
    path = sorted(pictures.iterdir())[0]
    from_stdin = json.loads(east("detect", "-", stdin=path.read_bytes()).stdout)
    from_file = json.loads(east("detect", path).stdout)
    assert from_stdin[0]["file"] == "stdin"
    assert from_stdin[0]["boxes"] == from_file[0]["boxes"]


def test_formats_agree(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_one_bad_image_does_not_lose_the_others(east: Callable[..., Result], pictures: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff not a picture")
    output = tmp_path / "found.json"
    result = east("detect", bad, pictures, "--output", output)
    assert result.returncode == 1
    assert len(json.loads(output.read_text())) == len(list(pictures.iterdir()))
    first, last = result.stderr.decode().splitlines()
    assert "bad.jpg" in first
    assert "1 of" in last


def test_pictures_of_one_name_from_two_folders_are_told_apart(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sorted(pictures.iterdir())[0]
    twin = tmp_path / path.name
    shutil.copy(path, twin)
    assert main(["detect", str(path), str(twin), "--draw", str(tmp_path / "drawn")]) == 0
    names = [entry["file"] for entry in json.loads(capsys.readouterr().out)]
    assert names == [path.name, f"{path.stem}-2{path.suffix}"]
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == sorted(names)


def test_no_two_images_share_what_is_written_about_them(
    detector: TextDetector, demo_images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = load_image(demo_images[0])[:64, :96]
    inputs = [tmp_path / name for name in ("a/x.png", "b/x.png", "b/x-2.png", "b/x.bmp", "b/x.webp")]
    for path in inputs:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    outputs = ["--draw", tmp_path / "drawn", "--format", "icdar", "--output", tmp_path / "icdar"]
    assert main(["detect", *map(str, [*inputs, *outputs])]) == 0
    drawn = ["x-2-2.png", "x-2.png", "x-3.jpg", "x-4.jpg", "x.png"]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == drawn
    assert len(list((tmp_path / "icdar").iterdir())) == len(inputs)
    assert main(["detect", *map(str, inputs)]) == 0
    names = [entry["file"] for entry in json.loads(capsys.readouterr().out)]
    assert names == ["x.png", "x-2.png", "x-2-2.png", "x.bmp", "x.webp"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_names_that_are_no_text(form: str, detector: TextDetector, pictures: Path, tmp_path: Path) -> None:
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
    assert main(["detect", str(tmp_path / "long.bmp"), "--draw", str(tmp_path)]) == 0
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
    east: Callable[..., Result],
    demo_images: list[Path],
    tmp_path: Path,
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    places = {"empty": tmp_path / "empty", "picture": demo_images[0], "broken": tmp_path / "broken.npz"}
    result = east(*(argument.format(**places) for argument in arguments))
    assert result.returncode == status
    assert result.stdout == b""
    assert message in error_line(result)


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
    assert "usage:" in capsys.readouterr().err


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
