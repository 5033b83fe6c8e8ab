"""The parts of a process, such as an API or a publisher, each in a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import psycopg
from confluent_kafka import KafkaException

from txbank.errors import TxBankError
from txbank.tracing import logger

_RETRY_S = 1
_FAULT = "fault; trying again every second"


@dataclass(frozen=True)
class Health:
    """The health of a part, with what it does at the moment, or why it does not work."""

    ready: bool
    detail: str


class Part(Protocol):
    """A task that runs in its own thread until the process stops."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. If it ends sooner, the process ends too."""


class Worker(Part, Protocol):
    """A part that works in the background, and reports its health."""

    health: Health


def retry_faults(
    worker: Worker, work: Callable[[threading.Event], None], stop: threading.Event
) -> None:
    """Run `work` until `stop` is set, and start it again after each fault.

    The messages and rows to handle are on the brokers or in the database, so a fault loses nothing.
    """
    log = logger(worker.name)
    while not stop.is_set():
        try:
            work(stop)
        except Exception as error:
            if not worker.health.ready:
                pass  # it is logged already
            elif isinstance(error, (psycopg.Error, KafkaException, TxBankError)):
                log.warning(_FAULT, error=str(error))  # whose words say enough
            else:
                log.exception(_FAULT)
            worker.health = Health(ready=False, detail=f"{type(error).__name__}: {error}")
            stop.wait(_RETRY_S)
