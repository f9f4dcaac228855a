"""The layouts people have ICDAR2015 in, and what is told before anything runs."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from east.errors import DatasetError
from eval import dataset as icdar2015


def apart(folder: Path) -> None:
    """Images and ground truths in folders of their own."""
    (folder / "ch4_images").mkdir()
    (folder / "gt").mkdir()
    for path in list(folder.glob("*.*")):
        path.rename(folder / ("ch4_images" if path.suffix == ".jpg" else "gt") / path.name)


def zipped(folder: Path) -> None:
    """Ground truths in the zip they are distributed in."""
    with zipfile.ZipFile(folder / "Challenge4_Task1_GT.zip", "w") as archive:
        for path in sorted(folder.glob("gt_img_*.txt")):
            archive.write(path, path.name)
            path.unlink()


def together(folder: Path) -> None:
    """All in one folder."""


@pytest.mark.parametrize("arrange", [together, apart, zipped])
def test_layouts(made_up_folder: Path, arrange: Callable[[Path], None]) -> None:
    arrange(made_up_folder)
    (made_up_folder / "readme.txt").write_text("not of the set")
    dataset = icdar2015.load(made_up_folder)
    assert [sample.key for sample in dataset.samples] == ["1", "2", "3", "10"]
    assert dataset.samples[2].truth.transcriptions == ("###", 'comma, quote"')
    assert (dataset.words, dataset.legible) == (8, 7)


def test_ground_truths_elsewhere(made_up_folder: Path, tmp_path: Path) -> None:
    zipped(made_up_folder)
    moved = (made_up_folder / "Challenge4_Task1_GT.zip").rename(tmp_path / "elsewhere.zip")
    assert len(icdar2015.load(made_up_folder, moved).samples) == 4


def test_the_digest_follows_the_content(made_up_folder: Path) -> None:
    before = icdar2015.load(made_up_folder).digest
    assert icdar2015.load(made_up_folder).digest == before
    assert icdar2015.load(made_up_folder, subset="1-3").digest != before
    with (made_up_folder / "gt_img_1.txt").open("a") as file:
        file.write("\n0,0,9,0,9,9,0,9,more")
    assert icdar2015.load(made_up_folder).digest != before


@pytest.mark.parametrize(("subset", "keys"), [("1-3", "1 2 3"), ("2", "2"), ("10, 1", "1 10"), ("3-100", "3 10")])
def test_subsets(made_up_folder: Path, subset: str, keys: str) -> None:
    assert [sample.key for sample in icdar2015.load(made_up_folder, subset=subset).samples] == keys.split()


@pytest.mark.parametrize("subset", ["", "a", "3-1", "1-", "1,,2", "-1"])
def test_subsets_that_are_none(made_up_folder: Path, subset: str) -> None:
    with pytest.raises(ValueError, match="--subset must be image numbers"):
        icdar2015.load(made_up_folder, subset=subset)


def test_an_empty_subset(made_up_folder: Path) -> None:
    with pytest.raises(DatasetError, match="no image of --subset 500-600"):
        icdar2015.load(made_up_folder, subset="500-600")


def test_all_problems_are_told_at_once(made_up_folder: Path) -> None:
    (made_up_folder / "gt_img_1.txt").unlink()
    (made_up_folder / "img_2.jpg").unlink()
    (made_up_folder / "gt_img_3.txt").write_text("0,0,9,0,9,9,0,9,fine\n0,0,9,0,nonsense")
    image = made_up_folder / "img_10.jpg"
    image.write_bytes(image.read_bytes()[:4000])
    with pytest.raises(DatasetError) as caught:
        icdar2015.load(made_up_folder)
    message = str(caught.value)
    assert "img_1.jpg has no gt_img_1.txt" in message
    assert "gt_img_2.txt has no img_2.jpg" in message
    assert "gt_img_3.txt, line 2: " in message
    assert "nonsense" in message
    assert "img_10.jpg cannot be decoded" in message
    assert "\n" not in message


def test_many_problems_are_cut_short(made_up_folder: Path) -> None:
    for number in range(100, 130):
        shutil.copy(made_up_folder / "img_1.jpg", made_up_folder / f"img_{number}.jpg")
    with pytest.raises(DatasetError, match=r"; and 22 more$"):
        icdar2015.load(made_up_folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty: 0 bytes"), (b"no image", "not an image"), (b"\x89PNG\r\n\x1a\n", "PNG image")],
)
def test_files_that_are_no_images(made_up_folder: Path, content: bytes, why: str) -> None:
    (made_up_folder / "img_1.jpg").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"img_1\.jpg cannot be decoded: .*{why}"):
        icdar2015.load(made_up_folder)


def test_two_sets_in_one_folder(made_up_folder: Path) -> None:
    shutil.copytree(made_up_folder, made_up_folder / "test")
    with pytest.raises(DatasetError, match="image 1 is there twice"):
        icdar2015.load(made_up_folder)


def test_several_zips(made_up_folder: Path) -> None:
    zipped(made_up_folder)
    shutil.copy(made_up_folder / "Challenge4_Task1_GT.zip", made_up_folder / "copy.zip")
    with pytest.raises(DatasetError, match="choose by --gt"):
        icdar2015.load(made_up_folder)


def test_no_data(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DatasetError, match=r"rrc\.cvc\.uab\.es.*account.*--data DIR or ICDAR2015_DIR"):
            icdar2015.load(folder)


def test_other_counts_than_the_official_ones_are_told(made_up_folder: Path) -> None:
    assert "where the official test set has 500 images, 5,230 words, 2,077 legible" in str(
        icdar2015.load(made_up_folder).note
    )
    assert "images 1-3 only" in str(icdar2015.load(made_up_folder, subset="1-3").note)


def test_the_training_set(icdar_folder: Path) -> None:
    dataset = icdar2015.load(icdar_folder)
    assert dataset.edition == "training"
    assert (len(dataset.samples), dataset.words, dataset.legible) == (1000, 11_886, 4_468)
