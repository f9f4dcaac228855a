"""The pages for people: one to try the service, one that documents it; all they need comes from here."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

_FOLDER = Path(__file__).parent / "static"
_HEADERS = {"Cache-Control": "no-cache"}  # keep, but ask whether it is still the same

router = APIRouter(include_in_schema=False)
static = StaticFiles(directory=_FOLDER)


@router.api_route("/", methods=["GET", "HEAD"])
async def index() -> FileResponse:
    return FileResponse(_FOLDER / "index.html", headers=_HEADERS)


@router.get("/docs")
async def docs() -> FileResponse:
    return FileResponse(_FOLDER / "docs.html", headers=_HEADERS)


@router.get("/favicon.ico")
async def icon() -> FileResponse:
    return FileResponse(_FOLDER / "icon.svg", headers=_HEADERS)
