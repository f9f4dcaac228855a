"""What is refused before anything is computed, and what is not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from east.errors import UsageError
from east.outputs import Output, check_folder, check_outputs, fold


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"a picture")
    return path


def same(path: Path) -> Path:
    return path


def through_a_link(path: Path) -> Path:
    link = path.parents[1] / "link.png"
    link.symlink_to(path)
    return link


def by_a_second_name(path: Path) -> Path:
    name = path.with_name("second.png")
    os.link(path, name)
    return name


def in_a_linked_folder(path: Path) -> Path:
    folder = path.parents[1] / "linked"
    folder.symlink_to(path.parent, target_is_directory=True)
    return folder / path.name


def by_a_detour(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


@pytest.mark.parametrize("other", [same, through_a_link, by_a_second_name, in_a_linked_folder, by_a_detour])
@pytest.mark.parametrize("swapped", [False, True])
def test_an_input_is_known_by_whatever_way_it_is_reached(
    picture: Path, other: Callable[[Path], Path], swapped: bool
) -> None:
    output, source = (picture, other(picture)) if swapped else (other(picture), picture)
    with pytest.raises(UsageError, match=re.escape(f"--draw would write {output} over the input {source}")):
        check_outputs([Output("--draw", output)], iter([source]))
    assert picture.read_bytes() == b"a picture"


def test_numbered_files_are_those_of_their_folder(picture: Path) -> None:
    number = picture.with_name("0012.png")
    number.write_bytes(b"a picture")
    check_outputs([Output("--crops", picture.parent, numbered=True)], [picture])
    with pytest.raises(UsageError, match=r"--crops would write .*0012.png over the input"):
        check_outputs([Output("--crops", picture.parent, numbered=True)], [picture, number])


def test_two_outputs_in_one_place_are_refused(tmp_path: Path) -> None:
    crops = Output("--crops", tmp_path / "a", numbered=True)
    for one, other in (
        (Output("--output", tmp_path / "x.png"), Output("--draw", tmp_path / "x.png")),
        (Output("--output", tmp_path / "x.PNG"), Output("--draw", tmp_path / "new" / ".." / "X.png")),
        (Output("--draw", tmp_path / "a" / "0001.png"), crops),
        (Output("--draw", tmp_path / "a"), crops),
    ):
        with pytest.raises(UsageError, match=f"{one.flag}.*{other.flag}|{other.flag}.*{one.flag}"):
            check_outputs([one, other], [])
    check_outputs([Output("--draw", tmp_path / "a" / "x.png"), crops], [])


def test_devices_are_nobodys() -> None:
    check_outputs([Output("--output", Path("/dev/null")), Output("--draw", Path("/dev/null"))], [Path("/dev/null")])


def test_inputs_are_looked_at_only_if_they_could_be_hit(tmp_path: Path) -> None:
    inputs = iter([tmp_path])
    check_outputs([Output("--draw", tmp_path / "new" / "a.png")], inputs)
    assert next(inputs) == tmp_path


def test_what_cannot_be_written_is_told_at_once(picture: Path) -> None:
    folder = picture.parent
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        check_outputs([Output("--output", folder)], [])
    for output in (Output("--draw", picture / "b.png"), Output("--crops", picture / "deep" / "er", numbered=True)):
        with pytest.raises(NotADirectoryError, match="is no folder, and one is needed there") as error:
            check_outputs([output], [])
        assert error.value.filename == str(picture)
    check_outputs([Output("--draw", folder / "new" / "deep" / "b.png")], [])
    assert [*folder.iterdir()] == [picture]


def test_folders_that_are_read_are_not_written_to(picture: Path, tmp_path: Path) -> None:
    folder = picture.parent
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    for output in (folder, tmp_path / "link"):
        with pytest.raises(UsageError, match=r"--out would write into .*, which --data reads"):
            check_folder("--out", output, [("--gt", None), ("--data", folder)])
    for other in (folder / "new", tmp_path, None):
        check_folder("--out", other, [("--gt", None), ("--data", folder)])


def test_names_that_some_file_system_takes_for_one_are_equal() -> None:
    assert fold("Straße.JPG") == fold("strasse.jpg")
    assert fold("Cafe\u0301") == fold("café")
    assert fold("a") != fold("b")
