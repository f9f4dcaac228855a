"""Adapts the bundled weights to labelled pictures: ``python examples/fine_tune.py PICTURES RUN [SETTING=VALUE …]``.

PICTURES holds ``photo.jpg`` with ``gt_photo.txt`` in ICDAR's format for each picture. It is the command ``east train
fit``, then a detector with what came out of it, compared with the one before.
"""

import sys
from pathlib import Path

from east import TextDetector
from east.cli import main

pictures, run, *settings = sys.argv[1:]
told = [part for setting in settings for part in ("--set", setting)]
if main(["train", "fit", "--config", "finetune", "--data", pictures, "--out", run, *told]):
    sys.exit(1)
picture = next(path for path in sorted(Path(pictures).iterdir()) if path.suffix in {".jpg", ".png"})
for weights in ("default", f"{run}/weights.npz"):
    found = TextDetector(weights=weights, precision="FP32").detect(picture)
    print(f"{weights}: {len(found)} words in {picture.name}")
