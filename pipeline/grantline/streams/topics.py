"""The topics: what they are for, how they are kept, and that the broker has them so.

Creating is idempotent and safe for several workers that start at once. An existing topic is
never altered: another partition count is an error, another setting a warning, both with the
cure.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from grantline.kafka_iam import librdkafka
from grantline.settings.broker import silence
from grantline.streams.settings import WorkerSettings

log = logging.getLogger(__name__)

_SECONDS = 10.0
_SLICE_SECONDS = 2.0
"""Of waiting for a broker: Ctrl-C is heard in between."""
# Kafka stamps records with its own clock: what a rule calls missing or late, and when a span is
# said to have been taken in, must not depend on the clocks of workers and producers.
_BROKER_CLOCK = {"message.timestamp.type": "LogAppendTime"}


_SETTINGS = (
    "; the cluster does not allow a setting that Grantline asks for: create the topic beforehand "
    "with GRANTLINE_PARTITIONS partitions, and what the documentation of topics says of it"
)
_RIGHTS = (
    "; give the worker's principal the right to create topics, or create it beforehand with "
    "GRANTLINE_PARTITIONS partitions"
)
_CURES = {
    "INVALID_REPLICATION_FACTOR": "; set GRANTLINE_REPLICATION to at most the number of brokers",
    "TOPIC_AUTHORIZATION_FAILED": _RIGHTS,
    "CLUSTER_AUTHORIZATION_FAILED": _RIGHTS,
    "POLICY_VIOLATION": _SETTINGS,
    "INVALID_CONFIG": _SETTINGS,
}


class TopicError(Exception):
    """A topic is not as it has to be."""


class TopicSpec(NamedTuple):
    """One topic as it should be."""

    name: str
    partitions: int
    config: Mapping[str, str]
    ours: bool = True
    """False: the topic belongs to who writes it; how many partitions it has is not for us to judge."""


def specs(settings: WorkerSettings) -> list[TopicSpec]:
    """Every topic the worker reads or writes."""
    names = settings.topics
    keyed = {
        **_BROKER_CLOCK,
        # An append log: state is folded from all of it, so nothing may be compacted away.
        "cleanup.policy": "delete",
        "retention.ms": _ms(settings.lateness_retention_seconds),
        "retention.bytes": "-1",
    }
    findings = {
        **_BROKER_CLOCK,
        # The last state of every finding (and incident) stays readable; a slow reader has a week for each
        # change on the way.
        "cleanup.policy": "compact,delete",
        "min.compaction.lag.ms": _ms(min(7 * 86_400.0, settings.findings_retention_seconds)),
        "retention.ms": _ms(settings.findings_retention_seconds),
    }
    # What people did is a history, and silences are read from it: each record stays.
    actions = {**findings, "cleanup.policy": "delete"}
    actions.pop("min.compaction.lag.ms")
    rejected = {
        **_BROKER_CLOCK,
        "cleanup.policy": "delete",
        "retention.ms": _ms(settings.rejected_retention_seconds),
    }
    count = settings.partitions
    return [
        # Else `received_at` would be what the producer's clock says.
        *(
            TopicSpec(name, count, _BROKER_CLOCK, ours=False)
            for name in (*settings.input_topics, *settings.sources)
        ),
        TopicSpec(names.hops, count, keyed),
        TopicSpec(names.tokens, count, keyed),
        TopicSpec(names.findings, count, findings),
        TopicSpec(names.rejected, count, rejected),
        TopicSpec(names.incidents, count, findings),
        TopicSpec(names.actions, count, actions),
    ]


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))


class _Trouble:
    """What a client last complained of."""

    text = ""

    def __call__(self, error: KafkaError) -> None:
        if error.name() != "_ALL_BROKERS_DOWN":
            self.text = error.str()


class Admin(AdminClient):
    """Remembers what it last complained of, and is taken apart by whoever lets go of it last.

    Its callback is no method of its own: a client that refers to itself is left to the garbage
    collector, which may run in the client's own thread, and librdkafka ends the process for that.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._trouble = _Trouble()
        configuration: dict[str, Any] = {
            **librdkafka(settings.security),
            "bootstrap.servers": settings.bootstrap,
            "log_level": 0,
            "error_cb": self._trouble,
        }
        super().__init__(configuration)

    @property
    def trouble(self) -> str:
        return self._trouble.text


def ensure(settings: WorkerSettings) -> None:
    """Creates what is missing and checks what is there.

    Raises `TopicError` when a topic has another partition count or cannot be created, naming the
    cure; blocks for some ten seconds an answer at most.
    """
    client = Admin(settings)
    wanted = specs(settings)
    there = _partitions(client, settings.bootstrap)
    missing = [spec for spec in wanted if spec.name not in there]
    if missing:
        _create(client, missing, settings.replication)
        there = _partitions(client, settings.bootstrap)
    for spec in wanted:
        have = there.get(spec.name, spec.partitions)
        if spec.ours and have != spec.partitions:
            raise TopicError(
                f"topic {spec.name} has {have} partitions, the setting says {spec.partitions}; "
                f"set GRANTLINE_PARTITIONS={have}, or start anew beside it with another "
                "GRANTLINE_TOPIC_PREFIX and GRANTLINE_APPLICATION: the keys of an existing topic "
                "cannot be spread anew"
            )
    _warn_of_drift(client, [spec for spec in wanted if spec not in missing])


def _partitions(client: Admin, bootstrap: str) -> dict[str, int]:
    ends = time.monotonic() + _SECONDS
    while True:
        try:
            found = client.list_topics(timeout=_SLICE_SECONDS).topics
        except KafkaException as why:
            client.poll(0)
            if time.monotonic() > ends:
                raise TopicError(silence(bootstrap, client.trouble)) from why
        else:
            return {name: len(topic.partitions) for name, topic in found.items()}


def _create(client: AdminClient, missing: Sequence[TopicSpec], replication: int) -> None:
    made = client.create_topics(
        [
            NewTopic(spec.name, spec.partitions, replication, config=dict(spec.config))
            for spec in missing
        ],
        operation_timeout=_SECONDS,
    )
    for name, done in made.items():
        try:
            done.result(_SECONDS)
        except KafkaException as why:
            # Another worker that starts at the same moment may have been first.
            if why.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(_not_created(name, why.args[0])) from why
        except TimeoutError as why:
            raise TopicError(f"topic {name} was not created within {_SECONDS:g} s") from why
        else:
            log.info("created topic %s", name)


def _not_created(name: str, error: KafkaError) -> str:
    cure = _CURES.get(error.name(), "")
    return f"topic {name} could not be created: {error.str()}{cure}"


def _warn_of_drift(client: AdminClient, existing: Sequence[TopicSpec]) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in existing]
    if not resources:
        return
    answers = client.describe_configs(resources, request_timeout=_SECONDS)
    by_name = {spec.name: spec for spec in existing}
    for resource, answer in answers.items():
        try:
            have = {name: entry.value for name, entry in answer.result(_SECONDS).items()}
        except KafkaException as why:
            log.warning("settings of topic %s could not be read: %s", resource.name, why)
            continue
        for name, value in by_name[resource.name].config.items():
            if have.get(name, value) not in {value, None}:
                log.warning(
                    "topic %s has %s=%s, wanted is %s; to change it: kafka-configs.sh --alter "
                    "--entity-type topics --entity-name %s --add-config '%s=%s'",
                    resource.name, name, have[name], value, resource.name, name, value,
                )  # fmt: skip


def inputs(settings: WorkerSettings, existing: Sequence[str]) -> list[str]:
    """The topics to read spans from: those named, and of `existing` those that match.

    Our own topics and Kafka's internal ones are never input, however wide the pattern.
    Raises `ValueError` for a pattern that is not a regular expression.
    """
    found = [*settings.input_topics, *settings.sources]
    if settings.input_pattern is not None:
        try:
            pattern = re.compile(settings.input_pattern)
        except re.error as why:
            raise ValueError(f"input_pattern {settings.input_pattern!r}: {why}") from why
        names = settings.topics
        own = {getattr(names, field) for field in names.__struct_fields__}
        found += [
            name
            for name in sorted(existing)
            if name not in own and not name.startswith("__") and pattern.fullmatch(name)
        ]
    return list(dict.fromkeys(found))


def existing(settings: WorkerSettings) -> list[str]:
    """The names of all topics the broker has; blocks, raises `TopicError`."""
    return list(_partitions(Admin(settings), settings.bootstrap))


def identities(settings: WorkerSettings, names: Sequence[str]) -> dict[str, str]:
    """The id of each topic that has one: another topic of the same name, made when this one was
    deleted, has another. Blocks; a broker that gives none leaves topics of one name alike.
    """
    found: dict[str, str] = {}
    client = Admin(settings)
    answers = client.describe_topics(TopicCollection(list(names)), request_timeout=_SECONDS)
    for name, answer in answers.items():
        try:
            found[name] = str(answer.result(_SECONDS).topic_id)
        except (KafkaException, TimeoutError) as why:
            log.warning("topic %s: its id is not known (%s)", name, why)
    return found
