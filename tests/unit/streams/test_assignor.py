"""How a group of workers shares its topics, deal after deal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyAssignorUserDataV1,
    StickyPartitionAssignor,
)
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

from grantline.streams.assignor import TopicwiseStickyAssignor

TOPICS = {"otlp_spans": 4, "hops": 4, "tokens": 4}
Deal = dict[str, dict[str, list[int]]]


class _Cluster:
    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(TOPICS[topic])) if topic in TOPICS else None

    def topics(self) -> Iterable[str]:
        return set(TOPICS)


CLUSTER = cast(ClusterMetadata, _Cluster())


class _Member:
    """One worker's process: what its assignor remembers is its own, and goes over the wire."""

    def __init__(self, kind: type[StickyPartitionAssignor] = TopicwiseStickyAssignor) -> None:
        self.assignor: Any = type("Assignor", (kind,), {})

    def says(self, topics: Iterable[str] = TOPICS) -> ConsumerProtocolMemberMetadata:
        said: bytes = self.assignor.metadata(sorted(topics)).encode()
        return ConsumerProtocolMemberMetadata.decode(said)

    def hears(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        self.assignor.on_assignment(ConsumerProtocolMemberAssignment.decode(assignment.encode()))


def _deal(group: dict[str, _Member], leader: str = "") -> Deal:
    """One rebalance."""
    leads = (group[leader] if leader else next(iter(group.values()))).assignor
    dealt = leads.assign(CLUSTER, {name: member.says() for name, member in group.items()})
    for name, assignment in dealt.items():
        group[name].hears(assignment)
    return {name: dict(assignment.assignment) for name, assignment in dealt.items()}


def _moved(before: Deal, after: Deal) -> int:
    return sum(
        len(set(had) - set(after.get(member, {}).get(topic, ())))
        for member, hand in before.items()
        for topic, had in hand.items()
    )


def _sizes(hand: dict[str, list[int]]) -> dict[str, int]:
    return {topic: len(partitions) for topic, partitions in hand.items()}


HALF = {"otlp_spans": 2, "hops": 2, "tokens": 2}


def test_two_workers_have_half_of_each_topic() -> None:
    """As many all in all is not enough: the work differs from topic to topic."""
    dealt = _deal({"a": _Member(), "b": _Member()})
    assert [_sizes(hand) for hand in dealt.values()] == [HALF, HALF]


def test_who_joins_takes_its_share_and_nothing_else_moves() -> None:
    group = {"a": _Member()}
    before = _deal(group)
    group["b"] = _Member()
    after = _deal(group)
    assert _sizes(after["b"]) == HALF
    assert _moved(before, after) == 6


def test_what_one_leaves_is_shared_and_the_others_keep_theirs() -> None:
    group = {"a": _Member(), "b": _Member(), "c": _Member()}
    before = _deal(group)
    del group["b"]
    after = _deal(group)
    assert [_sizes(hand) for hand in after.values()] == [HALF, HALF]
    assert _moved({name: before[name] for name in group}, after) == 0


def test_nothing_moves_without_a_change() -> None:
    group = {"a": _Member(), "b": _Member(), "c": _Member()}
    assert _deal(group) == _deal(group, leader="c")


def test_the_later_of_two_claims_is_right() -> None:
    """A worker that was thought dead comes back and says what it once had."""
    group = {"a": _Member(), "b": _Member()}
    _deal(group)
    lost = group.pop("a")
    group["c"] = _Member()
    without = _deal(group, leader="b")
    group["a"] = lost
    after = _deal(group, leader="b")
    assert sum(_sizes(after["a"]).values()) == 4
    assert _moved(without, after) == 4


def test_workers_with_aiokafkas_own_assignor_may_be_in_the_group() -> None:
    """An upgrade one worker at a time: who leads deals, and each tells the other what it holds."""
    old, new = _Member(StickyPartitionAssignor), _Member()
    group = {"old": old, "new": new}
    assert old.assignor.name == new.assignor.name
    before = _deal(group, leader="old")
    after = _deal(group, leader="new")
    assert [_sizes(hand) for hand in after.values()] == [HALF, HALF]
    assert _moved(before, after) <= 6
    assert _moved(after, _deal(group, leader="new")) == 0
    again = _deal(group, leader="old")
    assert sum(len(held) for hand in again.values() for held in hand.values()) == 12
    assert new.assignor.generation == StickyPartitionAssignor.DEFAULT_GENERATION_ID


def _said(claims: object, deal: int) -> bytes:
    return cast(bytes, StickyAssignorUserDataV1(claims, deal).encode())


_LONG = _said([("hops", list(range(4)))], 7)


@pytest.mark.parametrize(
    "data",
    [
        b"\0", b"{}" * 9, _LONG[:-1], _LONG[:9], b"\x7f\xff\xff\xff" * 4, b"\xff" * 8,
        _said([("hops", None)], 1), _said([(None, [1])], 1), _said([("none", [1, -1, 9])], 1),
        _said([("hops", [-1, 99])], 2**31 - 1), _said([("secret", [0])], -(2**31)),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_nothing_held(data: bytes) -> None:
    """Nor does it stop the leader, or cost the others what they hold."""
    group = {"a": _Member(), "b": _Member()}
    before = _deal(group)
    said = {name: member.says() for name, member in group.items()}
    said["x"] = ConsumerProtocolMemberMetadata(0, list(TOPICS), data)
    plain = {**said, "x": ConsumerProtocolMemberMetadata(0, list(TOPICS), b"")}
    dealt, expected = (
        {name: dict(one.assignment) for name, one in made.items()}
        for made in (
            TopicwiseStickyAssignor.assign(CLUSTER, said),
            TopicwiseStickyAssignor.assign(CLUSTER, plain),
        )
    )
    assert dealt == expected
    assert _moved(before, dealt) == 4


def test_a_deal_after_the_last_number_is_still_one() -> None:
    group = {"a": _Member(), "b": _Member()}
    before = _deal(group)
    group["a"].assignor.generation = 2**31 - 1
    assert _deal(group) == _deal(group) == before
    assert group["b"].assignor.generation == 2**31 - 1


def test_a_topic_without_metadata_is_left_out() -> None:
    said = {"a": ConsumerProtocolMemberMetadata(0, ["hops", "unknown"], b"")}
    (dealt,) = TopicwiseStickyAssignor.assign(CLUSTER, said).values()
    assert dict(dealt.assignment) == {"hops": [0, 1, 2, 3]}
