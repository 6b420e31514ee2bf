"""Which member of a group gets which partitions: balanced topic by topic, then all in all, then as
they lie already. Pure.

Of each topic, members that are subscribed to it hold as many partitions as each other, or one more.
Who holds that one more is chosen so that the members' totals are as even as can be, and among such
choices so that the fewest partitions move: a flow of least cost, found exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

Place = tuple[str, str]
"""A topic and a member that is subscribed to it."""
Hand = dict[str, list[int]]
"""Partitions by topic."""


def balance(
    topics: Mapping[str, Collection[int]],
    subscriptions: Mapping[str, Collection[str]],
    owners: Mapping[tuple[str, int], str],
) -> dict[str, Hand]:
    """Each member's partitions, sorted; `owners` says who holds what now, as far as it is known.

    A topic that nobody is subscribed to is dealt to nobody; an owner that is not subscribed, or not
    a member, owns nothing.
    """
    takers = {
        topic: [member for member in sorted(subscriptions) if topic in subscriptions[member]]
        for topic in sorted(topics)
    }
    takers = {topic: members for topic, members in takers.items() if members}
    held: dict[Place, list[int]] = defaultdict(list)
    for topic in takers:
        for partition in sorted(topics[topic]):
            held[topic, owners.get((topic, partition), "")].append(partition)
    sizes = {topic: len(topics[topic]) for topic in takers}
    share = shares(sizes, takers, {place: len(have) for place, have in held.items()})
    dealt: dict[str, Hand] = {member: {} for member in subscriptions}
    for topic, members in takers.items():
        kept = {member: held[topic, member][: share[topic, member]] for member in members}
        stays = {partition for have in kept.values() for partition in have}
        free = iter(sorted(set(topics[topic]) - stays))
        for member, have in kept.items():
            have += [next(free) for _ in range(share[topic, member] - len(have))]
            if have:
                dealt[member][topic] = sorted(have)
    return dealt


def shares(
    sizes: Mapping[str, int], takers: Mapping[str, Collection[str]], held: Mapping[Place, int]
) -> dict[Place, int]:
    """How many partitions of each topic each of its takers gets; all takers in a settled order."""
    spread = _Spread(sizes, takers, held)
    for topic, members in takers.items():
        for _ in range(sizes[topic] % len(members)):
            spread.give(topic)
    return {
        (topic, member): sizes[topic] // len(members) + (topic in spread.extra[member])
        for topic, members in takers.items()
        for member in members
    }


class _Spread:
    """Who has one partition more of which topic; each one given finds the cheapest place, and moves
    others out of its way where that is cheaper yet (successive shortest paths).
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        takers: Mapping[str, Collection[str]],
        held: Mapping[Place, int],
    ) -> None:
        self._takers = takers
        least = {topic: sizes[topic] // len(members) for topic, members in takers.items()}
        self._spares = {place for place, have in held.items() if have > least[place[0]]}
        """Where one more is one that need not move."""
        self._totals: dict[str, int] = defaultdict(int)
        self.extra: dict[str, dict[str, None]] = defaultdict(dict)
        """Topics by member; a dictionary, for a set has no settled order."""
        for topic, members in takers.items():
            for member in members:
                self._totals[member] += least[topic]

    def give(self, topic: str) -> None:
        """One more of this topic to somebody who has none yet."""
        # Partitions that have to move, on the best way so far to each topic and each member.
        at_topic, at_member = {topic: 0}, dict[str, int]()
        giver, taken_from = dict[str, str](), dict[str, str]()
        topics = [topic]
        while topics:
            members: dict[str, None] = {}
            for each in topics:
                for member in self._takers[each]:
                    moves = at_topic[each] - ((each, member) in self._spares)
                    better = member not in at_member or moves < at_member[member]
                    if better and each not in self.extra[member]:
                        at_member[member], giver[member] = moves, each
                        members[member] = None
            topics = []
            for member in members:
                for each in self.extra[member]:
                    moves = at_member[member] + ((each, member) in self._spares)
                    if each not in at_topic or moves < at_topic[each]:
                        at_topic[each], taken_from[each] = moves, member
                        topics.append(each)
        last = min(at_member, key=lambda member: (self._totals[member], at_member[member], member))
        self._totals[last] += 1
        self._move(topic, last, giver, taken_from)

    def _move(
        self, topic: str, last: str, giver: Mapping[str, str], taken_from: Mapping[str, str]
    ) -> None:
        """Along the way found, from its end back to the topic it began with."""
        member = last
        while True:
            each = giver[member]
            self.extra[member][each] = None
            if each == topic:
                return
            member = taken_from[each]
            del self.extra[member][each]
