from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from east.errors import CheckpointError
from east.training.loop.log import LOG, Log, draw_curves, read_log


def steps_in_tensorboard(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def write(folder: Path, first: int, last: int, *, after: int, offset: float = 0.0) -> None:
    log = Log(folder, step=after)
    for step in range(first, last + 1):
        log.write(step, total=step + offset, learning_rate=1.23456789e-7)
    log.close()


def test_a_resumed_run_strikes_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1, 5, after=0)
    write(tmp_path, 4, 6, after=3, offset=0.5)
    expected = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.5), (5, 5.5), (6, 6.5)]
    assert [(event["step"], event["total"]) for event in read_log(tmp_path)] == expected
    assert steps_in_tensorboard(tmp_path, "total") == expected


def test_a_new_run_forgets_an_old_one(tmp_path: Path) -> None:
    write(tmp_path, 1, 5, after=0)
    write(tmp_path, 1, 2, after=0)
    assert [event["step"] for event in read_log(tmp_path)] == [1, 2]


def test_a_half_written_last_line_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, 1, 5, after=0)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 6, "tot')
    assert [event["step"] for event in read_log(tmp_path)] == [1, 2, 3, 4, 5]
    write(tmp_path, 6, 7, after=5)
    assert [event["step"] for event in read_log(tmp_path)] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("line", ['{"step": 2, "to', '{"total": 2.0}', "[2]", "\udcff"])
def test_a_broken_line_before_the_last_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, 1, 3, after=0)
    first, _, *others = (tmp_path / LOG).read_text().splitlines()
    content = "\n".join([first, line, *others]).encode(errors="surrogateescape")
    (tmp_path / LOG).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"log\.jsonl, line 2 is damaged, delete the file to go on without"):
        Log(tmp_path, step=3)
    assert (tmp_path / LOG).read_bytes() == content


def test_small_numbers_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 1, 1, after=0)
    assert read_log(tmp_path)[0]["learning_rate"] == 1.23457e-7


def test_curves_are_drawn(tmp_path: Path) -> None:
    write(tmp_path, 1, 5, after=0)
    with Image.open(draw_curves(tmp_path)) as image:
        image.verify()
