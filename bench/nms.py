"""Times decoding and locality-aware NMS: ``python bench/nms.py``.

One image like ICDAR2015's and one dense page of 7,000 candidates, both drawn with noise from a fixed seed, on one
core. Each step's median processor time in milliseconds, and what the same NMS costs on Shapely in the same run.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from east.compiling import compile_now
from east.options import DEFAULTS, EVALUATION_SIZE
from east.postprocess import (
    ConfidenceCurve,
    core_peaks,
    decode_quads,
    extract_boxes,
    locality_aware_nms,
    mean_scores,
    scorer,
    select_candidates,
)
from tests.support.plain_nms import plain_nms
from tests.support.words import Array32, Word, draw_maps

SCORE, NMS, BOX = DEFAULTS.score_threshold, DEFAULTS.nms_threshold, DEFAULTS.box_threshold
LANMS = {"scene": 0.4, "page": 49.0}  # the C++ lanms, NMS alone: documented figures, not measured here


def scene(rng: np.random.Generator) -> tuple[Array32, Array32]:
    """Four words of some 30 candidates each: the median of what a trained network finds in ICDAR2015's photographs."""
    places = ((250, 150), (900, 200), (300, 480), (980, 500))
    words = [Word(x, y, rng.uniform(50, 90), rng.uniform(16, 24), rng.normal(0, 0.1)) for x, y in places]
    return draw_maps(words, EVALUATION_SIZE, rng)


def page(rng: np.random.Generator, candidates: int = 7000) -> tuple[Array32, Array32]:
    """Large words in rows, thinned to a number of candidates."""
    words = [
        Word(110 + 212 * column, 45 + 73 * row, 190, 58, rng.normal(0, 0.02)) for row in range(9) for column in range(6)
    ]
    score, geometry = draw_maps(words, EVALUATION_SIZE, rng)
    above = np.flatnonzero(score > SCORE)
    score.flat[rng.choice(above, max(len(above) - candidates, 0), replace=False)] = 0.5
    return score, geometry


def median_ms(function: Callable[[], object], repeat: int) -> float:
    """Median processor time of a call, after one to warm up."""
    function()
    return 1e3 * float(np.median(timeit.repeat(function, timer=time.thread_time, number=1, repeat=repeat)))


def report(name: str, score: Array32, geometry: Array32, repeat: int) -> None:
    """Prints one image's table."""
    candidates = select_candidates(score, geometry, SCORE)
    quads, scores = decode_quads(candidates), score[tuple(candidates.pixels.T)]
    kept, _ = locality_aware_nms(quads, scores, NMS)
    steps: dict[str, Callable[[], object]] = {
        "select candidates": lambda: select_candidates(score, geometry, SCORE),
        "decode quads": lambda: decode_quads(candidates),
        "locality-aware NMS": lambda: locality_aware_nms(quads, scores, NMS),
        "mean scores": lambda: mean_scores(score, kept),
        "core peaks": lambda: core_peaks(score, kept),
        "total, original": lambda: extract_boxes(select_candidates(score, geometry, SCORE), NMS, BOX),
        "total, confidence": lambda: extract_boxes(
            select_candidates(score, geometry, SCORE), NMS, BOX, score=scorer("confidence", ConfidenceCurve(1, -2))
        ),
    }
    times = {step: median_ms(function, repeat) for step, function in steps.items()}
    plain = median_ms(lambda: plain_nms(quads, scores, NMS), 3)
    print(f"{name}: {len(quads)} candidates, {len(kept)} boxes")
    for step, ms in times.items():
        print(f"  {step:<20}{ms:10.3f} ms")
    fast = times["locality-aware NMS"]
    print(f"  {'NMS on Shapely':<20}{plain:10.3f} ms  {plain / fast:6.0f}x ours")
    print(f"  {'C++ lanms':<20}{LANMS[name]:10.3f} ms  {LANMS[name] / fast:6.1f}x ours (documented, not this machine)")


if __name__ == "__main__":
    compile_now()
    report("scene", *scene(np.random.default_rng(2015)), repeat=301)
    report("page", *page(np.random.default_rng(7000)), repeat=31)
