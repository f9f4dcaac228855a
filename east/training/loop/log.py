"""What a run leaves to look at: one JSON line an event, TensorBoard's event file, curves in a PNG."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

CURVES = "log.jsonl"


class Log:
    """Writes a run's numbers."""

    def __init__(self, folder: str | Path, *, step: int = 0) -> None:
        """Goes on with the log in ``folder``, from which whatever came after ``step`` is struck."""
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._path = Path(folder) / CURVES
        kept = [event for event in read_log(folder) if event["step"] <= step] if step else []
        self._path.write_text("".join(json.dumps(event) + "\n" for event in kept), encoding="utf-8")
        self._tensorboard = EventFileWriter(str(folder))
        if step:  # TensorBoard, too, strikes what the events of an earlier process have after it
            self._event(step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, **numbers: float) -> None:
        """Notes numbers by name, at a step."""
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
    """The events of a run, oldest first; none where there is no log."""
    path = Path(folder) / CURVES
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


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
