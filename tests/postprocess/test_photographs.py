"""The decoded quads of the bundled network against what people drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from east import TextDetector
from east.icdar import parse_ground_truth
from tests.support.plain_nms import plain_iou


def test_boxes_lie_on_slanted_words_and_begin_at_their_top_left(detector: TextDetector, icdar_folder: Path) -> None:
    overlaps, same_start = [], []
    for number in range(801, 821):
        path = icdar_folder / f"gt_img_{number}.txt"
        truth = parse_ground_truth(path.read_bytes(), path.name, lenient=True)
        quads = truth.quads
        right, down = (quads[:, 1] - quads[:, 0]).T
        slanted = (np.abs(down) > 0.1 * right) & (np.abs(down) < 0.7 * right) & ~truth.dont_care
        if slanted.any():
            found = [box.quad for box in detector.detect(icdar_folder / f"img_{number}.jpg")]
            for word in quads[slanted]:
                best = max(found, key=lambda quad: plain_iou(quad, word), default=0 * word)
                overlaps.append(plain_iou(best, word))
                same_start.append(np.linalg.norm(best - word[0], axis=1).argmin() == 0)
    assert np.mean(np.array(overlaps) > 0.5) > 0.8
    assert np.mean(same_start) > 0.9
