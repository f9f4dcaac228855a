"""New keys and settings for a service that is running."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI

from .logs import set_level
from .settings import Settings, complaints, with_live

logger = logging.getLogger("serving")


def reload(app: FastAPI, read: Callable[[], Settings]) -> None:
    """Takes over the keys, and the settings that can change while serving; or says what is wrong, and keeps the old."""
    service = app.state.service
    try:
        settings, changed, fixed = with_live(service.settings, read())
        app.state.gate.reload(settings.security)
    except (OSError, ValueError) as error:
        logger.error("reload: everything stays as it was: %s", "; ".join(complaints(error)))
        return
    service.reload(settings)
    set_level(settings)
    logger.info("reload: keys: %d; changed: %s", len(app.state.gate.keys), ", ".join(changed) or "no settings")
    if fixed:
        logger.warning("reload: a new start is needed to change %s", ", ".join(fixed))
