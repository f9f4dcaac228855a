from __future__ import annotations

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from east.errors import ConversionError
from east.frameworks import tensorflow
from east.model.source import ModelSource
from east.options import RUNTIMES, DetectorOptions
from east.runtimes.conversion.artifacts import JOURNALS, Artifact, ArtifactCache

KEY = {"runtime": "test", "precision": "FP32", "weights": "abc"}

BUILD_SLOWLY = """
import sys, time
from pathlib import Path
from east.runtimes.conversion.artifacts import ArtifactCache

def build(folder, _):
    (folder / "half").write_bytes(b"1" * 1000)
    print("building", flush=True)
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    time.sleep(float(sys.argv[3]))
    (folder / "rest").write_bytes(b"2" * 1000)

artifact = ArtifactCache(Path(sys.argv[1])).get_or_build({"runtime": "test"}, lambda: None, build)
print(sorted(artifact.files))
"""


def read_weights() -> bytes:
    return b"weights"


def write_model(folder: Path, weights: bytes) -> None:
    (folder / "sub").mkdir()
    (folder / "model.bin").write_bytes(weights)
    (folder / "sub" / "graph.xml").write_text("<net/>")


def start(cache: Path, log: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD_SLOWLY, str(cache), str(log), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def cache(tmp_path: Path) -> ArtifactCache:
    return ArtifactCache(tmp_path / "cache")


def test_builds_once_and_then_finds(cache: ArtifactCache) -> None:
    first = cache.get_or_build(KEY, read_weights, write_model)
    assert first.files == {"model.bin": 7, "sub/graph.xml": 6}
    assert first.bytes == 13
    assert (first.folder / "model.bin").read_bytes() == b"weights"

    def fail(*_: object) -> None:
        raise AssertionError("built twice")

    assert cache.get_or_build(dict(reversed(KEY.items())), fail, fail) == first
    assert cache.entries() == [first]


@pytest.mark.parametrize("part", KEY)
def test_everything_in_the_key_matters(cache: ArtifactCache, part: str) -> None:
    first = cache.get_or_build(KEY, read_weights, write_model)
    other = cache.get_or_build({**KEY, part: "other"}, read_weights, write_model)
    assert first.folder != other.folder


@pytest.mark.parametrize("damage", ["truncated", "changed", "removed", "added", "manifest", "not a manifest"])
def test_a_damaged_artifact_is_built_again_with_a_warning(
    cache: ArtifactCache, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cache.get_or_build(KEY, read_weights, write_model).folder
    model = folder / "model.bin"
    match damage:
        case "truncated":
            model.write_bytes(b"weigh")
        case "changed":
            model.write_bytes(b"Weights")
        case "removed":
            model.unlink()
        case "added":
            (folder / "more").touch()
        case "manifest":
            (folder / "manifest.json").unlink()
        case "not a manifest":
            (folder / "manifest.json").write_text(json.dumps(["what"]))
    with caplog.at_level(logging.WARNING):
        artifact = cache.get_or_build(KEY, read_weights, write_model)
    assert "damaged" in caplog.text
    assert artifact.files == {"model.bin": 7, "sub/graph.xml": 6}
    assert model.read_bytes() == b"weights"


def test_a_failed_build_leaves_nothing_and_passes_its_error_on(cache: ArtifactCache) -> None:
    def fail(folder: Path, weights: bytes) -> None:
        write_model(folder, weights)
        raise ConversionError("no convolution converted")

    with pytest.raises(ConversionError, match="no convolution converted"):
        cache.get_or_build(KEY, read_weights, fail)
    assert cache.entries() == []
    assert [path for path in cache.folder.iterdir() if path.is_dir()] == []
    assert isinstance(cache.get_or_build(KEY, read_weights, write_model), Artifact)


def test_a_killed_build_leaves_the_cache_usable(tmp_path: Path) -> None:
    cache, log = tmp_path / "cache", tmp_path / "log"
    process = start(cache, log, 60)
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert ArtifactCache(cache).entries() == []
    again = start(cache, log, 0)
    output, _ = again.communicate()
    assert output == "building\n['half', 'rest']\n"


def test_two_processes_build_once(tmp_path: Path) -> None:
    processes = [start(tmp_path / "cache", tmp_path / "log", 1) for _ in range(2)]
    outputs = [process.communicate()[0] for process in processes]
    assert [output.splitlines()[-1] for output in outputs] == ["['half', 'rest']"] * 2
    assert (tmp_path / "log").read_text() == "built\n"


def test_what_a_process_killed_at_the_last_moment_left_is_no_artifact(cache: ArtifactCache) -> None:
    first = cache.get_or_build(KEY, read_weights, write_model)
    shutil.copytree(first.folder, first.folder.with_name("test-1234.partial"))
    assert cache.entries() == [first]


def test_clear_removes_what_has_lost_its_lock(cache: ArtifactCache) -> None:
    lock = Path(f"{cache.get_or_build(KEY, read_weights, write_model).folder}.lock")
    lock.unlink()
    (cache.folder / "others").mkdir()
    assert cache.clear() == 13
    assert list(cache.folder.iterdir()) == [cache.folder / "others"]


def test_clear_removes_what_was_compiled_beside_a_model(cache: ArtifactCache) -> None:
    artifact = cache.get_or_build(KEY, read_weights, write_model)
    artifact.kernels.mkdir()
    (artifact.kernels / "compiled").write_bytes(b"1234567")
    assert cache.entries() == [artifact]
    assert cache.get_or_build(KEY, read_weights, write_model) == artifact
    assert cache.clear() == 13 + 7
    assert list(cache.folder.iterdir()) == []


def test_clear_leaves_no_lock_and_no_journal_that_nobody_uses(cache: ArtifactCache) -> None:
    cache.get_or_build(KEY, read_weights, write_model)
    (cache.folder / "killed.partial").mkdir()
    (cache.folder / "killed.partial" / "half").write_bytes(b"12345")
    journals = cache.folder / JOURNALS
    journals.mkdir()
    for name in ("done", "running"):
        (journals / f"{name}.jsonl").write_bytes(b"0123456789")
    (journals / "killed.lock").touch()
    with FileLock(journals / "running.lock"):
        assert cache.clear() == 13 + 5 + 10
        assert list(cache.folder.iterdir()) == [journals]
        assert {path.name for path in journals.iterdir()} == {"running.jsonl", "running.lock"}
        assert cache.clear() == 0
    assert cache.clear() == 10
    assert list(journals.iterdir()) == []


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConversionError, match=r"file.*: Not a directory.*EAST_CACHE_DIR"):
        ArtifactCache(tmp_path / "file" / "cache").get_or_build(KEY, read_weights, write_model)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "weights.npz"), OSError(5, "I/O error")])
def test_an_error_of_reading_the_weights_is_not_the_caches(error: OSError, cache: ArtifactCache) -> None:
    def fail() -> bytes:
        raise error

    with pytest.raises(OSError, match=re.escape(str(error))) as raised:
        cache.get_or_build(KEY, fail, write_model)
    assert raised.value is error
    assert isinstance(cache.get_or_build(KEY, read_weights, write_model), Artifact)


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow", "xla"])
def test_no_runtime_takes_unreadable_weights_for_a_full_cache(
    runtime: str, source: ModelSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(source.path))

    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(ModelSource, "freeze", fail)
    with pytest.raises(PermissionError, match=re.escape(str(source.path))):
        import_module(f"east.runtimes.{runtime}").convert(source, DetectorOptions(precision="FP32"))


@pytest.mark.parametrize(
    "module", [*(f"east.runtimes.{name}" for name in RUNTIMES), "east.runtimes.conversion.artifacts"]
)
def test_raising_a_format_makes_another_artifact(
    module: str, source: ModelSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``FORMAT`` of a runtime, and that of freezing, which the cache's key has at hand."""
    tensorflow()
    from tensorflow.compiler import tf2tensorrt

    runtime = module.rpartition(".")[2] if "conversion" not in module else "openvino"
    get_or_build = ArtifactCache.get_or_build
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(
        ArtifactCache, "get_or_build", lambda cache, key, *_: get_or_build(cache, key, read_weights, write_model)
    )
    tensorrt = SimpleNamespace(get_loaded_tensorrt_version=lambda: (8, 6, 1))
    monkeypatch.setattr(tf2tensorrt, "_pywrap_py_utils", tensorrt, raising=False)

    def convert() -> Artifact:
        made: Artifact = import_module(f"east.runtimes.{runtime}").convert(source, DetectorOptions(precision="FP32"))
        return made

    first = convert()
    assert convert() == first
    monkeypatch.setattr(f"{module}.FORMAT", import_module(module).FORMAT + 1)
    assert convert().folder != first.folder
    assert len(ArtifactCache().entries()) == 2


def test_a_full_disk_names_the_way_out_and_leaves_nothing(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from east.errors import ConversionError
from east.runtimes.conversion.artifacts import ArtifactCache

resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    ArtifactCache(Path(sys.argv[1])).get_or_build(
        {}, lambda: bytes(100_000), lambda folder, weights: (folder / "model").write_bytes(weights)
    )
except ConversionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "EAST_CACHE_DIR" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_clear_removes_everything_but_what_is_being_built(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache")
    cache.get_or_build(KEY, read_weights, write_model)
    process = start(cache.folder, tmp_path / "log", 60)
    assert process.stdout is not None
    process.stdout.readline()
    assert cache.clear() == 13
    assert cache.entries() == []
    assert [path.suffix for path in cache.folder.iterdir() if path.is_dir()] == [".partial"]
    process.kill()
    process.wait()
    process.stdout.close()
    cache.clear()
    assert [path for path in cache.folder.iterdir() if path.is_dir()] == []


def test_the_folder_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    assert ArtifactCache().folder == tmp_path
    monkeypatch.delenv("EAST_CACHE_DIR")
    assert ArtifactCache().folder.name == "east-text-detector"
