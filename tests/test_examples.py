"""The examples run as they stand, in processes of their own, and check by mypy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rapidocr() -> None:
    pytest.importorskip("rapidocr")
    told = run("ocr_rapidocr.py", "demo/shop.jpg").upper()
    assert "MILLER" in told
    assert "OPEN" in told


@pytest.mark.skipif(not shutil.which("tesseract"), reason="the program tesseract is not installed")
def test_tesseract() -> None:
    pytest.importorskip("pytesseract")
    sure, words = zip(
        *(line.split(" ", 1) for line in run("ocr_tesseract.py", "demo/shop.jpg").splitlines()), strict=True
    )
    assert {"bread", "cakes", "coffee"} <= set(words)
    assert all(0 <= float(one) <= 1 for one in sure)


def test_folder_to_parquet(tmp_path: Path, small_images: list[Path]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    told = run("folder_to_parquet.py", small_images[0].parent, tmp_path / "words.parquet")
    table = parquet.read_table(tmp_path / "words.parquet")
    assert told.startswith(f"{table.num_rows} words")
    assert table.num_rows > 40
    assert len(set(table["image"].to_pylist())) == 3


def test_words_are_followed_through_a_video(tmp_path: Path) -> None:
    pytest.importorskip("supervision")
    picture = cv2.resize(cv2.imread(str(ROOT / "demo/shop.jpg"), cv2.IMREAD_COLOR), (800, 600))
    video = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (800, 600))
    for shift in range(3):
        video.write(np.roll(picture, 2 * shift, axis=1))
    video.release()
    frames = run("track_video.py", tmp_path / "a.avi").splitlines()
    numbers = [frame.partition("words ")[2] for frame in frames]
    assert len(frames) == 3
    assert numbers[0] != "[]"
    assert numbers[1] == numbers[2]


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    pytest.importorskip("supervision")
    with pytest.raises(AssertionError, match=r"none\.avi: no video that OpenCV can read"):
        run("track_video.py", tmp_path / "none.avi")


def test_a_notebook() -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("rapidocr")
    notebook = nbformat.read(EXAMPLES / "detect.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import east; print(east.__file__)"))
    done = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": EXAMPLES}}).execute()
    assert done.cells.pop().outputs[0]["text"].strip() == str(ROOT / "east/__init__.py")
    shown = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("MILLER" in output.get("text", "").upper() for output in shown)


def test_weights_are_adapted(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "data").mkdir()
    picture = cv2.resize(cv2.imread(str(ROOT / "demo/shop.jpg"), cv2.IMREAD_COLOR), (320, 180))
    cv2.imwrite(str(tmp_path / "data/a.jpg"), picture)
    (tmp_path / "data/gt_a.txt").write_text("80,25,250,25,250,60,80,60,MILLER\n")
    settings = ["steps=1", "batch=1", "recipe.augmentation.crop=64", "recipe.trained=feature_fusion/"]
    told = run("fine_tune.py", tmp_path / "data", tmp_path / "run", *settings)
    assert "default: " in told
    assert f"{tmp_path}/run/weights.npz: " in told
