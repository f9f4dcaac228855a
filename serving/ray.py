"""The service as replicas of a Ray Serve application: ``python -m serving --ray`` or ``serve run serving.ray:build``.

Each replica is the application of `serving.app` with a detector and a scheduler of its own. It takes no request before
the detector is loaded and warm, and ends with its process where the runtime fails, so that Ray starts another.
Ray's proxies speak HTTP in place of `serving.connection`: what that sees to, they do not.
"""

from __future__ import annotations

import asyncio
import logging
import logging.config
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from prometheus_client.metrics_core import Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from east.cores import take_short_turns
from east.errors import MissingPackageError
from east.extras import require

from . import tracing
from .app import create_app
from .auth import Limit, own_limit, readable_keys
from .cluster_state import ClusterLimit, Patient, SharedState, UnreachableError, merged
from .garbage import keep_what_there_is
from .logs import logging_config
from .memory import affordable_pixels
from .settings import ClusterSettings, complaints, ignored_variables

logger = logging.getLogger("serving")

APPLICATION = "east"
NAMESPACE = "east"
STATE = "shared-state-1"
"""The actor of `SharedState`; the number rises when its methods change."""

_ASK_SECONDS = 0.5
_TELL_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
_MARGIN_SECONDS = 10
_OBJECTS = 256 * 2**20
"""Bytes of shared memory of a cluster that is there for one service: requests pass by without it."""


def build(args: dict[str, Any]) -> Any:
    """Makes the application for ``serve run`` and for a Serve config.

    Args:
        args: settings by their names, ``precision=INT8 limits.image-bytes=1000000``, or in groups as in YAML;
            those of the environment hold where they are not given.

    Raises:
        ValueError: settings that are wrong; the message names all.
    """
    try:
        return application(settings_of(args))
    except (OSError, ValueError) as error:
        raise ValueError("; ".join(complaints(error))) from error


def settings_of(args: Mapping[str, Any]) -> ClusterSettings:
    """The settings that the arguments of `build` mean. Raises ``OSError`` or ``ValueError`` for wrong ones."""
    given: dict[str, Any] = {}
    for name, value in args.items():
        group = given
        *path, last = name.replace("-", "_").split(".")
        for part in path:
            group = group.setdefault(part, {})
        group[last] = value
    return ClusterSettings(**{**given, "ray": True})


def application(settings: ClusterSettings) -> Any:
    """Makes the application, of which each replica has all its settings from here.

    Raises ``ValueError`` for keys that cannot be read, `MissingPackageError` where Ray is not installed.
    """
    require("ray", "the service on Ray")
    from ray import serve as ray_serve

    settings = portable(settings)

    def make() -> ASGIApp:
        return replica(settings)

    @ray_serve.ingress(make)
    class EastDetector:
        """The deployment."""

        app: ReplicaApplication

        async def check_health(self) -> None:
            """Raises when the replica is to be replaced."""
            self.app.check_health()

    deadline = max(settings.shutdown_seconds, settings.queue.deadline_seconds)
    scale: dict[str, Any] = {"num_replicas": settings.replicas}
    if settings.replicas == "auto":
        scale["autoscaling_config"] = {
            "min_replicas": settings.least_replicas,
            "max_replicas": settings.most_replicas,
            "target_ongoing_requests": settings.requests_per_replica,
        }
    return ray_serve.deployment(
        EastDetector,
        name="detector",
        max_ongoing_requests=settings.limits.connections,
        max_queued_requests=settings.limits.connections,
        graceful_shutdown_timeout_s=deadline + _MARGIN_SECONDS,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=5,
        ray_actor_options={"num_cpus": settings.cpus_per_replica, "num_gpus": settings.gpus_per_replica},
        logging_config={"encoding": "JSON", "enable_access_log": False},
        **scale,
    ).bind()


def portable(settings: ClusterSettings) -> ClusterSettings:
    """The settings as they hold on any machine: keys in place of a file, threads as many as a replica has cores.

    Raises ``ValueError`` for keys that cannot be read.
    """
    security = settings.security
    keys = security.model_copy(update={"keys": readable_keys(security), "keys_file": None})
    update: dict[str, Any] = {"security": keys}
    if settings.threads is None and not settings.gpus_per_replica:  # type: ignore[attr-defined]
        update["threads"] = settings.cpus_per_replica
    return settings.model_copy(update=update)


def replica(settings: ClusterSettings) -> ReplicaApplication:
    """In a replica's process: the application, connected with the others of the cluster."""
    import ray
    from ray import serve as ray_serve

    logging.raiseExceptions = False
    logging.config.dictConfig(logging_config(settings))
    take_short_turns()
    tracing.configure()
    if "pixels" not in settings.limits.model_fields_set:  # by the memory of this machine
        limits = settings.limits.model_copy(update={"pixels": affordable_pixels()})
        settings = settings.model_copy(update={"limits": limits})
    state = ray.remote(SharedState).options(
        name=STATE, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, max_restarts=-1, num_cpus=0
    )
    found: list[Any] = []

    def ask(method: str, *args: Any) -> Any:
        if not found:
            found.append(state.remote())
        try:
            return ray.get(getattr(found[0], method).remote(*args), timeout=_ASK_SECONDS)
        except ray.exceptions.ActorDiedError:
            found.clear()  # somebody has taken it away: make it anew
            raise

    name = ray_serve.get_replica_context().replica_id.unique_id
    return ReplicaApplication(settings, name, ray.util.get_node_ip_address(), Patient(ask), keep_what_there_is)


class ReplicaApplication:
    """The service's application as a replica runs it: started once it is ready, ended where the runtime fails.

    Args:
        settings: of all replicas.
        name: of this replica.
        node: address of its node.
        state: asks the actor of the cluster; without it the replica is alone.
        loaded: called in a thread when all is loaded and warm.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        name: str,
        node: str,
        state: Patient | None = None,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._node = node
        self._state = state
        self._ready = False
        limit: Callable[[str, int], Limit] = own_limit
        if state is not None:
            limit = partial(ClusterLimit, state=state)
        self._fastapi = create_app(settings, on_failure=self._failed, limit=limit, cores=settings.cpus_per_replica)
        self._service = self._fastapi.state.service
        self._service.loaded = loaded
        self._metrics = self._fastapi.state.metrics
        self._metrics.told = self._told
        proxies = list(map(str, settings.security.trusted_proxies))
        asgi: Any = self._fastapi
        self._app: Any = ProxyHeadersMiddleware(asgi, proxies) if proxies else asgi
        self._stopped = threading.Event()

    def check_health(self) -> None:
        """Raises ``RuntimeError`` when this replica is to be replaced by another."""
        if self._service.failure is not None:
            raise RuntimeError(self._service.failure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_when_ready(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._service.started()
                if self._service.failure is not None:
                    await send({"type": "lifespan.startup.failed", "message": self._service.failure})
                    return
                self._ready = True
                threading.Thread(target=self._tell, name="tell", daemon=True).start()
            elif message["type"] == "lifespan.shutdown.complete":
                self._stopped.set()
                await asyncio.to_thread(tracing.flush)
            await send(message)

        await self._fastapi(scope, receive, send_when_ready)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tells the application of a client that has gone as ASGI does; Ray cancels what answers."""
        gone = asyncio.Event()

        async def receive_or_gone() -> Message:
            leaving = asyncio.ensure_future(gone.wait())
            message = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({leaving, message}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                leaving.cancel()
                message.cancel()

        answering = asyncio.ensure_future(self._app(scope, receive_or_gone, send))
        try:
            await asyncio.shield(answering)
        except asyncio.CancelledError:
            gone.set()
            with suppress(Exception):
                await answering
            raise

    def _failed(self) -> None:
        """Ends the process once what waits for it has been answered, so that nothing more is sent here."""
        if self._ready:
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, os._exit, 1)

    def _tell(self) -> None:
        while not self._stopped.is_set():
            with suppress(UnreachableError):
                if self._state is not None:
                    self._state("tell", self._name, self._own())
            self._stopped.wait(_TELL_SECONDS)

    def _own(self) -> bytes:
        return pickle.dumps((self._node, list(self._metrics.registry.collect())))

    def _told(self) -> Iterable[Metric]:
        """The metrics of all replicas; of this one as they are now."""
        others: Mapping[str, bytes] = {}
        with suppress(UnreachableError):
            if self._state is not None:
                others = self._state("told")
        told = {name: pickle.loads(text) for name, text in {**others, self._name: self._own()}.items()}  # noqa: S301
        return merged(
            {name: metrics for name, (_, metrics) in told.items()}, {name: node for name, (node, _) in told.items()}
        )


def serve(settings: ClusterSettings, program: str) -> int:
    """Serves on a cluster until told to stop. Returns the exit status.

    Args:
        settings: what the operator has set.
        program: what this command is called.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        require("ray", "--ray")
    except MissingPackageError as error:
        sys.stderr.write(f"{program}: {error}\n")
        return 1
    import ray
    from ray import serve as ray_serve
    from ray.serve.config import HTTPOptions

    logging.config.dictConfig(logging_config(settings))
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    for line in ignored_variables(os.environ):
        logger.warning("%s", line)
    address = settings.ray_address or os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {} if address else {"include_dashboard": False, "object_store_memory": _OBJECTS}
    limits = settings.limits
    try:
        ray.init(address or "local", namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING, **own)
        ray_serve.start(
            proxy_location="EveryNode",
            http_options=HTTPOptions(
                host=settings.host,
                port=settings.port,
                request_timeout_s=limits.body_seconds + settings.queue.deadline_seconds + limits.answer_seconds,
            ),
            logging_config={"encoding": "JSON", "enable_access_log": False},
        )
        ray_serve.run(application(settings), name=APPLICATION, route_prefix="/")
    except (ConnectionError, RuntimeError, ValueError) as error:
        logger.critical("the service cannot be started on Ray: %s", str(error).strip())
        ray.shutdown()
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # only now: Ray has put its own there
        signal.signal(number, lambda *_: stop.set())
    logger.info("%s replicas running on http://%s:%d", settings.replicas, settings.host, settings.port)
    stop.wait()
    logger.info("stopping")
    ray_serve.delete(APPLICATION)
    if not address:
        ray_serve.shutdown()
    ray.shutdown()
    return 0
