"""Synthetic pictures as files, to look at or to train on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..data.dataset import ILLEGIBLE, write_ground_truth
from .scene import Material, compose
from .settings import SceneSettings

GREEN, RED = (0, 255, 0), (0, 0, 255)


def write_samples(
    folder: str | Path, count: int, seed: int, material: Material, settings: SceneSettings, *, draw: bool = False
) -> None:
    """Writes ``count`` pictures, ``img_<number>.jpg`` with ``gt_img_<number>.txt``; ``draw`` marks their words."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        scene = compose(seed, number, material, settings)
        picture = np.ascontiguousarray(scene.image[..., ::-1])
        if draw:
            for quad, legible in zip(scene.quads, scene.legible, strict=True):
                cv2.polylines(picture, [np.rint(quad).astype(np.int32)], True, GREEN if legible else RED, 1)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        (path / f"img_{number + 1}.jpg").write_bytes(data.tobytes())
        texts = [text if ok else ILLEGIBLE for text, ok in zip(scene.texts, scene.legible, strict=True)]
        write_ground_truth(path / f"gt_img_{number + 1}.txt", scene.quads, texts)
