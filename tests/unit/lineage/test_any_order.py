"""Facts that fight one another: in every order, drained after each, they end in one verdict.

The stories are the ones in which an order once decided, or could: each is told in all its
orders where they can be counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, permutations
from math import factorial

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.rules.story import tell

ENOUGH = 720

STORIES: dict[str, tuple[str, set[str]]] = {
    "two delegations name each other as parent": (
        """
        alice grant planner token=t0 scopes=read
        worker delegate tool from=t2 token=t1 scopes=read root=dlg:t0
        tool delegate worker from=t1 token=t2 scopes=read root=dlg:t0
        @300 worker use t2 root=dlg:t0
        """,
        {"orphan-hop CS-06"},
    ),
    "a circle of three, with one that hangs below it": (
        """
        x delegate a from=t3 token=t1 root=g1
        a delegate b from=t1 token=t2 root=g1
        b delegate x from=t2 token=t3 root=g1
        b delegate c from=t2 token=t4 root=g1
        c use t4 root=g1
        """,
        {"orphan-hop CS-06"},
    ),
    "stronger evidence opens the circle": (
        """
        alice grant planner token=t0 scopes=read
        tool delegate worker from=t2 token=t1 evidence=asserted root=dlg:t0
        worker delegate tool from=t1 token=t2 root=dlg:t0
        planner delegate worker from=t0 token=t1 evidence=issuer
        """,
        set(),
    ),
    "stronger evidence opens it at the other end": (
        """
        alice grant planner token=t0 scopes=read
        tool delegate worker from=t2 token=t1 root=dlg:t0
        worker delegate tool from=t1 token=t2 evidence=asserted root=dlg:t0
        planner delegate tool from=t0 token=t2 evidence=issuer
        """,
        set(),
    ),
    "stronger evidence closes a circle under a revoked root": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate a from=t0 token=t1 scopes=read evidence=asserted
        a delegate b from=t1 token=t2 scopes=read
        b delegate a from=t2 token=t1 scopes=read evidence=issuer root=dlg:t0
        alice revoke t0 target=subtree
        @400 b use t2 root=dlg:t0
        """,
        {"orphan-hop CS-06"},
    ),
    "a token that was exchanged for itself": (
        """
        alice grant planner token=t0
        planner delegate planner from=t1 token=t1 root=dlg:t0
        planner use t1 root=dlg:t0
        """,
        {"orphan-hop CS-06"},
    ),
    "stronger evidence names another audience": (
        """
        planner use t0 at=crm.example.com by=crm aud=https://crm.example.com evidence=asserted root=dlg:t0
        planner use t0 at=other.example.com kind=client root=dlg:t0
        alice grant planner token=t0 aud=https://mail.example.com root=dlg:t0
        """,
        {"wrong-audience TR-11"},
    ),
    "stronger evidence names another audience, and a gateway forwarded to the old one": (
        """
        planner use t0 at=gw.example.com by=gateway root=dlg:t0
        gateway use t0 at=crm.example.com by=crm aud=https://crm.example.com evidence=asserted root=dlg:t0
        alice grant planner token=t0 aud=https://mail.example.com root=dlg:t0
        """,
        {"wrong-audience TR-11"},
    ),
    "a gateway that is not known as one at first": (
        """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=gw.example.com by=gateway
        gateway use t0 at=crm.example.com by=crm
        planner use t0 at=gw.example.com kind=client
        """,
        set(),
    ),
    "two gateways, the second one known last": (
        """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=gw.example.com by=gateway
        planner use t0 at=edge.example.com by=edge
        gateway use t0 at=crm.example.com by=crm
        edge use t0 at=crm.example.com by=crm
        """,
        set(),
    ),
    "who presented first is told last": (
        """
        @10 spiffe://corp/ns/evil/sa/planner use t0 root=dlg:t0
        @20 spiffe://corp/ns/agents/sa/planner use t0 root=dlg:t0
        @30 mallory use t0 root=dlg:t0
        @5 spiffe://corp/ns/agents/sa/planner use t0 root=dlg:t0
        alice grant planner token=t0 root=dlg:t0
        """,
        {"presenter-differs TR-01", "presenter-differs TR-02"},
    ),
    "a jti is revoked, its token is used": (
        """
        alice grant planner token=t0 jti=j1 iss=https://a.example
        @100 alice revoke - jti=j1 iss=https://a.example root=dlg:t0
        @300 planner use t0
        """,
        {"used-after-revocation TR-04"},
    ),
    "a token is revoked, and used by its jti alone": (
        """
        alice grant planner token=t0 jti=j1 iss=https://a.example
        @100 alice revoke t0 target=token
        @300 planner use - jti=j1 iss=https://a.example root=dlg:t0
        """,
        {"used-after-revocation TR-04"},
    ),
    "an ancestor is revoked, its descendant used by its jti alone": (
        """
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1 jti=j1 iss=https://a.example
        @100 alice revoke t0 target=subtree
        @300 worker use - jti=j1 iss=https://a.example root=dlg:t0
        """,
        {"used-after-revocation TR-05"},
    ),
    "only the use tells which jti the revoked token has": (
        """
        alice grant planner token=t0
        @100 alice revoke - jti=j1 iss=https://a.example root=dlg:t0
        @300 planner use t0 jti=j1 iss=https://a.example
        """,
        {"used-after-revocation TR-04"},
    ),
    "another issuer's jti of the same name": (
        """
        alice grant planner token=t0 jti=j1 iss=https://a.example
        @100 alice revoke - jti=j1 iss=https://b.example root=dlg:t0
        @300 planner use t0
        """,
        set(),
    ),
    "a delegation revoked by its id, and used under that id": (
        """
        alice grant planner token=t0
        planner delegate worker parent=dlg:t0 id=d1 root=dlg:t0
        @100 planner revoke - id=d1 target=delegation root=dlg:t0
        @300 worker use - id=d1 root=dlg:t0
        """,
        {"used-after-revocation TR-04"},
    ),
    "the task is revoked; stronger evidence says it was another task": (
        """
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1 task=k1 evidence=asserted
        planner delegate worker from=t0 token=t1 task=k2 evidence=issuer
        @100 alice revoke - task=k1 target=task root=dlg:t0
        @300 worker use t1
        """,
        set(),
    ),
    "both tokens of a delegation are revoked": (
        """
        alice grant planner token=t0 scopes=read
        planner renew t2 from=t0
        planner delegate worker from=t0 token=t1 scopes=read
        @100 alice revoke t0 target=token
        @120 alice revoke t2 target=token
        @300 worker use t1
        """,
        {"used-after-revocation TR-05"},
    ),
    "one is revoked twice, and the earlier time counts": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 scopes=read
        @500 alice revoke t0 target=token
        @100 alice revoke t0 target=token
        @300 worker use t1
        """,
        {"used-after-revocation TR-05"},
    ),
    "replaced, then revoked for good": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 scopes=read
        @100 alice revoke t0 target=token reason=rotation
        @110 alice revoke t0 target=token reason=compromise
        @300 worker use t1
        """,
        {"used-after-revocation TR-05"},
    ),
    "the whole delegation is revoked by the token that stronger evidence gives to another": (
        """
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1 id=d1 evidence=asserted
        planner delegate helper from=t0 token=t1 id=d2 evidence=issuer
        @100 alice revoke t1 target=subtree
        @300 worker use - id=d1 root=dlg:t0
        @300 helper use - id=d2 root=dlg:t0
        """,
        {"used-after-revocation TR-04"},
    ),
    "a revocation that does not cascade": (
        """
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        @100 alice revoke t0 target=delegation cascade=no
        @300 worker use t1
        """,
        {"used-after-revocation TR-05"},
    ),
    "stronger evidence renames those above": (
        """
        alice grant planner token=t0 scopes=read evidence=asserted
        planner delegate a from=t0 token=t1 scopes=read
        a delegate b from=t1 token=t2 scopes=read,admin
        bob grant scheduler token=t0 scopes=read evidence=issuer
        planner delegate first from=t0 token=t1 scopes=read evidence=issuer
        """,
        {"scope-exceeds-parent SE-01"},
    ),
    "stronger evidence renames one three hops above": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate a from=t0 token=t1 scopes=read evidence=asserted
        a delegate b from=t1 token=t2 scopes=read
        b delegate c from=t2 token=t3 scopes=read,admin
        planner delegate first from=t0 token=t1 scopes=read evidence=issuer
        """,
        {"scope-exceeds-parent SE-01"},
    ),
    "stronger evidence hangs one three hops above elsewhere": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate a from=t0 token=t1 scopes=read root=dlg:t0
        x delegate b from=t5 token=t2 scopes=read evidence=asserted root=dlg:t0
        b delegate c from=t2 token=t3 scopes=read,admin root=dlg:t0
        a delegate b from=t1 token=t2 scopes=read evidence=issuer
        """,
        {"scope-exceeds-parent SE-01"},
    ),
    "stronger evidence hangs one elsewhere, equally deep": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate x from=t0 token=t4 scopes=read
        planner delegate y from=t0 token=t5 scopes=read
        x delegate b from=t4 token=t2 scopes=read evidence=asserted
        b delegate c from=t2 token=t3 scopes=read
        c delegate d from=t3 token=t6 scopes=read,admin
        y delegate b from=t5 token=t2 scopes=read evidence=issuer
        """,
        {"scope-exceeds-parent SE-01"},
    ),
    "out to another issuer and back, the grant told at any time": (
        """
        alice grant planner token=t0 scopes=read iss=https://a.example
        planner delegate b from=t0 token=t1 scopes=lesen iss=https://b.example
        b delegate c from=t1 token=t2 scopes=admin iss=https://a.example
        """,
        {"scope-exceeds-root SE-02"},
    ),
    "stronger evidence says what the human granted": (
        """
        alice grant planner token=t0 scopes=read,admin evidence=asserted
        worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
        bob grant planner token=t0 scopes=read evidence=issuer
        """,
        {"orphan-hop CS-06", "scope-exceeds-root SE-02"},
    ),
    "stronger evidence renames the revoked ancestor": (
        """
        alice grant planner token=t0 evidence=asserted
        planner delegate a from=t0 token=t1
        @100 alice revoke t0 target=subtree
        @300 a use t1
        alice grant scheduler token=t0 evidence=issuer
        """,
        {"used-after-revocation TR-05"},
    ),
    "the parent is known by a token that nobody issued yet": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 id=d1 scopes=read
        planner renew t3 from=t1 id=d1 root=dlg:t0
        worker delegate tool from=t3 token=t2 scopes=read,admin root=dlg:t0
        """,
        {"scope-exceeds-parent SE-01"},
    ),
    "a clock that is unusable tells nothing first": (
        """
        @10 mallory use t0 flags=clock_unusable root=g1 kind=server by=crm
        @100 planner use t0 root=g1 kind=server by=crm
        alice grant planner token=t1 scopes=read
        planner delegate worker from=t1 token=t2 scopes=read,admin flags=clock_unusable
        @-50 alice revoke t1 target=subtree flags=clock_unusable
        @300 worker use t2
        """,
        {"presenter-differs TR-01", "unknown-token CS-06", "scope-exceeds-parent SE-01"},
    ),
    "one token is issued in two chains": (
        """
        alice grant planner token=t0
        bob grant planner token=t0 root=g9
        planner use t0
        """,
        {"token-in-two-chains TR-10", "orphan-hop CS-06"},
    ),
    "no hop below the grant names the root": (
        """
        alice grant planner token=t0 scopes=read
        planner delegate a from=t0 token=t1 scopes=read root=-
        a delegate b from=t1 token=t2 scopes=read,admin root=-
        b use t2 root=-
        @-100 alice revoke t0 target=subtree root=-
        """,
        {"scope-exceeds-parent SE-01", "used-after-revocation TR-04",
         "used-after-revocation TR-05"},
    ),
    "without roots, by ids, jti and task": (
        """
        alice grant planner token=t0 task=k1 jti=j1 iss=https://a.example
        planner delegate a parent=dlg:t0 id=d1 root=-
        a delegate b parent=d1 id=d2 root=-
        @100 alice revoke - task=k1 target=subject root=-
        @300 b use - id=d2 root=-
        """,
        {"used-after-revocation TR-05"},
    ),
    "two runs of one task id, the first one revoked by that name alone": (
        """
        alice grant planner token=t0 task=k1
        @100 alice revoke - task=k1 target=task root=-
        @300 planner use t0
        @500 alice grant planner token=t1 task=k1
        @900 planner use t1
        """,
        {"used-after-revocation TR-04"},
    ),
    "two runs of one task id, the second one revoked by that name alone": (
        """
        alice grant planner token=t0 task=k1
        @500 bob grant planner token=t1 task=k1
        @600 bob revoke - task=k1 target=task root=-
        @900 planner use t0
        """,
        set(),
    ),
    "a revocation by the task alone that comes before every run of it": (
        """
        @-100 alice revoke - task=k1 target=task root=-
        @0 alice grant planner token=t0 task=k1
        @300 planner use t0
        """,
        {"unrooted-hop CS-06"},
    ),
    "the revoker's clock is slow": (
        """
        @-30 alice revoke - task=k1 target=task root=-
        @0 alice grant planner token=t0 task=k1
        @300 planner use t0
        """,
        {"used-after-revocation TR-04"},
    ),
    "one run, reported twice; between the reports another began": (
        """
        @10 alice grant planner token=t0 task=k1
        @20 bob grant planner token=t1 task=k1
        @30 alice grant planner token=t0 task=k1 evidence=issuer
        @100 alice revoke - task=k1 target=task root=-
        @300 planner use t0
        @300 planner use t1
        """,
        {"used-after-revocation TR-04"},
    ),
    "a hand-off that names nothing but its task": (
        """
        alice grant planner token=t0 task=k1
        planner delegate worker token=t1 task=k1 root=-
        """,
        {"orphan-hop CS-06"},
    ),
    "the client does not know that its server refused": (
        """
        alice grant planner token=t0 exp=150
        @100 alice revoke t0 target=token
        @300 planner use t0 kind=client call=c1
        @300 planner use t0 outcome=deny call=c1
        """,
        {"used-after-expiry TR-06"},
    ),
    "a server refuses one call and lets another in": (
        """
        alice grant planner token=t0
        @100 alice revoke t0 target=token
        @300 planner use t0 kind=client call=c1
        @300 planner use t0 outcome=deny call=c1
        @301 planner use t0 kind=client call=c2
        @301 planner use t0 call=c2
        """,
        {"used-after-revocation TR-04"},
    ),
}  # fmt: skip


def told(parts: Iterable[Iterable[Hop]]) -> dict[str, Finding]:
    engine, last = Engine(), dict[str, Finding]()
    for hops in parts:
        engine.add(hops)
        last |= {finding.id: finding for finding in engine.drain()}
    last |= {finding.id: finding for finding in engine.finish()}
    return {
        key: finding.model_copy(update={"revision": 0})
        for key, finding in last.items()
        if finding.status == "open"
    }


def orders(hops: list[Hop]) -> Iterator[Sequence[Hop]]:
    """All of them, or as many as are enough."""
    if factorial(len(hops)) <= ENOUGH:
        yield from permutations(hops)
        return
    shuffled = random.Random(len(hops))
    for _ in range(ENOUGH):
        yield shuffled.sample(hops, len(hops))


def test_two_reports_that_claim_one_span_are_both_heard() -> None:
    """Equal in time and span, different in what they say: no order decides which one counts."""
    hops = [*chain(*tell("""
        alice grant planner token=t0
        @100 alice revoke t0 target=token
        @300 planner use t0
    """))]  # fmt: skip
    use = hops[-1]
    hops += [
        msgspec.structs.replace(use, action_risk="critical", action_name="pay"),
        msgspec.structs.replace(use, decision_outcome=None),
        msgspec.structs.replace(use, root_id=None, server_address="crm.example.com"),
    ]
    verdict = told([hops])
    assert [finding.severity for finding in verdict.values()] == ["critical"]
    for order in permutations(hops):
        assert told([hop] for hop in order) == verdict


@pytest.mark.parametrize("story, expected", STORIES.values(), ids=STORIES)
def test_every_order_ends_in_one_verdict(story: str, expected: set[str]) -> None:
    """The verdict is the one expected, and the same in every order, word for word."""
    hops = [*chain(*tell(story))]
    verdict = told([hops])
    assert {f"{f.rule} {f.reference}" for f in verdict.values()} == expected
    for order in orders(hops):
        assert told([hop] for hop in order) == verdict
