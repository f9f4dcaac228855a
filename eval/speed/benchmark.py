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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from east.console import progress
from east.errors import EastError
from east.model.source import ModelSource
from east.runtimes import NAMES, availability, convert_model
from east.runtimes.base import LoadOptions
from east.types import Precision, Size

MEASURES = ("network", "boxes", "end_to_end")
REFERENCE = "tensorflow FP32"

# Imports these very packages, whatever modules of their names the current folder holds, as -m would not.
_START = """
import sys
sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]
from eval.speed.worker import main
main()
"""


@dataclass(frozen=True)
class Case:
    """A runtime at a precision."""

    runtime: str
    precision: Precision
    tf32: bool = False

    @property
    def name(self) -> str:
        """Such as ``xla FP16`` or ``tensorflow TF32``."""
        return f"{self.runtime} {'TF32' if self.tf32 else self.precision}"


@dataclass(frozen=True)
class Workload:
    """What every case has to do.

    Attributes:
        weights: name or path.
        size: the network's.
        images: JPEG files.
        batches: images at once.
        rounds: turns that each process gets.
        seconds: of one measurement in a turn.
        threads: CPU threads; the runtime's choice when None.
    """

    weights: str
    size: Size
    images: tuple[Path, ...]
    batches: tuple[int, ...] = (1,)
    rounds: int = 10
    seconds: float = 0.3
    threads: int | None = None


@dataclass
class Measurement:
    """What was measured of one case.

    Attributes:
        case: the case.
        about: what `eval.speed.worker.TimedDetector` says of itself, with the conversion's seconds and the peak memory.
        times: seconds of each call, by measure and batch.
        stream: images a second of each turn, by batch.
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


def cases(runtimes: Iterable[str] = NAMES, precisions: Iterable[Precision] = Precision) -> list[Case]:
    """What this machine can do of these, the reference first."""
    found = []
    wanted = list(precisions)
    for runtime in runtimes:
        here = availability(runtime)
        found += [Case(runtime, precision) for precision in here.precisions if precision in wanted]
        if runtime != "openvino" and Precision.FP32 in here.precisions and _has_gpu():
            found.append(Case(runtime, Precision.FP32, tf32=True))
    return sorted(found, key=lambda case: (case.name != REFERENCE, NAMES[::-1].index(case.runtime)))


def run_benchmark(todo: Sequence[Case], workload: Workload) -> list[Measurement]:
    """Measures all cases in turns.

    Raises:
        EastError: when a process dies.
    """
    with ExitStack() as stack:
        workers: list[_WorkerProcess] = []
        measured: list[Measurement] = []
        for case in progress(todo, total=len(todo), unit="runtime", description="load"):
            artifact = convert_model(
                ModelSource.find(workload.weights),
                case.runtime,
                LoadOptions(case.precision, tf32=case.tf32, size=workload.size),
            )
            workers.append(stack.enter_context(_worker(case, workload)))
            measured.append(Measurement(case, workers[-1].about | {"conversion_s": artifact.seconds}))
        turns = list(zip(workers, measured, strict=True)) * workload.rounds
        for worker, measurement in progress(turns, total=len(turns), unit="turn", description="measure"):
            _turn(worker, measurement, workload)
        for worker, measurement in zip(workers, measured, strict=True):
            measurement.about["peak_memory"] = worker.ask(do="memory")
    return measured


def _turn(worker: _WorkerProcess, measurement: Measurement, workload: Workload) -> None:
    for batch in workload.batches:
        for name in MEASURES:
            times = worker.ask(do="time", measure=name, batch=batch, seconds=workload.seconds)
            measurement.times.setdefault((name, batch), []).extend(times)
        fps = worker.ask(do="stream", batch=batch, seconds=2 * workload.seconds)
        measurement.stream.setdefault(batch, []).append(fps)


class _WorkerProcess:
    """A process that measures one case."""

    def __init__(self, process: subprocess.Popen[str], case: Case) -> None:
        self.process, self._case = process, case
        self.about: dict[str, Any] = self._answer()

    def ask(self, **question: Any) -> Any:
        """Raises `EastError` when the process has died."""
        with suppress(BrokenPipeError):
            print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None  # noqa: S101  it is a pipe
        line = self.process.stdout.readline()
        if not line:
            raise EastError(f"{self._case.name} failed while it was measured; its message is above")
        return json.loads(line)


@contextmanager
def _worker(case: Case, workload: Workload) -> Iterator[_WorkerProcess]:
    told = json.dumps([asdict(case), asdict(workload)], default=str)
    command = [sys.executable, "-c", _START, str(Path(__file__).absolute().parents[2]), told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _WorkerProcess(process, case)
        finally:
            process.kill()
            process.communicate()  # closes the pipes, whatever was still to be written


def _has_gpu() -> bool:
    from east.runtimes.gpu.device import missing_driver

    return missing_driver() is None
