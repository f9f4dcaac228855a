from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from east.errors import CalibrationError
from east.options import Calibration
from east.runtimes.conversion.calibration import SHIPPED, find_images
from east.types import Size


def write_images(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(folder / name)
    return folder


def names(calibration: Calibration) -> list[str]:
    return [name for name, _ in find_images(calibration).files]


def test_takes_the_first_by_name_counting_numbers_as_numbers(tmp_path: Path) -> None:
    folder = write_images(tmp_path, "img_10.png", "img_9.png", "img_1.png", "img_100.png")
    (folder / "notes.txt").write_text("no image")
    assert names(Calibration(folder, count=3)) == ["img_1.png", "img_9.png", "img_10.png"]


def test_a_seed_draws_the_same_images_each_time(tmp_path: Path) -> None:
    folder = write_images(tmp_path, *(f"{n}.png" for n in range(30)))
    drawn = names(Calibration(folder, count=10, seed=3))
    assert drawn == names(Calibration(folder, count=10, seed=3))
    assert drawn != names(Calibration(folder, count=10, seed=4))
    assert len(set(drawn)) == 10


def test_images_come_in_one_shape(tmp_path: Path) -> None:
    write_images(tmp_path, "a.png", "b.png")
    Image.new("L", (30, 200)).save(tmp_path / "c.png")
    for size in (Size(64, 96), (64, 96)):
        found = find_images(Calibration(tmp_path, size=size))
        assert {image.shape for image in found.images()} == {(1, 64, 96, 3)}
        assert found == find_images(Calibration(tmp_path, size=Size(64, 96)))


def test_hash_depends_on_content_order_and_size_but_not_on_place(tmp_path: Path) -> None:
    here = find_images(Calibration(write_images(tmp_path / "a", "1.png", "2.png"), size=Size(64, 64)))
    renamed = find_images(Calibration(write_images(tmp_path / "b", "3.png", "4.png"), size=Size(64, 64)))
    assert here.sha256 == renamed.sha256
    assert here.sha256 != find_images(Calibration(here.folder, size=Size(64, 96))).sha256
    assert here.sha256 != find_images(Calibration(here.folder, count=1, size=Size(64, 64))).sha256
    swapped = find_images(Calibration(write_images(tmp_path / "c", "2.png", "1.png"), size=Size(64, 64)))
    assert here.sha256 != swapped.sha256


def test_a_record_finds_the_same_images_again(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", *(f"{n}.png" for n in range(5)))
    found = find_images(Calibration(folder, count=3, seed=1, size=Size(64, 96)))
    found.save(tmp_path / "calibration.json")
    assert find_images(Calibration(tmp_path / "calibration.json")) == found


def test_a_record_of_an_image_that_changed_is_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", "1.png")
    find_images(Calibration(folder)).save(tmp_path / "calibration.json")
    Image.new("RGB", (64, 48), (9, 9, 9)).save(folder / "1.png")
    with pytest.raises(CalibrationError, match=r"1\.png is not the image"):
        find_images(Calibration(tmp_path / "calibration.json"))


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("img_1.jpg")
    with pytest.raises(CalibrationError, match=r"list\.txt is neither a folder"):
        find_images(Calibration(tmp_path / "list.txt"))


def test_no_images_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no images to calibrate on in"):
        find_images(Calibration(tmp_path))
    with pytest.raises(CalibrationError, match="no such folder"):
        find_images(Calibration(tmp_path / "missing"))


def test_an_image_that_does_not_decode_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, "1.png")
    (tmp_path / "2.jpg").write_bytes(b"\xff\xd8\xff truncated")
    with pytest.raises(CalibrationError, match=r"cannot calibrate on .*2\.jpg") as error:
        list(find_images(Calibration(tmp_path)).images())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"size": Size(100, 64)}, {"size": Size(0, 64)}])
def test_impossible_requests_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be "):
        Calibration(**wrong)


def test_images_of_the_machine_are_not_taken_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, "img_1.jpg", "img_1000.jpg")
    monkeypatch.setenv("ICDAR2015_DIR", str(tmp_path))
    assert find_images(Calibration()).folder == SHIPPED


def test_shipped_images_are_there() -> None:
    found = find_images(Calibration())
    assert found.folder == SHIPPED
    assert len(found) >= 20
    assert sum(file.stat().st_size for file in SHIPPED.iterdir() if file.suffix == ".jpg") <= 3e6
    assert np.mean([image.std() for image in found.images()]) > 20
