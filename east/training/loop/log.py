"""What a run leaves to look at: one JSON line an event, TensorBoard's event file, curves in a PNG."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...files import written_whole

LOG = "log.jsonl"


class Log:
    """Writes a run's numbers."""

    def __init__(self, folder: str | Path, *, step: int = 0) -> None:
        """Opens the log in ``folder``, without what it says of steps after ``step``.

        Raises:
            CheckpointError: for a damaged log of a run that is resumed.
        """
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._path = Path(folder) / LOG
        earlier = [event for event in read_log(folder) if event["step"] <= step] if step else []
        with written_whole(self._path) as file:
            file.write("".join(json.dumps(event) + "\n" for event in earlier).encode())
        self._tensorboard = EventFileWriter(str(folder))
        if step:  # makes TensorBoard, too, drop what the events of an earlier process have after it
            self._event(step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, **numbers: float) -> None:
        """Writes numbers by name, at a step."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{name: float(f"{v:.6g}") for name, v in numbers.items()}}) + "\n")
        values = [Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
        self._event(step, summary=Summary(value=values))

    def close(self) -> None:
        """Finishes the event file."""
        self._tensorboard.close()

    def _event(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._tensorboard.add_event(Event(wall_time=time.time(), step=step, **content))


def read_log(folder: str | Path) -> list[dict[str, Any]]:
    """Reads the events of a run, oldest first; none where there is no log.

    A broken last line, which a process leaves that is killed while it writes, is dropped.

    Raises:
        CheckpointError: for any other broken line.
    """
    path = Path(folder) / LOG
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    events: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
            int(event["step"])
        except (ValueError, TypeError, KeyError):
            if number < len(lines):
                raise CheckpointError(
                    f"{path}, line {number} is damaged, delete the file to go on without what it says: {line[:80]!r}"
                ) from None
        else:
            events.append(event)
    return events


def draw_curves(folder: str | Path) -> Path:
    """Draws a run's losses, learning rate and scores over its steps, ``curves.png`` in its folder."""
    from matplotlib.figure import Figure

    events = read_log(folder)
    panels = (("score", "overlap", "angle", "reading", "total"), ("learning_rate",), ("recall", "precision", "f1"))
    figure = Figure(figsize=(8, 9), layout="constrained")
    for axes, names in zip(figure.subplots(len(panels), sharex=True), panels, strict=True):
        for name in names:
            points = [(event["step"], event[name]) for event in events if name in event]
            if points:
                axes.plot(*zip(*points, strict=True), label=name, marker="." if name == "f1" else None)
                axes.legend()
        axes.grid(alpha=0.3)
    axes.set_xlabel("step")
    path = Path(folder) / "curves.png"
    figure.savefig(path, dpi=110)
    return path
