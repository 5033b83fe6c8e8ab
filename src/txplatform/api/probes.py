"""Probes of one process: alive, started, ready."""

from fastapi import APIRouter
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf
from txplatform.api.responses import json_response
from txplatform.contracts.probes import ProbeResponse

router = APIRouter(tags=["operations"])

EXAMPLES = (ProbeResponse("ready", ""),)


@router.get("/livez", response_model=ProbeResponse)
async def livez() -> Response:
    """The process responds."""
    return _probe(200, "alive", "")


@router.get(
    "/startupz",
    response_model=ProbeResponse,
    responses={503: {"model": ProbeResponse, "description": "The process has not started yet."}},
)
async def startupz(services: ServicesOf) -> Response:
    """The process has started; the same as ready."""
    return await readyz(services)


@router.get(
    "/readyz",
    response_model=ProbeResponse,
    responses={
        503: {
            "model": ProbeResponse,
            "description": "The process cannot decide; `detail` says why.",
        }
    },
)
async def readyz(services: ServicesOf) -> Response:
    """The process can decide: lanes run, the database responds, schema and rules are understood."""
    missing = await services.readiness.missing()
    return _probe(503, "not ready", missing) if missing else _probe(200, "ready", "")


def _probe(status_code: int, status: str, detail: str) -> Response:
    return json_response(ProbeResponse(status, detail), status_code)
