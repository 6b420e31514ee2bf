"""How far consumer groups are behind, as the broker has it."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    OffsetSpec,
)

_SECONDS = 20.0


class Groups:
    """Some groups of one broker."""

    def __init__(self, bootstrap: str, groups: Mapping[str, str]) -> None:
        """`groups`: whose group it is -> the group."""
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._groups = groups

    def lag(self) -> dict[str, int]:
        """Whose group it is -> records it has yet to commit, in what it ever committed."""
        return {name: self._lag(group) for name, group in self._groups.items()}

    def _lag(self, group: str) -> int:
        asked = [ConsumerGroupTopicPartitions(group)]
        answer = self._admin.list_consumer_group_offsets(asked, request_timeout=_SECONDS)[group]
        done = {
            (place.topic, place.partition): place.offset
            for place in answer.result().topic_partitions or ()
            if place.offset >= 0
        }
        if not done:
            return 0
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        ends = self._admin.list_offsets(
            {TopicPartition(*place): newest for place in done},
            request_timeout=_SECONDS,
        )
        return sum(
            max(0, end.result().offset - done[place.topic, place.partition])
            for place, end in ends.items()
        )
