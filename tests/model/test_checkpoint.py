"""Reading and writing variables: real TensorFlow 1 checkpoints, bundles, and damaged ones of both."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from east.errors import CheckpointError, WeightsError
from east.frameworks import tensorflow
from east.model.architecture import variable_shapes
from east.model.checkpoint import (
    AVERAGE,
    Variables,
    checkpoint_prefix,
    network_variables,
    read_arrays,
    read_variables,
    write_bundle,
    write_checkpoint,
)
from east.model.source import ModelSource

tf = tensorflow()
v1 = tf.compat.v1


@pytest.fixture
def few(variables: Variables) -> Variables:
    """Some variables, for tests in which the others would only be weight."""
    return {name: array for name, array in variables.items() if name.startswith("feature_fusion/Conv_6/")}


@pytest.fixture
def written(few: Variables, tmp_path: Path) -> Path:
    """The prefix of a small checkpoint."""
    write_checkpoint(tmp_path / "written" / "model.ckpt-3", few, global_step=3)
    return tmp_path / "written" / "model.ckpt-3"


def test_the_family_checkpoint_gives_its_averages(checkpoint: Path, variables: Variables) -> None:
    reader = tf.train.load_checkpoint(str(checkpoint))
    names = reader.get_variable_to_shape_map()
    assert len(names) == 867
    assert sum(name.endswith(AVERAGE) for name in names) == 186
    raw = reader.get_tensor("feature_fusion/Conv_8/biases")

    read = read_variables(checkpoint)

    assert set(read) == set(variables)
    assert all(array.dtype == np.float32 for array in read.values())
    for name, array in variables.items():
        np.testing.assert_array_equal(read[name], array)
    average = read["feature_fusion/Conv_8/biases"]
    assert (np.abs(raw / average - 1) > 0.1).all()


def test_raw_values_count_where_there_is_no_average(few: Variables, tmp_path: Path) -> None:
    average = {"feature_fusion/Conv_6/weights": few["feature_fusion/Conv_6/weights"] + 1}
    write_checkpoint(tmp_path / "model", few, averages=average)
    read = read_arrays(tmp_path / "model")
    np.testing.assert_array_equal(read["feature_fusion/Conv_6/weights"], average["feature_fusion/Conv_6/weights"])
    np.testing.assert_array_equal(
        read["feature_fusion/Conv_6/BatchNorm/beta"], few["feature_fusion/Conv_6/BatchNorm/beta"]
    )


def test_a_checkpoint_of_averages_alone_is_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", {}, averages={"a/weights": np.ones(3)})
    np.testing.assert_array_equal(read_arrays(tmp_path / "model")["a/weights"], np.ones(3))


def test_tensorflow_restores_what_is_written(few: Variables, written: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        restored = {name: v1.get_variable(name, array.shape, use_resource=False) for name, array in few.items()}
        step = v1.get_variable("global_step", [], use_resource=False)
        assert tf.train.latest_checkpoint(str(written.parent)) == str(written)
        v1.train.Saver().restore(session, str(written))
        for name, variable in restored.items():
            np.testing.assert_array_equal(session.run(variable), few[name])
        assert session.run(step) == 3


def test_the_first_format_of_checkpoints_is_read(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("a/weights", [2, 3], initializer=tf.ones_initializer(), use_resource=False)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        saver.save(session, str(tmp_path / "model"))
    for path in (tmp_path / "model", tmp_path):
        np.testing.assert_array_equal(read_arrays(path)["a/weights"], np.ones((2, 3)))


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001", ".meta"])
def test_prefix_from_any_of_the_files(written: Path, suffix: str) -> None:
    assert checkpoint_prefix(f"{written}{suffix}") == written


def test_a_folder_means_its_latest_checkpoint(
    few: Variables, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(written.with_name("model.ckpt-12"), few)
    assert checkpoint_prefix(written.parent).name == "model.ckpt-12"
    moved = tmp_path / "moved"
    shutil.move(written.parent, moved)
    (moved / "checkpoint").write_text('model_checkpoint_path: "/machine/that/trained/model.ckpt-3"\n')
    assert checkpoint_prefix(moved) == moved / "model.ckpt-3"
    monkeypatch.chdir(tmp_path)
    assert checkpoint_prefix("moved") == Path("moved/model.ckpt-3")


def test_a_folder_without_a_clear_answer_says_so(few: Variables, written: Path, tmp_path: Path) -> None:
    write_checkpoint(written.with_name("model.ckpt-12"), few)
    (written.parent / "checkpoint").unlink()
    with pytest.raises(WeightsError, match="holds 2, and no file 'checkpoint'"):
        checkpoint_prefix(written.parent)
    with pytest.raises(WeightsError, match="it holds none"):
        checkpoint_prefix(tmp_path)
    with pytest.raises(WeightsError, match=r"there is no file .*absent\.index"):
        checkpoint_prefix(tmp_path / "absent")


def test_missing_and_misshaped_variables_are_listed(variables: Variables, tmp_path: Path) -> None:
    wrong = {name: array for name, array in variables.items() if "BatchNorm" not in name}
    wrong["feature_fusion/Conv_8/biases"] = np.zeros(8, np.float32)
    write_bundle(tmp_path / "wrong.npz", wrong)
    with pytest.raises(CheckpointError) as error:
        read_variables(tmp_path / "wrong.npz")
    message = str(error.value)
    assert message.startswith(str(tmp_path / "wrong.npz"))
    assert "241 of 306" in message
    assert "resnet_v1_50/conv1/BatchNorm/gamma is missing" in message
    assert message.endswith("and 236 more")
    assert "\n" not in message


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [truncate, flip, empty])
@pytest.mark.parametrize(("suffix", "named"), [(".index", ".index"), (".data-00000-of-00001", ".data-*")])
def test_a_damaged_checkpoint_is_named(
    written: Path, suffix: str, named: str, damage: Callable[[bytes], bytes]
) -> None:
    file = Path(f"{written}{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(WeightsError) as error:
        read_arrays(written)
    assert f"{written}{named}" in str(error.value)
    assert "damaged" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", [truncate, flip, empty])
def test_a_damaged_bundle_is_named(few: Variables, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "weights.npz"
    write_bundle(path, few)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError) as error:
        read_arrays(path)
    assert str(error.value).startswith(f"{path} is damaged")
    assert "\n" not in str(error.value)


def single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def other_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("a.npy", b"not an array")


def more_than_memory(path: Path) -> None:
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(header, shape)  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("a.npy", header.getvalue())


@pytest.mark.parametrize("write", [single_array, other_members, more_than_memory])
def test_what_only_looks_like_a_bundle_is_named(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "weights.npz"
    write(path)
    with pytest.raises(WeightsError, match=r"weights\.npz is damaged or not a bundle of weights"):
        read_arrays(path)


@pytest.mark.parametrize("suffix", [".onnx", ".ONNX", ".xml", ".engine", ".pt"])
def test_networks_of_other_formats_are_no_source_of_weights(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"east{suffix}"
    path.write_bytes(b"whatever")
    with pytest.raises(WeightsError, match=rf"east{suffix} is no source of weights: give what it was made of"):
        read_arrays(path)
    with pytest.raises(WeightsError, match="is no source of weights"):
        ModelSource.find(path)


def test_a_bundle_holds_halves_and_keeps_the_rest(few: Variables, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    write_bundle(path, few)
    with np.load(path) as bundle:
        assert bundle["feature_fusion/Conv_6/weights"].dtype == np.float16
        assert bundle["feature_fusion/Conv_6/BatchNorm/gamma"].dtype == np.float32
    read = read_arrays(path)
    for name, array in few.items():  # the bundled weights are halves already
        np.testing.assert_array_equal(read[name], array)


def test_a_bundle_refuses_what_halves_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a/weights holds values that float16 does not"):
        write_bundle(tmp_path / "weights.npz", {"a/weights": np.full((1, 1, 1, 1), 1e6)})
    assert not any(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(few: Variables, tmp_path: Path) -> None:
    (tmp_path / "model.index").mkdir()
    with pytest.raises(OSError, match=r"model\.index"):
        write_checkpoint(tmp_path / "model", few)
    assert not (tmp_path / "checkpoint").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("named", ["a[1]/model", "a*?/mo[d]el", "back\\slash/mo*el", "plain/mo[a-z]el"])
def test_names_are_no_patterns(named: str, few: Variables, tmp_path: Path) -> None:
    prefix = tmp_path / named
    write_checkpoint(prefix, few)
    write_checkpoint(prefix.with_name("model-other"), {"x": np.zeros(1)})
    for path in (prefix, Path(f"{prefix}.index")):
        assert read_arrays(path).keys() == {*few, "global_step"}


def test_a_first_format_checkpoint_may_have_any_name(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("a/weights", [2, 3], initializer=tf.ones_initializer(), use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=v1.train.SaverDef.V1).save(session, str(tmp_path / "model"))
    (tmp_path / "x[1]").mkdir()
    (tmp_path / "model").rename(tmp_path / "x[1]" / "mo*")
    np.testing.assert_array_equal(read_arrays(tmp_path / "x[1]" / "mo*")["a/weights"], np.ones((2, 3)))


@pytest.mark.parametrize("scope", ["model_0/", "tower_0/", "module/", "outer/inner/"])
def test_a_scope_around_all_variables_is_taken_off(scope: str, variables: Variables, tmp_path: Path) -> None:
    averages = {f"{scope}feature_fusion/Conv_8/biases": np.full(4, 2.0)}
    others = {f"{scope}feature_fusion/Conv_8/weights/Adam": np.zeros((1, 1, 32, 4)), "learning_rate": np.zeros(())}
    scoped = {f"{scope}{name}": value for name, value in variables.items()}
    write_checkpoint(tmp_path / "model", scoped | others, averages=averages)
    read = read_variables(tmp_path / "model")
    assert list(read) == list(variable_shapes())
    np.testing.assert_array_equal(read["feature_fusion/Conv_8/biases"], np.full(4, 2.0))
    np.testing.assert_array_equal(read["resnet_v1_50/conv1/weights"], variables["resnet_v1_50/conv1/weights"])


def test_of_two_scopes_none_is_chosen(variables: Variables) -> None:
    scoped = {f"{scope}{name}": value for name, value in variables.items() for scope in ("a/", "b/")}
    with pytest.raises(CheckpointError, match="has the network more than once, in a/ and b/: keep one of them"):
        network_variables(scoped, "model")
    assert network_variables(scoped | variables, "model").keys() == variables.keys()


def test_variables_that_do_not_fit_within_a_scope_are_named_with_it(variables: Variables) -> None:
    scoped = {f"module/{name}": value for name, value in variables.items()}
    del scoped["module/feature_fusion/Conv_9/biases"]
    with pytest.raises(CheckpointError, match="1 of 306 variables do not fit: module/feature_fusion/Conv_9/biases is"):
        network_variables(scoped, "model")
    with pytest.raises(CheckpointError, match=r"306 of 306 .*what it has is called other/x, other/y and so on"):
        network_variables({"other/x": np.zeros(1), "other/y": np.zeros(1)}, "model")


def test_averages_made_in_a_scope_of_their_own_are_averages(few: Variables, tmp_path: Path) -> None:
    averages = {f"train/{name}": value + 1 for name, value in few.items() if name.endswith("weights")}
    write_checkpoint(tmp_path / "model", few, averages=averages)
    read = read_arrays(tmp_path / "model")
    assert read.keys() == {*few, "global_step"}
    for name, value in few.items():
        np.testing.assert_array_equal(read[name], value + name.endswith("weights"))


def test_a_checkpoint_of_objects_is_read_by_the_names_of_its_variables(variables: Variables, tmp_path: Path) -> None:
    """TensorFlow 2 keeps variables by their places in a program, and their names beside that."""
    keras = {"weights": "kernel", "biases": "bias"}
    for number, renamed in enumerate((False, True)):  # under the names of TensorFlow 1, and those of this Keras network
        kept = []
        for name, value in variables.items():
            scope, _, last = name.rpartition("/")
            other = f"{scope.replace('/', '.')}/{keras.get(last, last)}"
            kept.append(tf.Variable(value, name=other if renamed else name))
        prefix = tf.train.Checkpoint(places=kept, step=tf.Variable(3)).write(str(tmp_path / f"model-{number}"))
        read = read_variables(prefix)
        for name, value in variables.items():
            np.testing.assert_array_equal(read[name], value)


def test_a_checkpoint_of_other_objects_says_what_it_has(tmp_path: Path) -> None:
    two = [tf.Variable(1.0, name="kernel"), tf.Variable(2.0, name="kernel")]
    prefix = tf.train.Checkpoint(layers=two).write(str(tmp_path / "model"))
    with pytest.raises(CheckpointError, match=r"what it has is called layers/0/.*, layers/1/.* and so on"):
        read_variables(prefix)


def test_a_missing_part_is_named(few: Variables, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", few)
    shard = tmp_path / "model.data-00000-of-00001"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(WeightsError, match=f"the checkpoint .* is not whole: there is no file {shard}"):
        read_arrays(tmp_path / "model")
    (tmp_path / "model.data-00001-of-00002").write_bytes(content)
    with pytest.raises(WeightsError, match=r"there is no file .*model.data-00000-of-00002"):
        read_arrays(tmp_path / "model.data-00001-of-00002")
    (tmp_path / "model.meta").touch()
    (tmp_path / "model.index").unlink()
    for path in (tmp_path / "model", tmp_path / "model.meta"):
        with pytest.raises(WeightsError, match=r"no checkpoint at .*: there is no file .*model.index"):
            read_arrays(path)


def test_the_file_that_names_the_latest_means_its_folder(written: Path) -> None:
    assert checkpoint_prefix(written.with_name("checkpoint")) == written
