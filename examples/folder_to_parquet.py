"""Writes the words of a folder of images as one Parquet file: ``python examples/folder_to_parquet.py FOLDER OUT``.

``east batch`` does so for any number of images, goes on where it was stopped, and runs on a cluster.
"""

import sys

import pyarrow as pa
import pyarrow.parquet as pq

from east import Detections, TextDetector

folder, output = sys.argv[1:] or ["demo", "words.parquet"]
rows = []
for found in TextDetector().stream(folder, keep_image=False):
    if isinstance(found, Detections):
        rows += [{"image": found.source, "score": word.score, "quad": word.quad.ravel().tolist()} for word in found]
    else:
        print(found, file=sys.stderr)  # an image that cannot be used stops nothing
pq.write_table(pa.Table.from_pylist(rows), output)
print(f"{len(rows)} words in {output}")
