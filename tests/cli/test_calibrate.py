"""``east calibrate``, and who finds what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from east.cli import main
from east.model import weights
from east.model.ranges import Ranges
from east.model.source import ModelSource
from east.options import Calibration
from east.runtimes.conversion.calibration import SHIPPED
from east.runtimes.conversion.known_ranges import find_ranges
from tests.support.small_network import write_small

Capture = pytest.CaptureFixture[str]
FEW = ["--calibration", str(SHIPPED), "--calibration-count", "2", "--calibration-size", "32x64"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    write_small(tmp_path / "mine.pb")
    return tmp_path / "mine.pb"


def test_writes_where_int8_of_the_weights_finds_it(mine: Path, capsys: Capture) -> None:
    assert main(["calibrate", "--weights", str(mine), *FEW]) == 0
    path = mine.with_name("mine.ranges.npz")
    printed = capsys.readouterr()
    assert printed.out == f"{path}: 3 tensors and 3 convolutions of mine, 2 images of {SHIPPED} at 32x64\n"
    assert printed.err == ""
    found = find_ranges(ModelSource.find(mine), Calibration())
    assert found.sha256 == Ranges.load(path).sha256
    assert [name for name, _ in found.images] == ["01.jpg", "02.jpg"]


def test_writes_elsewhere_when_asked(mine: Path, capsys: Capture) -> None:
    elsewhere = mine.with_name("elsewhere.npz")
    assert main(["calibrate", "--weights", str(mine), *FEW, "--output", str(elsewhere)]) == 0
    assert capsys.readouterr().out.startswith(f"{elsewhere}: ")
    assert not mine.with_name("mine.ranges.npz").exists()
    assert len(find_ranges(ModelSource.find(mine), Calibration(elsewhere)).images) == 2


@pytest.mark.parametrize("name", ["default", "mine.pb"])
def test_a_record_gives_way_to_none_that_nobody_asked_for(
    name: str, mine: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine.parent)
    assert main(["calibrate", "--weights", str(mine), *FEW]) == 0
    record = weights.ranges_places(ModelSource.find(name).path)[-1]
    before = record.read_bytes()
    capsys.readouterr()
    assert main(["calibrate", "--weights", name, "--calibration-count", "2"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert f"has a record already, {record}: name images" in printed.err
    assert record.read_bytes() == before
    assert not (weights.user_folder() / record.name).exists()


def test_says_which_record_holds_and_how_to_go_back(
    mine: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["calibrate", "--weights", str(mine), *FEW]) == 0
    bundled = mine.with_name("mine.ranges.npz")
    capsys.readouterr()
    assert main(["calibrate", "--weights", str(mine), *FEW]) == 0
    replaced = f"INT8 of mine takes {bundled} from now on; it replaced the one that was there"
    assert capsys.readouterr().out.splitlines()[1:] == [replaced]

    monkeypatch.setattr(weights, "BUNDLED", mine.parent)  # whose records are not written over
    mine_now = weights.user_folder() / bundled.name
    kept = bundled.read_bytes()
    for _ in range(2):
        assert main(["calibrate", "--weights", str(mine), *FEW, "--calibration-size", "64x64"]) == 0
        said = f"INT8 of mine takes {mine_now} from now on; delete it to go back to {bundled}"
        assert capsys.readouterr().out.splitlines()[1:] == [said]
    assert bundled.read_bytes() == kept
    source = ModelSource.find(mine)
    assert find_ranges(source, Calibration()).size == (64, 64)
    mine_now.unlink()
    assert find_ranges(source, Calibration()).size == (32, 64)


def test_a_damaged_record_is_measured_anew(mine: Path) -> None:
    record = mine.with_name("mine.ranges.npz")
    record.write_bytes(b"no record")
    few = [argument for argument in FEW if argument not in ("--calibration", str(SHIPPED))]
    assert main(["calibrate", "--weights", str(mine), *few]) == 0
    assert Ranges.load(record).size == (32, 64)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--output", "ranges.json"], 2, "--output must end in .npz, got ranges.json"),
        (["--calibration", "nowhere"], 1, "no such folder of calibration images: nowhere"),
        (["--weights", "nowhere.pb"], 1, "no weights named 'nowhere.pb'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], status: int, told: str, mine: Path, capsys: Capture
) -> None:
    assert main(["calibrate", "--weights", str(mine), *FEW, *arguments]) == status
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_graph_may_be_written_with_its_ranges(mine: Path, capsys: Capture) -> None:
    assert main(["calibrate", "--weights", str(mine), *FEW]) == 0
    output = mine.with_name("int8.pb")
    assert main(["freeze", "--weights", str(mine), "--precision", "INT8", "--output", str(output)]) == 0
    from east.model.frozen import FrozenModel

    kinds = FrozenModel.load(output).operations
    assert kinds["QuantizeAndDequantizeV3"] == 3
    assert kinds["QuantizeAndDequantizeV2"] == 3


def test_weights_show_what_is_on_record(capsys: Capture) -> None:
    assert main(["weights", "show"]) == 0
    shown = json.loads(capsys.readouterr().out)["ranges"]
    assert (shown["images"], shown["size"]) == (100, [672, 1280])
    assert shown["path"].endswith("weights/east_resnet50.ranges.npz")
