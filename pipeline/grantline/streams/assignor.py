"""The group's assignor: each worker gets its share of every topic, and keeps what need not move.

It speaks the protocol of aiokafka's sticky assignor, so workers with either may be in one group:
each member says what it holds, and the leader alone deals. Its one addition is the number of the
deal, which comes back with each member's claim: aiokafka never tells its assignor the generation,
and of two that claim one partition the later one is right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyAssignorUserDataV1,
    StickyPartitionAssignor,
)
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

from grantline.streams.balance import balance

log = logging.getLogger(__name__)

_LAST = 2**31 - 1
"""The protocol has four bytes for the number of the deal."""
_BYTES = 4


class TopicwiseStickyAssignor(StickyPartitionAssignor):  # type: ignore[misc]
    """What a member holds is kept on the class, as in aiokafka: one consumer a process."""

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The leader's part. A topic without metadata is left out; the coordinator deals again once
        it has some.
        """
        subscriptions = {member: set(said.subscription or ()) for member, said in members.items()}
        topics: dict[str, set[int]] = {}
        for topic in set().union(*subscriptions.values()):
            partitions = cluster.partitions_for_topic(topic)
            if partitions is None:
                log.warning("topic %s has no metadata yet: its partitions are not dealt", topic)
            else:
                topics[topic] = partitions
        owners, latest = _owners(members, subscriptions)
        number = min(latest + 1, _LAST).to_bytes(_BYTES, "big")
        return {
            member: ConsumerProtocolMemberAssignment(cls.version, list(hand.items()), number)
            for member, hand in balance(topics, subscriptions, owners).items()
        }

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Remembers what it was dealt, and when; an aiokafka that leads gives no number."""
        super().on_assignment(assignment)
        number = assignment.user_data or b""
        known = len(number) == _BYTES
        cls.generation = (
            int.from_bytes(number, "big", signed=True) if known else cls.DEFAULT_GENERATION_ID
        )


def _owners(
    members: Mapping[str, ConsumerProtocolMemberMetadata],
    subscriptions: Mapping[str, set[str]],
) -> tuple[dict[tuple[str, int], str], int]:
    """Who holds what, as of the latest deal known for each partition, and the latest of all."""
    owners: dict[tuple[str, int], str] = {}
    since: dict[tuple[str, int], int] = {}
    latest = 0
    for member in sorted(members):
        number, claims = _claims(member, members[member].user_data)
        latest = max(latest, number)
        for topic, partition in claims:
            place = (topic, partition)
            if topic in subscriptions[member] and (place not in since or number > since[place]):
                owners[place], since[place] = member, number
    return owners, latest


def _claims(member: str, user_data: bytes | None) -> tuple[int, list[tuple[str, int]]]:
    """What a member says it was dealt, and in which deal; nothing where that cannot be read."""
    if not user_data:
        return -1, []
    try:
        said = StickyAssignorUserDataV1.decode(user_data)
        return said.generation, list(_each(said))
    except Exception as why:  # noqa: BLE001 (whatever a stranger sends, the group goes on)
        kind = type(why).__name__
        log.warning("what %r says it holds cannot be read (%s): taken for nothing", member, kind)
        return -1, []


def _each(said: StickyAssignorUserDataV1) -> Iterator[tuple[str, int]]:
    for topic, partitions in said.previous_assignment:
        for partition in partitions:
            yield topic, partition


__all__ = ["TopicwiseStickyAssignor"]
