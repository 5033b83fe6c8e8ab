"""A service: its parts, and the process that runs them."""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector
from starlette.types import ASGIApp

from txbank.database import Database
from txbank.errors import TxBankError
from txbank.http_app import Edge, create_app
from txbank.inbox import Handler, Subscriber
from txbank.outbox import Publisher
from txbank.part import Health, Part, Worker
from txbank.problems import ProblemType
from txbank.schema import Schema
from txbank.settings import CommonSettings, ServiceSettings, load

_KEEP_ALIVE_S = 75
"""Longer than the idle time-out of common load balancers."""

_GRACEFUL_S = 5


class CannotListenError(TxBankError):
    """The address is in use, or is not an address of this host."""


@dataclass(frozen=True)
class Service:
    """One service of the bank. What all services have comes from the frame, this package's modules.

    Attributes:
        name: The name of its command, and the first part of its scopes.
        settings: The class of its own settings.
        scopes: The scopes that its API keys can have.
        migrations: The folder with the revisions of its database.
        routers: Its endpoints. They find `database` in `request.app.state`.
        problems: The problem type of each error of its domain.
        handlers: The handler of each topic that it consumes.
        prepare: Adds to the application what else its endpoints need; returns further workers.
    """

    name: str
    settings: type[ServiceSettings]
    scopes: tuple[str, ...]
    migrations: Path
    routers: Sequence[APIRouter]
    problems: Mapping[type[TxBankError], ProblemType]
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    prepare: Callable[[FastAPI, CommonSettings, Any], Sequence[Worker]] = lambda *_: ()

    @property
    def schema(self) -> Schema:
        """The schema of its database."""
        return Schema(self.migrations)


class RunningService:
    """The parts of one service in this process, which share its database and metrics."""

    def __init__(self, service: Service, common: CommonSettings) -> None:
        settings = load(service.settings)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._database = Database(
            settings.service_url, service.name, connections=settings.database_connections
        )
        self._schema = service.schema
        self._workers: list[Worker] = [Publisher(service.name, self._database, common, registry)]
        if service.handlers:
            self._workers.append(
                Subscriber(service.name, self._database, common, registry, service.handlers)
            )
        app = create_app(service.name, service.routers, service.problems, registry, self._health)
        app.state.database = self._database
        app.state.registry = registry
        self._workers += service.prepare(app, common, settings)
        self._database.open()
        self._api = Api(service.name, Edge(app, registry, common.slow_request_ms), settings)
        self.parts: list[Part] = [self._api, *self._workers]

    def close(self) -> None:
        """Close the connections, after the parts have stopped."""
        self._database.close()

    @property
    def url(self) -> str:
        """The address at which the service listens."""
        return self._api.url

    def _health(self) -> tuple[bool, Mapping[str, Health]]:
        """Return whether requests can be served, and the health of the database and the workers.

        Requests need the database only. While the brokers are away, messages wait in the outbox.
        """
        try:
            with self._database.transaction() as connection:
                current = self._schema.is_current(connection)
        except psycopg.Error as error:
            database = Health(ready=False, detail=f"unavailable: {type(error).__name__}")
        else:
            detail = "" if current else "older than this version; run `txbank migrate`"
            database = Health(ready=current, detail=detail)
        workers = {worker.name: worker.health for worker in self._workers}
        return database.ready, {"database": database, **workers}


class Api:
    """The HTTP server of one service, in a thread of its own."""

    def __init__(self, service: str, app: ASGIApp, settings: ServiceSettings) -> None:
        self.name = f"{service} api"
        address = (settings.host, settings.port)
        try:
            self._socket = socket.create_server(
                address,
                family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
                backlog=2048,
                dualstack_ipv6=settings.host == "::",
            )
        except (OSError, UnicodeError) as error:
            raise CannotListenError(
                f"The {service} service cannot listen on {settings.host}:{settings.port}.",
                why=f"{getattr(error, 'strerror', None) or error}.",
                next_step=f"Set TXBANK_{service.upper()}_PORT to a free port, and TXBANK_"
                f"{service.upper()}_HOST to an address of this host.",
            ) from error
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACEFUL_S,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )

    def run(self, stop: threading.Event) -> None:
        """Serve requests until `stop` is set, then let open requests end."""

        def end() -> None:
            stop.wait()
            self._server.should_exit = True

        threading.Thread(target=end, daemon=True).start()
        self._server.run([self._socket])
