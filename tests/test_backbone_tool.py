from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from east.model.architecture import BACKBONE
from east.model.checkpoint import network_variables, read_arrays
from east.model.network import assign, build_network, keras, variables_by_name
from tools.resnet50_from_keras import main


@pytest.mark.slow
def test_a_backbone_from_keras_finds_the_same_features(tmp_path: Path) -> None:
    theirs = _keras_resnet50()
    _write_for_tensorflow_js(theirs, tmp_path)
    main(tmp_path, tmp_path / "resnet50.npz")
    backbone = network_variables(read_arrays(tmp_path / "resnet50.npz"), "it", within=BACKBONE)

    network = build_network()
    drawn = {name: np.asarray(variable) for name, variable in variables_by_name(network).items()}
    assign(network, {**drawn, **backbone})
    last = network.get_layer("resnet_v1_50.block4.unit_3.bottleneck_v1.Relu").output
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 64, 3)).astype(np.float32)
    ours = np.asarray(keras.Model(network.inputs[0], last)(image))
    expected = np.asarray(theirs(keras.applications.resnet50.preprocess_input(image.copy())))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=0.01 * expected.max())  # convolutions are in 16 bits
    assert np.corrcoef(ours.ravel(), expected.ravel())[0, 1] > 0.9999


def test_a_model_of_another_kind_is_named(tmp_path: Path) -> None:
    weights = [{"name": "conv1/kernel", "shape": [7, 7, 3, 64]}]
    _write(tmp_path, weights, [np.zeros((7, 7, 3, 64), np.float32)])
    with pytest.raises(ValueError, match=r"no Keras ResNet-50.*bn_conv1/gamma"):
        main(tmp_path, tmp_path / "resnet50.npz")


def _keras_resnet50() -> Any:
    """Keras' own network, pooled as TensorFlow pools, its variables random."""

    def pooled_alike(layer: Any) -> Any:
        if layer.name == "pool1_pad":
            return keras.layers.Identity(name=layer.name)
        if layer.name == "pool1_pool":
            return keras.layers.MaxPooling2D(3, 2, "same", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    keras.utils.set_random_seed(0)
    model = keras.models.clone_model(
        keras.applications.ResNet50(weights=None, include_top=False), clone_function=pooled_alike
    )
    rng = np.random.default_rng(1)
    for layer in model.layers:
        for variable in layer.variables:
            if variable.name in ("bias", "beta", "moving_mean"):
                variable.assign(rng.normal(0, 0.1, variable.shape))
            if variable.name in ("gamma", "moving_variance"):
                variable.assign(rng.uniform(0.5, 1, variable.shape))
    return model


def _write_for_tensorflow_js(model: Any, folder: Path) -> None:
    """Writes the variables under the names of the Keras of 2019."""
    branches = {"0": "branch1", "1": "branch2a", "2": "branch2b", "3": "branch2c"}
    old = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
    weights, values = [], []
    for layer in model.layers:
        if found := re.fullmatch(r"conv(\d)_block(\d)_(\d)_(conv|bn)", layer.name):
            stage, unit, number, kind = found.groups()
            old[layer.name] = f"{kind.replace('conv', 'res')}{stage}{'abcdef'[int(unit) - 1]}_{branches[number]}"
        for variable in layer.variables:
            weights.append({"name": f"{old[layer.name]}/{variable.name}", "shape": list(variable.shape)})
            values.append(np.asarray(variable))
    _write(folder, weights, values)


def _write(folder: Path, weights: list[dict[str, Any]], values: list[Any]) -> None:
    flat = b"".join(value.astype("<f4").tobytes() for value in values)
    shards = {"shard1.bin": flat[: len(flat) // 3], "shard2.bin": flat[len(flat) // 3 :]}
    for name, part in shards.items():
        (folder / name).write_bytes(part)
    manifest = [{"paths": list(shards), "weights": weights}]
    (folder / "model.json").write_text(json.dumps({"weightsManifest": manifest}), encoding="utf-8")
