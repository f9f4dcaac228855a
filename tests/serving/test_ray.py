"""What replicas are told, and when they are ready or to be replaced; `tests/test_on_ray.py` has them on a cluster."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from east import TextDetector
from serving.auth import key_hash
from serving.ray import ReplicaApplication, portable, settings_of
from serving.settings import ClusterSettings, complaints

KEY = f"anna:{key_hash('k')}"


def test_arguments_are_settings_by_name_or_in_groups() -> None:
    flat = settings_of({"precision": "INT8", "limits.image-bytes": "1000", "replicas": "auto", "warm-up": "64x96"})
    grouped = settings_of(
        {"precision": "INT8", "limits": {"image_bytes": 1000}, "replicas": "auto", "warm_up": "64x96"}
    )
    assert flat == grouped
    assert (flat.limits.image_bytes, flat.replicas, flat.ray) == (1000, "auto", True)
    assert flat.detector_options().precision == "INT8"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ray": True, "replicas": 0}, "--replicas"),
        ({"ray": True, "gpus_per_replica": -1}, "--gpus-per-replica: "),
        ({"replicas": 2}, "--replicas needs --ray"),
        ({"cpus_per_replica": 2}, "--cpus-per-replica needs --ray"),
        ({"ray": True, "least_replicas": 3, "most_replicas": 2}, "--least-replicas (3) must not be over"),
        ({"ray": True, "admin_port": 9000}, "--admin-port is not for --ray"),
        ({"text_threshold": 0.5}, "--text-threshold needs --recogniser"),
        ({"padding": 0.1, "recogniser": "none"}, "--padding needs --recogniser"),
    ],
)
def test_wrong_settings_are_named_by_their_flags(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        ClusterSettings(**given)
    assert told in complaints(caught.value)[0]


def test_settings_reach_other_machines_whole(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\n")
    told = {"security.keys_file": tmp_path / "keys", "security.trusted_proxies": "10.0.0.0/8", "limits.boxes": 7}
    settings = portable(settings_of({**told, "cpus_per_replica": 3, "max_side": 640}))
    (tmp_path / "keys").unlink()
    there: ClusterSettings = pickle.loads(pickle.dumps(settings))  # noqa: S301
    assert there == settings
    assert there.security.keys == [KEY]
    assert there.security.keys_file is None
    assert there.detector_options().threads == 3
    assert there.detector_options().max_boxes == 7
    assert "pixels" not in there.limits.model_fields_set  # each machine has a memory of its own
    assert portable(settings_of({"threads": 5, "cpus_per_replica": 3})).detector_options().threads == 5
    assert portable(settings_of({"gpus_per_replica": 0.5})).detector_options().threads is None


class Lifespan:
    """A server's side of the lifespan protocol."""

    def __init__(self, application: ReplicaApplication) -> None:
        self.told: asyncio.Queue[Message] = asyncio.Queue()
        self.asked: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "state": {}}
        self._running = asyncio.ensure_future(application(scope, self.asked.get, self.told.put))

    async def say(self, what: str) -> Message:
        await self.asked.put({"type": what})
        return await asyncio.wait_for(self.told.get(), 60)

    async def end(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


def test_a_replica_has_started_when_it_is_ready(detector: TextDetector) -> None:
    async def run() -> None:
        settings = settings_of({"precision": "FP32", "warm_up": "32x32", "threads": 1})
        application = ReplicaApplication(settings, "a", "1.2.3.4")
        lifespan = Lifespan(application)
        assert (await lifespan.say("lifespan.startup"))["type"] == "lifespan.startup.complete"
        application.check_health()
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        base = {"type": "http", "method": "GET", "headers": [], "query_string": b"", "client": ("1.1.1.1", 1)}
        for path in ("/readyz", "/metrics"):
            await application({**base, "path": path, "raw_path": path.encode()}, receive, send)
        assert [message["status"] for message in sent if "status" in message] == [200, 200]
        assert b'east_ready{node="1.2.3.4",replica="a"} 1.0' in b"".join(message.get("body", b"") for message in sent)
        assert (await lifespan.say("lifespan.shutdown"))["type"] == "lifespan.shutdown.complete"

    asyncio.run(run())


def test_a_replica_that_cannot_load_does_not_start() -> None:
    async def run() -> None:
        application = ReplicaApplication(settings_of({"weights": "nowhere", "warm_up": "32x32"}), "a", "1.2.3.4")
        lifespan = Lifespan(application)
        answer = await lifespan.say("lifespan.startup")
        assert answer["type"] == "lifespan.startup.failed"
        assert "nowhere" in answer["message"]
        with pytest.raises(RuntimeError, match="nowhere"):
            application.check_health()
        await lifespan.say("lifespan.shutdown")
        await lifespan.end()

    asyncio.run(run())
