"""Follows words through a video: ``python examples/track_video.py VIDEO`` prints the numbers of each frame's words.

`stream` decodes and prepares frames while the network is busy with earlier ones. A word has the number of the one that
it overlaps most in the frame before; supervision's companion ``trackers`` has methods that survive more.
"""

import sys
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np
import supervision as sv
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from east import TextDetector


def frames(path: str) -> Iterator[NDArray[np.uint8]]:
    """The frames as OpenCV gives them: blue, green, red."""
    video = cv2.VideoCapture(path)
    if not video.isOpened():
        sys.exit(f"{path}: no video that OpenCV can read")
    while True:
        read, frame = video.read()
        if not read:
            return
        yield frame.astype(np.uint8, copy=False)


def tracked(words: sv.Detections, before: sv.Detections, numbers: Iterator[int]) -> sv.Detections:
    """The words with numbers: those of the frame before where the two overlap, new ones for others."""
    words.tracker_id = np.full(len(words), -1)
    if len(words) and len(before) and before.tracker_id is not None:
        overlaps = sv.box_iou_batch(words.xyxy, before.xyxy)
        for new, old in zip(*linear_sum_assignment(overlaps, maximize=True), strict=True):
            if overlaps[new, old] > 0.3:
                words.tracker_id[new] = before.tracker_id[old]
    for index in np.flatnonzero(words.tracker_id < 0):
        words.tracker_id[index] = next(numbers)
    return words


def main() -> None:
    """Detects, and gives the same word the same number from frame to frame."""
    words, numbers = sv.Detections.empty(), count(1)
    detector = TextDetector(max_side=960)
    results = detector.stream(frames(sys.argv[1]), bgr=True, on_error="raise", keep_image=False)
    for number, found in enumerate(results):
        words = tracked(found.to_supervision(), words, numbers)
        ids = [] if words.tracker_id is None else sorted(words.tracker_id.tolist())
        print(f"frame {number}: words {ids}")


if __name__ == "__main__":
    main()
