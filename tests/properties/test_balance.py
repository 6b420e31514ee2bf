"""Sharing out partitions, against every way of doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations, product

from hypothesis import example, given
from hypothesis import strategies as st

from grantline.streams.balance import balance

Topics = dict[str, list[int]]
Subscriptions = dict[str, frozenset[str]]
Owners = dict[tuple[str, int], str]
Case = tuple[Topics, Subscriptions, Owners]


@st.composite
def cases(draw: st.DrawFn, *, topics: int = 3, members: int = 4) -> Case:
    """Topics, who reads them, and who is said to hold what, strangers among them."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=topics))
    made = {f"topic{n}": list(range(size)) for n, size in enumerate(sizes)}
    names = [f"member{n}" for n in range(draw(st.integers(1, members)))]
    some = st.frozensets(st.sampled_from(sorted(made)))
    all_of_them = st.just(frozenset(made))
    subscriptions = {name: draw(st.one_of(all_of_them, some)) for name in names}
    places = [(topic, partition) for topic in made for partition in made[topic]]
    owner = st.sampled_from([*names, "gone", ""])
    owners = {place: draw(owner) for place in places}
    owners["topic0", 99] = names[0]
    return made, subscriptions, owners


def _holders(dealt: dict[str, dict[str, list[int]]]) -> dict[tuple[str, int], list[str]]:
    found: dict[tuple[str, int], list[str]] = {}
    for member, hand in dealt.items():
        for topic, partitions in hand.items():
            for partition in partitions:
                found.setdefault((topic, partition), []).append(member)
    return found


def _takers(topic: str, subscriptions: Subscriptions) -> list[str]:
    return [member for member, topics in subscriptions.items() if topic in topics]


def _score(totals: Iterable[int], kept: int) -> tuple[int, int]:
    """The less, the better: even totals first, then partitions that stay."""
    return sum(total * total for total in totals), -kept


@given(cases())
def test_every_partition_is_dealt_once_to_a_subscriber(case: Case) -> None:
    topics, subscriptions, owners = case
    holders = _holders(balance(topics, subscriptions, owners))
    read = [topic for topic in topics if _takers(topic, subscriptions)]
    assert set(holders) == {(topic, partition) for topic in read for partition in topics[topic]}
    for (topic, _), who in holders.items():
        assert len(who) == 1
        assert topic in subscriptions[who[0]]


@given(cases())
def test_each_topic_is_balanced_by_itself(case: Case) -> None:
    topics, subscriptions, owners = case
    dealt = balance(topics, subscriptions, owners)
    for topic in topics:
        counts = [len(dealt[member].get(topic, ())) for member in _takers(topic, subscriptions)]
        assert max(counts, default=0) - min(counts, default=0) <= 1


@given(cases(topics=12, members=7))
def test_members_that_read_the_same_have_as_many_all_in_all(case: Case) -> None:
    """The remainders of the topics do not heap up with one of them."""
    topics, subscriptions, owners = case
    everybody = dict.fromkeys(subscriptions, frozenset(topics))
    dealt = balance(topics, everybody, owners)
    totals = [sum(map(len, hand.values())) for hand in dealt.values()]
    assert max(totals) - min(totals) <= 1


_IN_THE_WAY: Case = (
    {"topic0": [0], "topic1": [0]},
    dict.fromkeys(("member0", "member1"), frozenset(("topic0", "topic1"))),
    {("topic1", 0): "member0"},
)
"""What is dealt first has to make room for what need not move."""


@given(cases())
@example(_IN_THE_WAY)
def test_no_other_way_is_more_even_or_moves_less(case: Case) -> None:
    """Held against every way there is of giving out what is left of each topic."""
    topics, subscriptions, owners = case
    takers = {topic: _takers(topic, subscriptions) for topic in topics}
    read = [topic for topic in topics if takers[topic]]
    held = Counter((topic, member) for (topic, n), member in owners.items() if n != 99)
    scores = []
    for extras in product(
        *(combinations(takers[topic], len(topics[topic]) % len(takers[topic])) for topic in read)
    ):
        counts, kept = dict.fromkeys(subscriptions, 0), 0
        for topic, lucky in zip(read, extras, strict=True):
            for member in takers[topic]:
                share = len(topics[topic]) // len(takers[topic]) + (member in lucky)
                counts[member] += share
                kept += min(share, held[topic, member])
        scores.append(_score(counts.values(), kept))
    dealt = balance(topics, subscriptions, owners)
    kept = sum(owners.get(place) == who for place, (who,) in _holders(dealt).items())
    totals = [sum(map(len, hand.values())) for hand in dealt.values()]
    assert _score(totals, kept) == min(scores)


@given(cases(topics=6, members=6), st.randoms())
def test_the_order_of_members_and_topics_does_not_matter(case: Case, random: object) -> None:
    topics, subscriptions, owners = case

    def shuffled(items: dict) -> dict:  # type: ignore[type-arg]
        order = list(items.items())
        random.shuffle(order)  # type: ignore[attr-defined]
        return dict(order)

    again = balance(shuffled(topics), shuffled(subscriptions), shuffled(owners))
    assert again == balance(topics, subscriptions, owners)


@given(cases(topics=6, members=6))
def test_dealing_again_moves_nothing(case: Case) -> None:
    topics, subscriptions, owners = case
    dealt = balance(topics, subscriptions, owners)
    now = {place: who for place, (who,) in _holders(dealt).items()}
    assert balance(topics, subscriptions, now) == dealt
