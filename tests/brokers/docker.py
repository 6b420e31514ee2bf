"""Apache Kafka in a container, through testcontainers, where a Docker engine answers."""

from __future__ import annotations

from grantline.embedded import await_broker, free_port
from tests.brokers.apache import VERSION
from tests.brokers.kind import Broker, NotAvailable

_IMAGE = f"apache/kafka:{VERSION}"
_PORT = 9092
_START_SECONDS = 180.0


class DockerKafka:
    """The project's own image, one KRaft node at a fixed port of this machine.

    testcontainers' own KafkaContainer is made for another vendor's image and takes a new port at
    every start; a restart must keep the address that clients know.
    """

    name = f"Apache Kafka {VERSION} (Docker, KRaft)"
    restartable = True

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self._container = DockerContainer(_IMAGE).with_bind_ports(_PORT, port)
        for name, value in _environment(port).items():
            self._container.with_env(name, value)

    def create(self) -> None:
        self._container.start()
        self._wait()

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        self._wait()

    def stop(self) -> None:
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        self._container.stop()

    def _wait(self) -> None:
        await_broker(self.bootstrap, lambda: True, _START_SECONDS)


def _environment(port: int) -> dict[str, str]:
    # The image takes either its own defaults or every setting; a single one replaces them all.
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{_PORT},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def start() -> Broker:
    """A running broker; raises `NotAvailable` where no Docker engine answers."""
    try:
        import docker
        import docker.errors
    except ImportError:
        raise NotAvailable("the package testcontainers is not installed") from None
    try:
        docker.from_env(timeout=3).ping()
    except docker.errors.DockerException:
        raise NotAvailable("no Docker engine answers") from None
    broker = DockerKafka()
    try:
        broker.create()
    except BaseException:
        broker.close()
        raise
    return broker
