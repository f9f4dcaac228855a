"""``python -m serving.health``: whether the service with the settings of this environment is ready, as exit status.

A container's health check: it asks the admin port where there is one.
"""

from __future__ import annotations

import http.client
import sys

from .settings import Settings

_SECONDS = 4
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- nothing is bound here


def main() -> int:
    """Asks ``/readyz``. Returns the exit status: 0 for a service that is ready, else 1."""
    settings = Settings()
    host, port = settings.host, settings.port
    if settings.admin_port is not None:
        host, port = settings.admin_host or host, settings.admin_port
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host), port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status == http.client.OK:
            return 0
        trouble = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        trouble = str(error) or repr(error)
    finally:
        connection.close()
    sys.stderr.write(f"not ready on port {port}: {trouble}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
