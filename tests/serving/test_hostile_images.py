"""Images made to hurt: each has the right answer, and the service goes on with no more memory than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.serving.hostile_images import Hostile, images

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


@pytest.fixture(scope="module")
def corpus() -> list[Hostile]:
    return images()


def test_every_hostile_image_has_its_status(client: httpx.Client, corpus: list[Hostile]) -> None:
    assert len(corpus) >= 600
    assert len({image.name for image in corpus}) == len(corpus)
    wrong = []
    for image in corpus:
        answer = client.post("/detect?tiling=off&max_side=64", content=image.data)  # decoding costs enough
        if answer.status_code not in image.statuses:
            wrong.append((image.name, answer.status_code, answer.text[:200]))
        if answer.status_code != 200 and answer.headers["content-type"] != "application/problem+json":
            wrong.append((image.name, answer.status_code, answer.headers["content-type"]))
    assert wrong == []
    assert client.get("/readyz").status_code == 200


def resident(client: httpx.Client) -> float:
    """Bytes of memory the server's process has."""
    text = client.get("/metrics").text
    return float(text.partition("\nprocess_resident_memory_bytes ")[2].split("\n")[0])


def test_memory_stays_bounded(serve: Serve, corpus: list[Hostile]) -> None:
    refused = [image.data for image in corpus if 200 not in image.statuses]
    with serve() as client:
        for data in refused:
            client.post("/detect", content=data)
        before = resident(client)
        for _ in range(3):
            for data in refused:
                client.post("/detect", content=data)
        assert resident(client) - before < 32 * 2**20
