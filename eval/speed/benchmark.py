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
from east.runtimes.gpu.requirements import missing_driver
from east.types import Precision

MEASURES = ("network", "boxes", "end_to_end")
STREAMS = ("images", "files")
REFERENCE = "tensorflow FP32"

# Imports these very packages, whatever modules of their names the current folder holds, as -m would not.
_START = """
import sys
sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]
from eval.speed.worker import main
main()
"""


@dataclass(frozen=True)
class Workload:
    """What every case has to do: JPEG files, how many at once, turns of each process, seconds of a measurement."""

    images: tuple[Path, ...]
    batches: tuple[int, ...] = (1,)
    rounds: int = 10
    seconds: float = 0.3


@dataclass
class Measurement:
    """What was measured of one case.

    Attributes:
        case: the detector's options.
        about: what `eval.speed.worker.TimedDetector` says of itself, with the conversion's seconds and the peak memory.
        times: seconds of each call, by measure and batch.
        stream: images a second of each turn, by source and batch.
    """

    case: DetectorOptions
    about: dict[str, Any]
    times: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    stream: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def median(self, measure: str, batch: int) -> float:
        """Seconds."""
        return float(np.median(self.times[measure, batch]))

    def p99(self, measure: str, batch: int) -> float:
        """Seconds."""
        return float(np.percentile(self.times[measure, batch], 99))

    def fps(self, measure: str, batch: int) -> float:
        """Images a second at the median."""
        return batch / self.median(measure, batch)


def name_of(case: DetectorOptions) -> str:
    """A runtime and its precision, such as ``xla FP16`` or ``tensorflow TF32``."""
    return f"{case.runtime} {'TF32' if case.tf32 else case.precision}"


def cases(options: DetectorOptions, runtimes: Iterable[str], precisions: Iterable[str]) -> list[DetectorOptions]:
    """What this machine can do of these runtimes and precisions, the reference first; the rest as ``options`` say."""
    found = []
    wanted = list(precisions)
    for runtime in runtimes:
        here = availability(runtime, options.device).precisions
        found += [replace(options, runtime=runtime, precision=one, tf32=False) for one in here if one in wanted]
        if runtime != "openvino" and Precision.FP32 in here and missing_driver() is None:
            found.append(replace(options, runtime=runtime, precision=Precision.FP32, tf32=True))
    return sorted(found, key=lambda case: (name_of(case) != REFERENCE, RUNTIMES[::-1].index(case.runtime)))


def run_benchmark(todo: Sequence[DetectorOptions], workload: Workload) -> list[Measurement]:
    """Measures all cases in turns. Raises `EastError` when a process dies."""
    with ExitStack() as stack:
        workers: list[_WorkerProcess] = []
        measured: list[Measurement] = []
        for case in progress(todo, total=len(todo), unit="runtime", description="load"):
            source = ModelSource.find(case.weights, case.nodes)
            artifact = convert_model(source, replace(case, threads=None))  # all cases, in this one process
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
        for source in STREAMS:
            fps = worker.ask(do="stream", source=source, batch=batch, seconds=2 * workload.seconds)
            measurement.stream.setdefault((source, batch), []).append(fps)


class _WorkerProcess:
    """A process that measures one case."""

    def __init__(self, process: subprocess.Popen[str], case: str) -> None:
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
            raise EastError(f"{self._case} failed while it was measured; its message is above")
        return json.loads(line)


@contextmanager
def _worker(case: DetectorOptions, workload: Workload) -> Iterator[_WorkerProcess]:
    options = {".".join(path): value for path, value in to_paths(case).items()}
    told = json.dumps([options, asdict(workload)], default=str)
    command = [sys.executable, "-c", _START, str(Path(__file__).absolute().parents[2]), told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _WorkerProcess(process, name_of(case))
        finally:
            process.kill()
            process.communicate()  # closes the pipes, whatever was still to be written
