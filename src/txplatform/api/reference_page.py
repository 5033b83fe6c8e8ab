"""The API reference at `/docs`: Swagger UI, served from files of this package."""

from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

FOLDER = Path(__file__).with_name("swagger_ui")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Allows no other host and no inline script. Swagger UI's own images are data URLs."""

_FILES = {path.name: path for path in FOLDER.iterdir()}

router = APIRouter(prefix="/docs", include_in_schema=False)


@router.get("")
async def read_page() -> FileResponse:
    """Return the HTML page, which loads Swagger UI and `/openapi.json`."""
    return FileResponse(
        _FILES["index.html"], headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


@router.get("/{name}")
async def read_file(name: str) -> FileResponse:
    """Return a file of Swagger UI."""
    if name not in _FILES:
        raise HTTPException(404)
    return FileResponse(_FILES[name], headers={"Cache-Control": "max-age=3600"})
