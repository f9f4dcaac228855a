"""One detector in a process of its own, which times what it is told to.

Started by `eval.speed.benchmark` with the detector's options and a `Workload`, as JSON, as its only argument.
Answers each line of JSON on standard input with one on standard output; what libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from east import TextDetector
from east.errors import ImageError
from east.images.decoding import load_image
from east.images.sizing import resize
from east.option_fields import from_paths
from east.options import EVALUATION_SIZE, DetectorOptions

from .benchmark import Workload


class TimedDetector:
    """The detector, its images, and the calls that can be timed.

    ``network``: host array in, host maps out. ``boxes``: host images in, boxes out. ``end_to_end``: JPEG bytes in,
    boxes out.
    """

    def __init__(self, options: DetectorOptions, workload: Workload) -> None:
        start = time.perf_counter()
        self.detector = TextDetector.from_options(options)
        loaded = time.perf_counter()
        self.encoded = [Path(image).read_bytes() for image in workload.images]
        self.decoded = [load_image(data) for data in self.encoded]
        self.detector.detect(self.encoded[0])
        first = time.perf_counter()
        self.size = options.fixed_size or EVALUATION_SIZE
        self.detector.warm_up(self.size)
        for batch in workload.batches:
            self.detector.runtime.warm_up(self.size, batch)
        self.about = {
            "arithmetic": self.detector.runtime.arithmetic,
            "device": self.detector.runtime.device,
            "weights": self.detector.weights,
            "model_bytes": self.detector.runtime.model_bytes,
            "load_s": loaded - start,
            "first_call_s": first - loaded,
            "warm_up_s": time.perf_counter() - first,
        }

    def call(self, measure: str, batch: int) -> Callable[[], Any]:
        """The call to time."""
        images: Iterator[Any] = cycle(self.encoded if measure == "end_to_end" else self.decoded)
        if measure == "network":
            resized = np.stack([resize(image, self.size) for image in islice(images, batch)])
            return partial(self.detector.runtime.infer, resized)
        if batch == 1:
            return lambda: self.detector.detect(next(images))
        some = list(islice(images, batch))
        return lambda: _check(self.detector.detect_batch(some))

    def stream(self, source: str, batch: int, seconds: float) -> float:
        """Images a second through ``TextDetector.stream``, of ``images`` or JPEG ``files``, once it is under way."""
        images: Iterator[Any] = cycle(self.encoded if source == "files" else self.decoded)
        found = self.detector.stream(images, batch=batch)
        _check(islice(found, 2 * batch * self.detector.runtime.parallel))
        done, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds or not done:
            _check(islice(found, batch))
            done += batch
        return done / (time.perf_counter() - start)


def answer_questions(timed: TimedDetector, answers: IO[str]) -> None:
    """Answers until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        match asked.pop("do"):
            case "time":
                answer: Any = _time(timed.call(asked["measure"], asked["batch"]), asked["seconds"])
            case "stream":
                answer = timed.stream(asked["source"], asked["batch"], asked["seconds"])
            case _:
                answer = _memory()
        print(json.dumps(answer), file=answers, flush=True)


def _time(call: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each of as many calls as fit, at least one, after one that does not count."""
    call()
    times: list[float] = []
    while sum(times) < seconds or not times:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _check(found: Iterable[Any]) -> None:
    for one in found:
        if isinstance(one, ImageError):
            raise one


def _memory() -> dict[str, float]:
    status = Path("/proc/self/status").read_text()  # getrusage would count what the parent was when it forked
    peak = {"host_mb": int(status.partition("VmHWM:")[2].split()[0]) / 1024}
    tf = sys.modules.get("tensorflow")
    if tf is not None and tf.config.list_logical_devices("GPU"):
        peak["gpu_mb"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return peak


def main() -> None:
    """Runs the process; standard output is kept for answers alone."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    options, workload = json.loads(sys.argv[1])
    by_path = {tuple(name.split(".")): value for name, value in options.items()}
    timed = TimedDetector(from_paths(DetectorOptions, by_path), Workload(**workload))
    print(json.dumps(timed.about), file=answers, flush=True)
    answer_questions(timed, answers)
