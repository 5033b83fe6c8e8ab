"""A private Apache Kafka broker from Maven Central, on free ports, that tests may break."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, though not marked so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from harness.ports import free_port
from harness.processes import wait_frozen
from harness.waiting import wait_until

_POM = Path(__file__).parent / "kafka.xml"
_LIBS = Path(__file__).parents[2] / ".cache" / "kafka-4.1.0"
_CLUSTER_ID = "dHhwbGF0Zm9ybS10ZXN0cw"
MISSING = (
    "needs Java 17 and Maven for a Kafka broker of its own, or TXPLATFORM_TEST_KAFKA=host:port"
)


def can_start_broker() -> bool:
    """Return whether Java and Maven are installed."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


class Broker:
    """A single broker in KRaft mode, with two log directories that stand for disks.

    Args:
        advertised_port: The port that clients are sent to, such as that of a relay; by default the
            broker's own.
    """

    def __init__(self, advertised_port: int | None = None) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="txplatform-kafka-"))
        self._disks = [self._root / "disk-1", self._root / "disk-2"]
        self.port, self._controller_port = free_port(), free_port()
        self._advertised_port = advertised_port or self.port
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        _fetch_libraries()
        (self._root / "server.properties").write_text(self._properties())
        self._java("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", self._config)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it responds."""
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java_command("kafka.Kafka"), self._config], stdout=log, stderr=log
            )
        wait_until(self._answers, timeout_s=120, message="Kafka to respond")

    def stop(self) -> None:
        """Stop the broker with SIGTERM and wait until it has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._process = None

    def kill(self) -> None:
        """Kill the broker with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        self._process = None

    def freeze(self) -> None:
        """Freeze the broker with SIGSTOP: connections stay open but get no responses."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        wait_frozen(self._process.pid)

    def thaw(self) -> None:
        """Resume the frozen broker with SIGCONT."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def lose_disk(self) -> Callable[[], None]:
        """Restart with one of the two disks lost; return a function that restores the disk.

        The disk with the offsets of consumer groups is kept.
        """
        self.stop()
        (lost,) = (disk for disk in self._disks if not any(disk.glob("__consumer_offsets-*")))
        kept = lost.rename(self._root / "kept")
        lost.touch()
        self.start()

        def bring_back() -> None:
            self.stop()
            lost.unlink()
            kept.rename(lost)
            self.start()

        return bring_back

    def overwrite(self, topic: str, old: bytes, new: bytes) -> None:
        """Overwrite bytes in the one log segment of a topic that has them, as a bad disk would."""
        assert len(old) == len(new)
        (segment,) = (
            path
            for disk in self._disks
            for path in disk.glob(f"{topic}-*/*.log")
            if old in path.read_bytes()
        )
        with segment.open("r+b") as file:
            file.seek(segment.read_bytes().index(old))
            file.write(new)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self._root / "log").read_text()[-4000:])
        try:
            AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(
                timeout=2
            )
        except KafkaException:
            return False
        return True

    @property
    def _config(self) -> str:
        return str(self._root / "server.properties")

    def _java_command(self, main: str) -> list[str]:
        return ["java", "-Xmx512m", "-cp", f"{_LIBS}/*", main]

    def _java(self, main: str, *words: str) -> None:
        subprocess.run([*self._java_command(main), *words], check=True, capture_output=True)

    def _properties(self) -> str:
        return f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self._controller_port}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{self._advertised_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={",".join(map(str, self._disks))}
metadata.log.dir={self._root}/metadata
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
"""


def _fetch_libraries() -> None:
    """Download the broker from Maven Central once, even if several test processes need it."""
    _LIBS.parent.mkdir(exist_ok=True)
    with _LIBS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _LIBS.exists():
            partial = _LIBS.with_suffix(".partial")
            subprocess.run(
                [
                    *("mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"),
                    f"-DoutputDirectory={partial}",
                ],
                check=True,
            )
            partial.rename(_LIBS)


class LentBroker:
    """A broker that already runs elsewhere (TXPLATFORM_TEST_KAFKA)."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap


def recreate_topics(
    bootstrap: str,
    names: Iterable[str],
    *,
    partitions: int = 4,
    config: dict[str, str] | None = None,
) -> None:
    """Delete these topics if they exist, and create them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = list(names)
    present = set(admin.list_topics(timeout=10).topics)
    if old := [name for name in names if name in present]:
        for future in admin.delete_topics(old).values():
            future.result(30)
        wait_until(
            lambda: not present_topics(admin) & set(old), message="the old topics to disappear"
        )
    topics = [NewTopic(name, partitions, 1, config=config or {}) for name in names]
    for future in admin.create_topics(topics).values():
        future.result(30)
    wait_until(lambda: _led(admin, partitions) >= set(names), message="the topics to exist")


def empty_topics(bootstrap: str, names: Iterable[str], *, partitions: int = 4) -> None:
    """Make these topics empty and give them their default settings.

    Unused topics are kept, because creating a topic takes much longer than checking one.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = list(names)
    present = admin.list_topics(timeout=10).topics
    kept = {
        name for name in names if name in present and len(present[name].partitions) == partitions
    }
    kept -= _used(admin, kept, partitions) | _configured(admin, kept)
    if made_anew := [name for name in names if name not in kept]:
        recreate_topics(bootstrap, made_anew, partitions=partitions)


def _used(admin: AdminClient, names: Iterable[str], partitions: int) -> set[str]:
    """Return the topics that have records, or whose end offsets are not yet known."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library's types lack it
    asked = {TopicPartition(name, n): latest for name in names for n in range(partitions)}
    ends = admin.list_offsets(asked) if asked else {}
    return {
        place.topic
        for place, end in ends.items()
        if end.exception(30) is not None or end.result().offset > 0
    }


def _configured(admin: AdminClient, names: Iterable[str]) -> set[str]:
    """Return the topics whose settings were changed."""
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(asked) if asked else {}
    return {
        resource.name
        for resource, entries in found.items()
        if any(
            entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            for entry in entries.result(30).values()
        )
    }


def set_topic(bootstrap: str, topic: str, name: str, value: str) -> None:
    """Change a topic's setting. Brokers apply the change after a short delay."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.incremental_alter_configs([changed]).values():
        future.result(30)


def _led(admin: AdminClient, partitions: int) -> set[str]:
    """Return the topics whose partitions all have a leader, which new topics lack for a moment."""
    return {
        name
        for name, topic in admin.list_topics(timeout=10).topics.items()
        if topic.error is None
        and len(topic.partitions) == partitions
        and all(each.error is None and each.leader >= 0 for each in topic.partitions.values())
    }


def present_topics(admin: AdminClient) -> set[str]:
    """Return the names of all topics on the broker."""
    return set(admin.list_topics(timeout=10).topics)
