"""Private Apache Kafka brokers from Maven Central, on free ports, that tests may break."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
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

from harness.processes import wait_frozen
from harness.waiting import wait_until
from txplatform.demo.processes import free_port

_POM = Path(__file__).parent / "kafka.xml"
_LIBS = Path(__file__).parents[2] / ".cache" / "kafka-4.1.0"
_SMALL = ("-Xmx192m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of a JVM with the cheaper compiler and garbage collector."""

_CLUSTER_ID = "dHhwbGF0Zm9ybS10ZXN0cw"
MISSING = (
    "needs Java 17 and Maven for a Kafka broker of its own, or TXPLATFORM_TEST_KAFKA=host:port"
)


def can_start_broker() -> bool:
    """Return whether Java and Maven are installed."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


class Broker:
    """A broker and controller in KRaft mode, with two log directories that stand for disks.

    Args:
        advertised_port: The port that clients are sent to, such as that of a relay; by default the
            broker's own.
        node: The node's number in its cluster.
        controller_ports: The controllers' ports by node; by default, this is the only node.
        properties: Properties of the broker that replace the defaults.
        client: librdkafka's properties with which to see whether the broker responds.
        small: Start in half the CPU time and with less memory, but work more slowly.
        users: The passwords of users that log in by SCRAM-SHA-512.
    """

    def __init__(  # noqa: PLR0913  # given by name
        self,
        advertised_port: int | None = None,
        *,
        node: int = 1,
        controller_ports: Mapping[int, int] | None = None,
        properties: Mapping[str, str] | None = None,
        client: Mapping[str, str] | None = None,
        small: bool = False,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="txplatform-kafka-"))
        self._disks = [self._root / "disk-1", self._root / "disk-2"]
        self.port, self._node = free_port(), node
        self._advertised_port = advertised_port or self.port
        self._controller_ports = controller_ports or {node: free_port()}
        self._given, self._client = properties or {}, client or {}
        self._users = [
            f"--add-scram=SCRAM-SHA-512=[name={name},password={password}]"
            for name, password in (users or {}).items()
        ]
        self._machine = _SMALL if small else ("-Xmx512m",)
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Format the disks and start the process, without waiting until it responds."""
        _fetch_libraries()
        (self._root / "server.properties").write_text(self._properties())
        words = ("format", "-t", _CLUSTER_ID, "-c", self._config, *self._users)
        self._java("kafka.tools.StorageTool", *words)
        self._run()

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
        self._run()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the broker responds."""
        wait_until(self._answers, timeout_s=120, message="Kafka to respond")

    def _run(self) -> None:
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java_command("kafka.Kafka"), self._config], stdout=log, stderr=log
            )

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

    def wait_ended(self) -> None:
        """Wait until the broker has ended by itself."""
        assert self._process is not None
        self._process.wait(60)

    def move_disks(self, folder: Path) -> Callable[[], None]:
        """Restart with both disks in another folder; return a function that moves them back."""
        before = self._disks

        def move(disks: list[Path]) -> None:
            self.stop()
            for old, new in zip(self._disks, disks, strict=True):
                subprocess.run(["mv", old, new], check=True)  # keeps the holes of sparse files
            self._disks = disks
            Path(self._config).write_text(self._properties())
            self.start()

        move([folder / disk.name for disk in before])
        return lambda: move(before)

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
            AdminClient(
                {"bootstrap.servers": self.bootstrap, "log_level": 0, **self._client}
            ).list_topics(timeout=2)
        except KafkaException:
            return False
        return True

    @property
    def _config(self) -> str:
        return str(self._root / "server.properties")

    def _java_command(self, main: str) -> list[str]:
        return ["java", *self._machine, "-cp", f"{_LIBS}/*", main]

    def _java(self, main: str, *words: str) -> None:
        subprocess.run([*self._java_command(main), *words], check=True, capture_output=True)

    def _properties(self) -> str:
        voters = ",".join(
            f"{node}@127.0.0.1:{port}" for node, port in self._controller_ports.items()
        )
        controller = f"CONTROLLER://127.0.0.1:{self._controller_ports[self._node]}"
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(self._node),
            "controller.quorum.voters": voters,
            "listeners": f"CLIENT://127.0.0.1:{self.port},{controller}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{self._advertised_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT",
            "log.dirs": ",".join(map(str, self._disks)),
            "metadata.log.dir": f"{self._root}/metadata",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": "2097152",  # else 128 MB of the heap
            **self._given,
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())


class Cluster:
    """Brokers that keep copies of each topic.

    Attributes:
        brokers: The brokers; each is also a controller.
        bootstrap: The address of all brokers.
    """

    def __init__(self, nodes: int = 3) -> None:
        ports = {node: free_port() for node in range(1, nodes + 1)}
        copies = {
            name: str(nodes)
            for name in (
                "default.replication.factor",
                "offsets.topic.replication.factor",
                "transaction.state.log.replication.factor",
            )
        }
        # A broker that was killed is noticed sooner than by default.
        soon = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "1000"}
        self.brokers = [
            Broker(node=node, controller_ports=ports, properties=copies | soon, small=True)
            for node in ports
        ]
        self.bootstrap = ",".join(broker.bootstrap for broker in self.brokers)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run all brokers until the context ends."""
        with ExitStack() as stack:
            for broker in self.brokers:
                stack.push(broker.__exit__)
                broker.launch()
            for broker in self.brokers:
                broker.wait_ready()
            yield self


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
    copies: int = 1,
    config: dict[str, str] | None = None,
) -> None:
    """Delete these topics if they exist, and create them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = list(names)
    present = set(admin.list_topics(timeout=10).topics)
    if old := [name for name in names if name in present]:
        delete_topics(admin, old)
    topics = [NewTopic(name, partitions, copies, config=config or {}) for name in names]
    for future in admin.create_topics(topics).values():
        future.result(30)
    wait_until(lambda: _led(admin, partitions) >= set(names), message="the topics to exist")


def delete_topics(admin: AdminClient, names: Iterable[str]) -> None:
    """Delete these topics, and wait until the broker does not list them."""
    old = [*names]
    for future in admin.delete_topics(old).values():
        future.result(30)
    wait_until(lambda: not present_topics(admin) & set(old), message="the topics to disappear")


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
