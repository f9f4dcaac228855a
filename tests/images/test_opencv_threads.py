"""OpenCV's threads are its caller's again afterwards."""

from __future__ import annotations

import cv2

from east.images.opencv_threads import one_opencv_thread


def test_the_setting_is_back_once_all_have_left() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        first, second = one_opencv_thread(), one_opencv_thread()
        with first:
            second.__enter__()
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
