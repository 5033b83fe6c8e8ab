"""Probes and metrics: whether this process lives, has started, and can do its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import psycopg
import psycopg_pool
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf
from txplatform.eventstore.migrations import MigrationError, pending_migrations

if TYPE_CHECKING:
    from txplatform.api.services import Services

router = APIRouter(tags=["operations"])


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a probe found.

    Attributes:
        detail: What is wrong, for people.
    """

    status: str
    detail: str


@router.get("/livez", response_model=ProbeAnswer)
async def livez() -> Response:
    """The process answers."""
    return _answer(200, "alive", "")


@router.get("/startupz", response_model=ProbeAnswer, responses={503: {"model": ProbeAnswer}})
@router.get("/readyz", response_model=ProbeAnswer, responses={503: {"model": ProbeAnswer}})
async def readyz(services: ServicesOf) -> Response:
    """The process can decide: lanes run, the database answers, the schema is this version's."""
    wrong = await _what_is_wrong(services)
    return _answer(503, "not ready", wrong) if wrong else _answer(200, "ready", "")


@router.get("/metrics", response_class=Response)
async def metrics(services: ServicesOf) -> Response:
    """This process's metrics, in Prometheus text format."""
    return Response(generate_latest(services.registry), media_type=CONTENT_TYPE_LATEST)


async def _what_is_wrong(services: Services) -> str:
    if services.stopping.is_set():
        return "The process is stopping."
    if not services.decider.running:
        return "A decision lane has ended; restart the process."
    try:
        pending = await services.query(pending_migrations)
    except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
        return f"The database cannot be used: {type(error).__name__}."
    except MigrationError as error:
        return str(error)
    if pending:
        return "The schema is older than this version; run `txplatform migrate`."
    return ""


def _answer(status_code: int, status: str, detail: str) -> Response:
    return Response(
        orjson.dumps(ProbeAnswer(status, detail)), status_code, media_type="application/json"
    )
