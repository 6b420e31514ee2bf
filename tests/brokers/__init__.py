"""A broker for tests: Apache Kafka where it can be had, the embedded broker elsewhere.

`choose()` takes the first kind that this machine can run: Docker (testcontainers), Apache Kafka
from Maven artifacts on Java, the embedded broker. `GRANTLINE_TEST_BROKER=docker|apache|embedded`
forces one; `GRANTLINE_REQUIRE_KAFKA=1` refuses to fall back to the embedded broker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.brokers import apache, docker, embedded
from tests.brokers.kind import Broker, NotAvailable

KINDS: Mapping[str, Callable[[], Broker]] = {
    "docker": docker.start,
    "apache": apache.start,
    "embedded": embedded.start,
}
"""In the order of preference; each starts a broker or raises `NotAvailable`."""


def choose(environment: Mapping[str, str] = os.environ) -> Broker:
    """Starts the best broker this machine can run; the caller closes it.

    Raises `NotAvailable` naming every reason when none may be used, `ValueError` for an unknown
    kind.
    """
    forced = environment.get("GRANTLINE_TEST_BROKER", "")
    if forced and forced not in KINDS:
        raise ValueError(f"GRANTLINE_TEST_BROKER={forced!r}: use one of {', '.join(KINDS)}")
    required = environment.get("GRANTLINE_REQUIRE_KAFKA", "") not in {"", "0"}
    reasons: list[str] = []
    for kind in [forced] if forced else KINDS:
        if kind == "embedded" and required:
            reasons.append("embedded: refused, GRANTLINE_REQUIRE_KAFKA asks for Apache Kafka")
            continue
        try:
            return KINDS[kind]()
        except NotAvailable as reason:
            reasons.append(f"{kind}: {reason}")
    raise NotAvailable("no broker for the tests; " + "; ".join(reasons))


def create_topic(
    bootstrap: str, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
) -> str:
    """Creates a topic and returns its name when the broker has it."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topic = NewTopic(
        name, num_partitions=partitions, replication_factor=1, config=dict(config or {})
    )
    admin.create_topics([topic])[name].result(timeout=30)
    return name


__all__ = ["KINDS", "Broker", "NotAvailable", "choose", "create_topic"]
