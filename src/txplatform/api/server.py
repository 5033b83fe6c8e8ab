"""Run the API in one process, or in several supervised processes that share a listening socket."""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any

import uvicorn

from txplatform.api.app import Api
from txplatform.api.certificate import Certificate
from txplatform.api.connection_limits import SEND_BUFFER_BYTES, SWEEP_EVERY_S, ConnectionLimits
from txplatform.api.direct_purchase import PurchaseProtocol
from txplatform.api.http_protocol import HttpProtocol
from txplatform.api.known_heads import KnownHeads
from txplatform.api.traced import TracedApi
from txplatform.listening import listen, metrics_page, serve_pages
from txplatform.process_setup import StopRequests, stop_requests
from txplatform.settings import Settings, load_settings
from txplatform.telemetry import configure_logging, log_start, logger
from txplatform.tracing import process_tracer, start_tracing

_CHECK_EVERY_S = 0.2
"""The interval at which the supervisor checks that all processes are alive."""
_TICKS_PER_SWEEP = 10 * SWEEP_EVERY_S
"""uvicorn ticks every 0.1 seconds."""
_SHUTDOWN_S = 7
"""The time for open requests to finish after a stop signal."""
_CONFIRM_S = 0.5
"""The time for clients by TLS to confirm the end of a connection."""
_EXIT_S = 8.5
"""The time after which the process exits even if requests still wait for the event store."""

ApiFactory = Callable[[Settings, int], Api]
"""Makes the API of one process from the settings and the process number.

It must be a module-level function, because each process imports it by name.
"""


class _Server(uvicorn.Server):
    """Reports when it is ready, checks connections, and sets `stopping` at shutdown.

    `stopping` ends event streams.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stopping: asyncio.Event,
        on_ready: Callable[[], None],
        limits: ConnectionLimits,
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._on_ready = on_ready
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            connections: Any = self.server_state.connections
            self._limits.sweep(connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        reason = ", ".join(signal.Signals(number).name for number in self._captured_signals)
        logger("process").info("stopping", reason=reason or "the server ended")
        self._stopping.set()
        last_resort = threading.Timer(_EXIT_S, _exit_now)
        last_resort.daemon = True
        last_resort.start()
        dropping = asyncio.create_task(self._drop_silent_clients())
        await super().shutdown(sockets)
        dropping.cancel()

    async def _drop_silent_clients(self) -> None:
        """Do not wait for clients by TLS to confirm that their idle connection ends."""
        waiting: set[Any] = set()
        while True:
            await asyncio.sleep(_CONFIRM_S)
            silent = {
                each
                for each in self.server_state.connections
                if each.transport.is_closing() and not each.transport.get_write_buffer_size()
            }
            for connection in silent & waiting:
                connection.transport.abort()
            waiting = silent


def _exit_now() -> None:
    logger("api").error("not stopped in time, exiting: the event store does not respond")
    os._exit(1)


def serve(settings: Settings, create_api: ApiFactory) -> int:
    """Serve requests until SIGTERM, and return the exit code.

    Raises:
        CannotListenError: An address is in use, or is not an address of this machine.
        CertificateError: The files with the certificate and its key cannot be used.
    """
    scheme = "http" if _certificate(settings) is None else "https"
    variables = "TXPLATFORM_API_HOST and TXPLATFORM_API_PORT"
    listening = listen(settings.api_host, settings.api_port, variables)
    port = listening.getsockname()[1]

    def on_ready() -> None:
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        url = f"{scheme}://{host}:{port}"
        print(f"txplatform ready: {url}", file=sys.stderr, flush=True)  # noqa: T201

    configure_logging(settings)
    if settings.api_processes == 1:
        return _serve_one(create_api, listening, 0, on_ready)
    return _supervise(create_api, listening, settings.api_processes, on_ready)


def _serve_one(
    create_api: ApiFactory, listening: socket.socket, index: int, on_ready: Callable[[], None]
) -> int:
    settings = load_settings()
    configure_logging(settings)
    log_start("api", settings)
    export_last_spans = start_tracing("txplatform-api")
    api = create_api(settings, index)
    if settings.metrics_port is not None:
        # Each process serves its own metrics on its own port.
        port = settings.metrics_port + index
        variables = "TXPLATFORM_HEALTH_HOST and TXPLATFORM_METRICS_PORT"
        serve_pages(
            listen(settings.health_host, port, variables),
            lambda _: metrics_page(api.services.registry),
        )
    code = serve_api(api, listening, on_ready)
    export_last_spans()
    return code


def _certificate(settings: Settings) -> Certificate | None:
    certificate_file, key_file = settings.api_tls_certificate_file, settings.api_tls_key_file
    if certificate_file is None or key_file is None:
        return None
    return Certificate(certificate_file, key_file)


def serve_api(api: Api, listening: socket.socket, on_ready: Callable[[], None]) -> int:
    """Serve requests in this process until SIGTERM, and return the exit code.

    Raises:
        CertificateError: The files with the certificate and its key cannot be used.
    """
    certificate = _certificate(api.services.settings)
    if certificate is not None:
        certificate.follow_files()
    tracer = process_tracer()
    # Purchases bypass ASGI, but not tracing.
    request_log = api.services.request_log
    limits = ConnectionLimits.of(api.services.settings)
    # Inherited by connections: the kernel would keep megabytes for a client that does not read.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES // 2)
    protocol = (
        partial(HttpProtocol, request_log, limits)
        if tracer
        else partial(PurchaseProtocol, api.purchases, KnownHeads(), request_log, limits)
    )
    config = uvicorn.Config(
        TracedApi(api, tracer) if tracer else api,
        loop="txplatform.api.certificate:TlsLoop" if certificate else "uvloop",
        http=protocol,  # type: ignore[arg-type]  # only called
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        timeout_keep_alive=api.services.settings.api_keep_alive_s,
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    server = _Server(config, api.services.stopping, on_ready, limits)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # After an orderly stop, uvicorn raises the signal again, which would kill the process.
        signal.signal(signal_number, lambda *_: None)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _supervise(
    create_api: ApiFactory, listening: socket.socket, count: int, on_ready: Callable[[], None]
) -> int:
    context = multiprocessing.get_context("spawn")
    log = logger("supervisor")
    requests = stop_requests()
    ready = [context.Event() for _ in range(count)]

    def start(index: int) -> BaseProcess:
        arguments = (create_api, listening, index, ready[index])
        process = context.Process(target=_child, args=arguments, daemon=True)
        process.start()
        return process

    processes = [start(index) for index in range(count)]
    if _all_ready(ready, processes, requests):
        on_ready()
    while requests.empty():
        time.sleep(_CHECK_EVERY_S)
        for index, process in enumerate(processes):
            if not process.is_alive():
                log.error("api process died", pid=process.pid, exit_code=process.exitcode)
                processes[index] = start(index)
    log.info("stopping", reason=requests.get())
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_EXIT_S + 1)
    # A process that was still starting has accepted no request, and is killed by the signal.
    in_order = {0, -signal.SIGTERM}
    return 0 if all(process.exitcode in in_order for process in processes) else 1


def _all_ready(
    ready: Sequence[Event], processes: Sequence[BaseProcess], requests: StopRequests
) -> bool:
    while requests.empty() and not all(each.wait(0.05) for each in ready):
        if any(process.exitcode for process in processes):
            logger("supervisor").error("an api process could not start")
            requests.put("a process could not start")
    return requests.empty()


def _child(create_api: ApiFactory, listening: socket.socket, index: int, ready: Event) -> None:
    threading.Thread(target=_stop_with_supervisor, daemon=True).start()
    sys.exit(_serve_one(create_api, listening, index, ready.set))


def _stop_with_supervisor() -> None:
    """Stop this process when its supervisor dies, to free the port."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)
