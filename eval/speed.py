"""How fast every runtime is here, in one interleaved run.

Each runtime and precision lives in a process of its own, so that peak memory is its own and settings of TensorFlow
that hold for a whole process (TF32) do not mix. The processes take turns: what slows the machine down for a while
slows all of them down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from east.console import progress
from east.errors import EastError
from east.model.source import ModelSource
from east.option_fields import to_paths
from east.options import RUNTIMES, DetectorOptions
from east.runtimes import availability, convert_model
from east.runtimes.gpu.device import missing_driver
from east.types import Precision

from .speed_worker import Task

MEASURES = ("network", "boxes", "end_to_end")
REFERENCE = "tensorflow FP32"


@dataclass(frozen=True)
class Case:
    """A detector to measure: a runtime at a precision."""

    options: DetectorOptions

    @property
    def name(self) -> str:
        """Such as ``xla FP16`` or ``tensorflow TF32``."""
        return f"{self.options.runtime} {'TF32' if self.options.tf32 else self.options.precision}"


@dataclass(frozen=True)
class Settings:
    """What is measured.

    images: JPEG files. rounds: turns that each process gets. seconds: of one measurement in a turn.
    """

    images: tuple[Path, ...]
    batches: tuple[int, ...] = (1,)
    rounds: int = 10
    seconds: float = 0.3


@dataclass
class Result:
    """What was measured of one case.

    about: what `eval.speed_worker.Subject` says of itself, with the conversion's seconds and the peak memory.
    times: seconds of each call, by measure and batch. stream: images a second of each turn, by batch.
    """

    case: Case
    about: dict[str, Any]
    times: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    stream: dict[int, list[float]] = field(default_factory=dict)

    def median(self, measure: str, batch: int) -> float:
        """Seconds."""
        return float(np.median(self.times[measure, batch]))

    def p99(self, measure: str, batch: int) -> float:
        """Seconds."""
        return float(np.percentile(self.times[measure, batch], 99))

    def fps(self, measure: str, batch: int) -> float:
        """Images a second at the median."""
        return batch / self.median(measure, batch)


def cases(options: DetectorOptions, runtimes: Iterable[str], precisions: Iterable[str]) -> list[Case]:
    """What this machine can do of these runtimes and precisions, the reference first; the rest as ``options`` say."""
    found = []
    wanted = list(precisions)
    for runtime in runtimes:
        here = availability(runtime).precisions
        found += [replace(options, runtime=runtime, precision=one, tf32=False) for one in here if one in wanted]
        if runtime != "openvino" and Precision.FP32 in here and missing_driver() is None:
            found.append(replace(options, runtime=runtime, precision=Precision.FP32, tf32=True))
    made = [Case(one) for one in found]
    return sorted(made, key=lambda case: (case.name != REFERENCE, RUNTIMES[::-1].index(case.options.runtime)))


def measure(todo: Sequence[Case], settings: Settings) -> list[Result]:
    """Measures all cases in turns."""
    with ExitStack() as stack:
        workers: list[_Worker] = []
        results: list[Result] = []
        for case in progress(todo, total=len(todo), unit="runtime", description="load"):
            artifact = convert_model(ModelSource.find(case.options.weights, case.options.nodes), case.options)
            workers.append(stack.enter_context(_worker(case, settings)))
            results.append(Result(case, workers[-1].about | {"conversion_s": artifact.seconds}))
        turns = [
            (worker, result) for _ in range(settings.rounds) for worker, result in zip(workers, results, strict=True)
        ]
        for worker, result in progress(turns, total=len(turns), unit="turn", description="measure"):
            _turn(worker, result, settings)
        for worker, result in zip(workers, results, strict=True):
            result.about["peak_memory"] = worker.ask(do="memory")
    return results


def _turn(worker: _Worker, result: Result, settings: Settings) -> None:
    for batch in settings.batches:
        for name in MEASURES:
            times = worker.ask(do="time", measure=name, batch=batch, seconds=settings.seconds)
            result.times.setdefault((name, batch), []).extend(times)
        fps = worker.ask(do="stream", batch=batch, seconds=2 * settings.seconds)
        result.stream.setdefault(batch, []).append(fps)


class _Worker:
    """A process that measures one case."""

    def __init__(self, process: subprocess.Popen[str], case: Case) -> None:
        self._process, self._case = process, case
        self.about: dict[str, Any] = self._answer()

    def ask(self, **question: Any) -> Any:
        """Raises `EastError` when the process has died."""
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise EastError(f"{self._case.name} failed while it was measured; its message is above")
        return json.loads(line)


@contextmanager
def _worker(case: Case, settings: Settings) -> Iterator[_Worker]:
    options = {".".join(path): value for path, value in to_paths(case.options).items()}
    task = Task(options, [str(path) for path in settings.images], list(settings.batches))
    command = [sys.executable, "-m", "eval.speed_worker", json.dumps(asdict(task), default=str)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Worker(process, case)
        finally:
            process.kill()
