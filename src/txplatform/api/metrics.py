"""`GET /metrics`: the metrics of one API process, in Prometheus text format."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, response_description="Prometheus text format.")
async def metrics(services: ServicesOf) -> Response:
    """Return this process's metrics. If processes share a port, the process number is a label."""
    return Response(generate_latest(services.registry), media_type=CONTENT_TYPE_LATEST)
