"""A transactional producer of another team, which dies inside its transaction."""

from __future__ import annotations

import signal
import subprocess
import sys

_DIE = """
import os, signal, sys
from confluent_kafka import Producer

bootstrap, topic, timeout_ms, *bodies = sys.argv[1:]
producer = Producer({
    "bootstrap.servers": bootstrap,
    "transactional.id": f"test-{os.getpid()}",
    "transaction.timeout.ms": int(timeout_ms),
})
producer.init_transactions()
producer.begin_transaction()
for body in bodies:
    producer.produce(topic, body.encode(), partition=0)
assert producer.flush(30) == 0
os.kill(os.getpid(), signal.SIGKILL)
"""


def die_in_transaction(bootstrap: str, topic: str, *bodies: str, timeout_s: float) -> None:
    """Have a process send bodies to partition 0, and die before it commits.

    The broker holds them back, and all that follow, until the transaction times out.
    """
    words = (bootstrap, topic, str(int(timeout_s * 1000)), *bodies)
    died = subprocess.run([sys.executable, "-c", _DIE, *words], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
