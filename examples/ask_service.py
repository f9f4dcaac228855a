"""Asks a running service for the words of files: ``python examples/ask_service.py http://localhost:8000 a.jpg …``."""

import sys

from serving.client import Client, ServiceError

url, *paths = sys.argv[1:] or ["http://localhost:8000", "demo/shop.jpg"]
with Client(url) as client:  # waits and asks again when the service is busy
    for path in paths:
        try:
            found = client.detect(path, score_threshold=0.8)
        except ServiceError as error:
            print(f"{path}: {error}", file=sys.stderr)
        else:
            print(f"{path}: {len(found.boxes)} words, found by {found.model['runtime']}")
