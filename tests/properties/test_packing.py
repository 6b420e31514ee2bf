"""State that was packed and unpacked is equal to what it was, down to the last field."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import msgspec
from hypothesis import given, settings

from grantline.engine import Engine
from grantline.lineage import packing_names
from grantline.lineage.packing import pack_chain, unpack_chain
from grantline.lineage.packing_names import pack_name, unpack_name
from grantline.lineage.tallies import death_of_tokens
from grantline.lineage.tiers import Bounds, Head
from grantline.model.chain import Chain, Delegation, Endings, Named, Token, View
from grantline.model.death import Tally
from grantline.model.hop import Hop
from grantline.model.subject import Subject
from grantline.model.task import Claims
from tests.properties.strategies import facts

HEAD = Head(0, 0)


@singledispatch
def spelt(value: Any) -> Any:
    """References by name, so that two graphs can be compared; order left out where it means
    nothing.
    """
    return value


spelt.register(Delegation, lambda delegation: f"delegation {delegation.id}")
spelt.register(Token, lambda token: f"token {token.key}")
spelt.register(Named, lambda named: f"named {named.stand_in.key}")
spelt.register(Subject, lambda subject: (*map(spelt, subject.content()), subject.said))
spelt.register(set, lambda items: sorted(map(spelt, items), key=repr))
spelt.register(frozenset, lambda items: sorted(map(spelt, items), key=repr))
spelt.register(list, lambda items: [spelt(item) for item in items])
spelt.register(tuple, lambda items: [spelt(item) for item in items])
spelt.register(
    dict, lambda pairs: sorted(((spelt(k), spelt(v)) for k, v in pairs.items()), key=repr)
)


spelt.register(Claims, lambda claims: (claims.told, claims.death))


@spelt.register
def _(endings: Endings) -> dict[str, Any]:
    return {name: spelt(getattr(endings, name)) for name in Endings.__slots__}


@spelt.register
def _(view: View) -> dict[str, Any]:
    return {name: spelt(getattr(view, name)) for name in View.__slots__}


@spelt.register
def _(tally: Tally) -> dict[str, Any]:
    # What was last said of tokens that have gone is looked for again when it is asked for.
    return {
        n: spelt(getattr(tally, n)) for n in Tally.__struct_fields__ if n not in ("stale", "last")
    }


def fields(struct: msgspec.Struct) -> dict[str, Any]:
    """`numbers` only tells apart what waits since one time; waking is a touch."""
    left_out = ("numbers", "touched", "waits")
    names = (name for name in struct.__struct_fields__ if name not in left_out)
    waits = [(at, spelt(what)) for at, _, what in getattr(struct, "waits", ())]
    return {name: spelt(getattr(struct, name)) for name in names} | {
        "waits": sorted(waits, key=repr)
    }


def state(chain: Chain) -> dict[str, Any]:
    whole = {name: spelt(getattr(chain, name)) for name in Chain.__slots__ if name != "touched"}
    tokens = [*chain.tokens.values(), *(named.stand_in for named in chain.jtis.values())]
    return whole | {
        "every delegation": [
            fields(d) | {"dead": death_of_tokens(d)} for d in chain.delegations.values()
        ],
        "every token": [fields(token) | {"named": spelt(set(token.named))} for token in tokens],
        "every jti": [
            {slot: spelt(getattr(named, slot)) for slot in Named.__slots__}
            for named in chain.jtis.values()
        ],
    }


def folded(hops: list[Hop]) -> Engine:
    engine = Engine(bounds=Bounds(patience_ms=1 << 62))
    engine.add(hops)
    engine.finish()
    return engine


def held(tiers: Any) -> list[Any]:
    return list(tiers._objects.values())


@settings(max_examples=300, deadline=None)
@given(facts())
def test_a_chain_is_what_it_was(hops: list[Hop]) -> None:
    for chain in held(folded(hops)._chains._chains):
        assert state(unpack_chain(chain.key, pack_chain(chain), HEAD)) == state(chain)


@settings(max_examples=300, deadline=None)
@given(facts())
def test_a_name_is_what_it_was(hops: list[Hop]) -> None:
    for name in held(folded(hops)._tokens._names):
        head = Head(name.over_at, name.hops)
        again = unpack_name(type(name), name.key, pack_name(name), head)
        expected = fields(name)
        if pack_name(name)[:1] in packing_names._HOW:
            # Of what only leads to a root, no more is kept than when it is over.
            expected |= dict.fromkeys(("arrived", "last_arrival", "ends_at"), name.over_at)
            expected["led"] = False
        assert fields(again) == expected
