"""A frozen graph as a SavedModel with a signature, which is the form TF-TRT takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...frameworks import tensorflow
from ...model.frozen import FrozenModel
from .graphs import network

SIGNATURE = "serving_default"
INPUT, SCORE, GEOMETRY = "images", "score", "geometry"


def save_saved_model(frozen: FrozenModel, folder: Path) -> None:
    """Writes it, with the one signature ``serving_default``: ``images`` in, ``score`` and ``geometry`` out."""
    tf = tensorflow()
    run = network(frozen)

    def serve(images: Any) -> dict[str, Any]:
        score, geometry = run(images)
        return {SCORE: score, GEOMETRY: geometry}

    images = tf.TensorSpec([None, None, None, 3], frozen.input_dtype, name=INPUT)
    module = tf.Module()
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: tf.function(serve, input_signature=[images])})
