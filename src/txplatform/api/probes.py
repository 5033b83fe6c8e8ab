"""Probes for one process: alive, started, ready."""

from fastapi import APIRouter
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf
from txplatform.api.responses import json_response
from txplatform.contracts.probes import ProbeResponse

router = APIRouter(tags=["operations"])

EXAMPLES = (ProbeResponse("ready", ""),)


@router.get("/livez", response_model=ProbeResponse)
async def livez() -> Response:
    """Report that the process responds."""
    return _probe(200, "alive", "")


@router.get("/startupz", response_model=ProbeResponse)
async def startupz() -> Response:
    """Report that the process has started. It need not be ready: an outage is no failed start."""
    return _probe(200, "started", "")


@router.get(
    "/readyz",
    response_model=ProbeResponse,
    responses={
        503: {
            "model": ProbeResponse,
            "description": "The process cannot decide purchases; `detail` says why.",
        }
    },
)
async def readyz(services: ServicesOf) -> Response:
    """Check everything that a decision needs: decider, database, schema and rules."""
    missing = await services.readiness.missing()
    if missing:
        return _probe(503, "not ready", missing)
    alarms = services.readiness.alarms
    return _probe(200, "ready", f"ALARM: {alarms}" if alarms else "")


def _probe(status_code: int, status: str, detail: str) -> Response:
    return json_response(ProbeResponse(status, detail), status_code)
