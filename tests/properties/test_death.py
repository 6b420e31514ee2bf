"""Ends of authority join to the same in any order, however many clocks tell them."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from grantline.model.death import ANY, CLOCKS, SURE, Ends, Kill, ends, first, struck

_kills = st.builds(
    Kill,
    st.integers(0, 30),
    st.sampled_from(("a", "b")),
    st.just(""),
    st.sampled_from((1, 5)),
)
_clocks = st.lists(
    st.sampled_from([f"c{number}" for number in range(2 * CLOCKS)]), max_size=4, unique=True
).map(tuple)
_told = st.lists(st.builds(ends, _kills, _clocks, sure=st.booleans()), max_size=3 * CLOCKS)


def joined(told: list[Ends]) -> Ends:
    return reduce(first, told, ())


@given(_told, st.data())
def test_ends_join_in_any_order_and_grouping(told: list[Ends], data: st.DataObject) -> None:
    """Also where more clocks tell them than are remembered."""
    shuffled = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(told)))
    again = first(joined(shuffled[:cut]), joined(shuffled[cut:]))
    assert again == joined(told) == first(again, joined(shuffled[:cut]))


@given(_told)
def test_ends_stay_few_and_keep_the_earliest_of_all(told: list[Ends]) -> None:
    all_in_all = joined(told)
    assert len(all_in_all) <= CLOCKS + 2
    if told:
        assert dict(all_in_all)[ANY] == min(kill for each in told for _, kill in each)


@given(_told.filter(bool), st.integers(0, 40), _clocks)
def test_what_strikes_alone_strikes_together(
    told: list[Ends], time: int, clocks: tuple[str, ...]
) -> None:
    """Nothing that joins takes a hit away, as long as all clocks are remembered."""
    names = {clock for each in told for clock, _ in each}
    alone = [struck(each, time * 5, clocks, leeway=60) for each in told]
    if len(names - {ANY, SURE}) <= CLOCKS and any(alone):
        assert struck(joined(told), time * 5, clocks, leeway=60) is not None
