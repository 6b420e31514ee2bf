"""What the engine says, when it says it, and when it takes it back."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from itertools import chain

import msgspec
import pytest

from grantline.engine import Engine
from grantline.lineage.route import mark_late
from grantline.model.chain import Use
from grantline.model.finding import MAX_LISTED, Finding, Hit
from grantline.model.history import Task
from grantline.model.hop import LATE, ROOT_RESOLVED, Hop
from grantline.model.policy import NS, Policy
from grantline.rules import every
from grantline.rules.rule import InChain
from grantline.rules.story import EPOCH, tell

POLICY = Policy()
GRACE_MS = int(POLICY.parent_grace_seconds * 1_000)
HORIZON_MS = int(POLICY.lateness_seconds * 1_000)
MINUTE_MS = 60_000


def hops_of(story: str) -> list[Hop]:
    return [*chain(*tell(story))]


def states(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.reference, finding.status) for finding in findings]


def said(story: str, *more: Hop) -> list[Finding]:
    """Everything that stands in the end, of facts told in their order."""
    engine = Engine()
    last: dict[str, Finding] = {}
    for hop in (*hops_of(story), *more):
        engine.add([hop])
        last |= {finding.id: finding for finding in engine.drain()}
    last |= {finding.id: finding for finding in engine.finish()}
    return [finding for finding in last.values() if finding.status == "open"]


ABSENCES = {
    "a delegation whose parent is missing": (
        "worker delegate tool from=t1 token=t2 root=dlg:t0",
        "planner delegate worker from=t0 token=t1 root=dlg:t0",
    ),
    "a use of a token nobody issued": (
        "worker use t1 root=dlg:t0",
        "planner delegate worker from=t0 token=t1 root=dlg:t0",
    ),
    "a use under a delegation nobody made": (
        "worker use - id=d1 root=dlg:t0",
        "planner delegate worker from=t0 token=t1 id=d1 root=dlg:t0",
    ),
    "a hop that names no root": (
        "worker delegate tool from=t1 token=t2 root=-",
        "planner delegate worker from=t0 token=t1 root=dlg:t0",
    ),
}


@pytest.mark.parametrize("fact, missing", ABSENCES.values(), ids=ABSENCES)
def test_absence_is_told_when_its_grace_has_passed_and_taken_back_on_arrival(
    fact: str, missing: str
) -> None:
    """Not a millisecond early; and what was missing retracts it whenever it comes."""
    engine = Engine()
    engine.advance(1_000)
    engine.add(hops_of("alice grant planner token=t0"))
    engine.add(hops_of(fact))
    assert engine.drain() == []
    engine.advance(1_000 + GRACE_MS - 1)
    assert engine.drain() == []
    engine.advance(1_000 + GRACE_MS)
    assert states(engine.drain()) == [("CS-06", "open")]
    engine.add(hops_of(missing))
    assert states(engine.drain()) == [("CS-06", "retracted")]
    assert engine.finish() == []


@pytest.mark.parametrize("fact, missing", ABSENCES.values(), ids=ABSENCES)
def test_nothing_is_said_of_what_was_missing_within_the_grace(fact: str, missing: str) -> None:
    """A parent that comes later than its child, but in time, is no news."""
    engine = Engine()
    engine.add(hops_of("alice grant planner token=t0"))
    engine.add(hops_of(fact))
    engine.drain()
    engine.advance(GRACE_MS - 1)
    engine.add(hops_of(missing))
    assert engine.drain() == []
    assert engine.finish() == []


def test_the_grace_of_a_hop_begins_with_its_own_report() -> None:
    """That others spoke of it long before does not take away the time its parent has."""
    first, second, third = hops_of(
        """
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        worker delegate tool from=t1 token=t2
        """
    )
    engine = Engine()
    engine.add([third])
    engine.advance(GRACE_MS)
    assert states(engine.drain()) == [("CS-06", "open")]
    engine.add([second])
    assert states(engine.drain()) == [("CS-06", "retracted")]
    engine.advance(2 * GRACE_MS - 1)
    engine.add([first])
    assert engine.drain() == []
    assert engine.finish() == []


def test_a_finding_is_amended_taken_back_and_opened_again_under_one_id() -> None:
    """Each state has a higher revision than the one before; nothing is said without a change."""
    engine = Engine()
    heard: list[Finding] = []
    for story in (
        """
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 scopes=read evidence=asserted
        @100 alice revoke t0 target=subtree
        @300 worker use t1
        """,
        "@300 worker use t1 root=dlg:t0",  # the same moment, another span
        "@300 worker use t1 root=dlg:t0",  # the very same span again
        "x delegate worker from=t9 token=t1 scopes=read evidence=introspection root=dlg:t0",
        "planner delegate worker from=t0 token=t1 scopes=read evidence=issuer root=dlg:t0",
    ):
        engine.add(hops_of(story))
        heard += [finding for finding in engine.drain() if finding.reference == "TR-05"]
    assert [finding.status for finding in heard] == ["open", "open", "retracted", "open"]
    assert [finding.count for finding in heard] == [1, 2, 2, 2]
    assert len({finding.id for finding in heard}) == 1
    assert all(a.revision < b.revision for a, b in itertools.pairwise(heard))


def test_a_redelivered_span_with_another_broker_time_is_the_same_fact() -> None:
    """A replay of the input topic gets new broker times; nothing is counted twice."""
    hops = hops_of(
        """
        alice grant planner token=t0
        @100 alice revoke t0 target=token
        @300 planner use t0
        @300 planner use t9 root=-
        @300 planner delegate worker from=t9 token=t8 root=-
        """
    )
    engine = Engine()
    engine.add(hops)
    engine.finish()
    engine.add([msgspec.structs.replace(hop, received=hop.received + 5_000) for hop in hops])
    assert engine.finish() == []


WITNESS_MS = int(POLICY.witness_seconds * 1_000)


def test_what_a_gateway_may_explain_is_provisional_until_it_had_time_to_report() -> None:
    """A thief and a gateway look alike to the service, until the gateway reports or does not."""
    hops = hops_of(
        """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=crm.example.com kind=client
        mallory use t0 at=crm.example.com by=crm
        """
    )
    engine = Engine()
    engine.advance(1_000)
    engine.add(hops)
    (at_once,) = engine.drain()
    assert (at_once.reference, at_once.provisional) == ("TR-01", True)
    engine.advance(1_000 + WITNESS_MS - 1)
    assert engine.drain() == []
    engine.advance(1_000 + WITNESS_MS)
    (confirmed,) = engine.drain()
    assert confirmed == at_once.model_copy(
        update={"provisional": False, "revision": confirmed.revision}
    )


def test_a_gateway_that_reports_in_time_takes_the_provisional_finding_back() -> None:
    """Its own span shows that it received the token, so it may pass it on."""
    *early, gateway = hops_of(
        """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=gw.example.com kind=client
        gateway use t0 at=crm.example.com by=crm
        planner use t0 at=gw.example.com by=gateway
        """
    )
    engine = Engine()
    engine.add(early)
    assert [(f.status, f.provisional) for f in engine.drain()] == [("open", True)]
    engine.add([gateway])
    assert [(f.status, f.provisional) for f in engine.drain()] == [("retracted", False)]
    assert engine.finish() == []


def test_a_thief_is_told_at_once_where_the_way_of_the_token_is_known() -> None:
    """Its holder brought the token to where it is meant for: there is no gateway to wait for."""
    engine = Engine()
    engine.add(
        hops_of(
            """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=crm.example.com by=crm
            mallory use t0 at=crm.example.com by=crm
            crm use t0 at=mail.example.com by=mail
            """
        )
    )
    assert sorted(states(engine.drain())) == [("TR-01", "open"), ("TR-11", "open")]


def _broken(use: Use, where: InChain) -> Iterator[Hit]:
    raise KeyError("Bearer visibly-fake-secret", use, where)


BROKEN = msgspec.structs.replace(every()[0], id="broken", reads=Use, check=_broken)


def test_a_rule_that_crashes_is_a_finding_and_the_others_still_run() -> None:
    """The finding names the rule and the kind of error, never what the error says."""
    engine = Engine(rules=[BROKEN, *every()])
    story = """
        alice grant planner token=t0
        @100 alice revoke t0 target=token
        @300 planner use t0
    """
    taken = engine.add(hops_of(story))
    findings = {finding.rule: finding for finding in engine.finish()}
    assert len(taken) == 3
    assert findings.keys() == {"rule-crashed", "used-after-revocation"}
    assert "broken" in findings["rule-crashed"].explanation
    assert "KeyError" in findings["rule-crashed"].explanation
    assert "secret" not in findings["rule-crashed"].model_dump_json()


def test_a_crash_is_told_alike_by_every_partition() -> None:
    """How often it crashed differs from partition to partition: it must not be in the finding."""
    one, many = Engine(rules=[BROKEN]), Engine(rules=[BROKEN])
    one.add(hops_of("planner use t0 root=g1"))
    many.add(hops_of("planner use t0 root=g1\nplanner use t0 root=g1\nplanner use t1 root=g1"))
    assert one.drain() == many.drain()


def _uses(number: int, **changed: object) -> list[Hop]:
    use = hops_of("@300 planner use t0 root=dlg:t0")[0]
    return [
        msgspec.structs.replace(use, span_id=f"{i:016x}", time=use.time + i * NS, **changed)
        for i in range(number)
    ]


def test_the_count_is_exact_beyond_what_is_listed() -> None:
    """The earliest spans are listed, all are counted, and the gravest decides the severity."""
    grant, revoke = hops_of("alice grant planner token=t0\n@100 alice revoke t0 target=token")
    uses = _uses(3 * MAX_LISTED)
    uses[-2] = msgspec.structs.replace(uses[-2], action_risk="critical")
    engine = Engine()
    engine.add([grant, revoke, *reversed(uses)])
    (finding,) = engine.drain()
    assert finding.count == len(uses)
    assert finding.span_ids == [hop.span_id for hop in uses[:MAX_LISTED]]
    assert finding.severity == "critical"
    assert finding.last_seen > finding.first_seen
    assert f"and {len(uses) - 1} more" in finding.explanation


def test_the_count_stays_exact_when_listed_ones_are_taken_back() -> None:
    """Half of the uses turn out to be somebody else's token: the list closes up."""
    story = """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=gw.example.com by=gateway
        gateway use t0 at=crm.example.com by=crm
    """
    grant, _, forwarded = hops_of(story)
    engine = Engine()
    engine.add([grant, *_uses(100, server_address="mail.example.com", service="mail")])
    other = [msgspec.structs.replace(hop, span_id=f"a{hop.span_id[1:]}", service="gateway")
             for hop in _uses(100, server_address="mail.example.com")]  # fmt: skip
    engine.add(other)
    (finding,) = engine.drain()
    assert finding.count == 200
    engine.add([forwarded])
    (finding,) = (f for f in engine.drain() if f.reference == "TR-11")
    assert finding.count == 100
    assert finding.span_ids == [f"{i:016x}" for i in range(MAX_LISTED)]


def test_late_hops_are_lineage_but_not_judged() -> None:
    """A span older than the horizon is handed on, flagged, and says nothing."""
    hops = hops_of(
        """
        alice grant planner token=t0
        @100 alice revoke t0 target=token
        @300 planner use t0
        @300 mallory use t9 root=-
        """
    )
    late_ms = (EPOCH + 100) * 1_000 + HORIZON_MS
    in_time = [msgspec.structs.replace(hop, received=late_ms) for hop in hops]
    late = [mark_late(msgspec.structs.replace(hop, received=late_ms + 300_000), POLICY)
            for hop in hops]  # fmt: skip
    assert [LATE in mark_late(hop, POLICY).flags for hop in in_time] == [True, False, False, False]
    engine = Engine()
    assert engine.add(late) == late
    assert all(LATE in hop.flags for hop in late)
    assert engine.finish() == []


def test_a_hop_without_a_root_finds_it_over_several_others() -> None:
    """Told from the leaf up, each is handed on with its root once the way there is known."""
    hops = hops_of(
        """
        alice grant planner token=t0
        planner delegate a from=t0 token=t1 root=-
        a delegate b from=t1 token=t2 root=-
        b renew t3 from=t2 root=-
        b use t3 root=-
        b revoke t3 target=token root=-
        """
    )
    engine = Engine()
    for hop in reversed(hops[1:]):
        assert engine.add([hop]) == [hop]
    taken = engine.add(hops[:1])
    assert taken[0] == hops[0]
    assert {hop.span_id for hop in taken[1:]} == {hop.span_id for hop in hops[1:]}
    assert {hop.root_id for hop in taken} == {hops[0].id}
    assert all(ROOT_RESOLVED in hop.flags for hop in taken[1:])
    assert engine.finish() == []


def test_a_hop_that_names_nothing_but_its_task_goes_to_one_run() -> None:
    """To the one under way at its time, not to all that ever had the name."""
    first, end, second, other = hops_of(
        """
        @0 alice grant planner token=t0 task=nightly
        @100 planner end - task=nightly root=-
        @500 alice grant planner token=t1 task=nightly
        @600 planner end - task=nightly root=-
        """
    )
    engine = Engine()
    taken = engine.add([other, second, end, first])
    last = {hop.span_id: hop for hop in taken}
    assert (last[end.span_id].root_id, last[other.span_id].root_id) == (first.id, second.id)
    assert last[end.span_id].task_granted_at == first.time
    assert engine.finish() == []
    assert len(engine.add([msgspec.structs.replace(end, received=7)])) == 1


def test_a_task_id_that_is_used_for_ever_is_not_remembered_for_ever() -> None:
    """Runs and ends are let go when only late facts could change where they belong."""
    engine = Engine()
    for day in range(30):
        engine.advance((EPOCH + day * 86_400) * 1_000)
        engine.add(
            hops_of(
                f"""
                @{day * 86_400} alice grant planner token=t{day} task=nightly
                @{day * 86_400 + 60} planner end - task=nightly root=-
                """
            )
        )
        engine.drain()
    task = engine._tokens._names.get("task:nightly")
    assert isinstance(task, Task)
    assert max(len(task.starts), len(task.waits), len(task.waiting)) <= 3


def sizes(engine: Engine) -> tuple[int, int]:
    return engine._chains.stats()["chains"], engine._tokens.stats()["tokens"]


def test_memory_is_let_go_when_the_last_token_is_dead_and_nothing_can_come_late() -> None:
    """Not before its tokens expire, nor within the horizon after the last arrival."""
    ends_ms = (EPOCH + 500) * 1_000
    engine = Engine()
    engine.advance(EPOCH * 1_000)
    engine.add(hops_of("alice grant planner token=t0 exp=500\nplanner use t0"))
    engine.advance(ends_ms + HORIZON_MS - 1)
    engine.drain()
    assert sizes(engine) == (1, 4)  # the token, the delegation by its id, the person, the agent
    engine.advance(ends_ms + HORIZON_MS + MINUTE_MS)
    assert engine.drain() == []
    assert sizes(engine) == (0, 0)


def test_what_one_step_of_the_clock_brings_up_and_lets_go_is_said() -> None:
    """A worker that was away for days still tells what it found, and takes nothing back."""
    engine = Engine()
    engine.add(hops_of("worker delegate tool from=t1 token=t2 root=g1\nmallory use t9 root=-"))
    engine.advance(10 * HORIZON_MS)
    assert sorted(states(engine.drain())) == [("CS-06", "open"), ("CS-06", "open")]
    engine.advance(10 * HORIZON_MS + 60_000)
    assert engine.drain() == []
    assert sizes(engine) == (0, 0)
    assert engine.finish() == []


def test_names_deep_below_a_revoked_ancestor_follow_its_name() -> None:
    """The ancestor is named in findings further down than a path is drawn."""
    lines = [
        "alice grant planner token=t0",
        "planner delegate a1 from=t0 token=t1 evidence=asserted",
    ]
    lines += [f"a{i} delegate a{i + 1} from=t{i} token=t{i + 1}" for i in range(1, 40)]
    lines += ["@100 planner revoke t1 target=subtree", "@900 a40 use t40"]
    late = "planner delegate scheduler from=t0 token=t1 evidence=issuer"
    story = "\n".join([*lines, late])
    in_order = {f.id: f.explanation for f in said(story)}
    engine = Engine()
    engine.add(hops_of(story)[:-1])
    engine.drain()
    engine.add(hops_of(story)[-1:])
    (amended,) = (
        f for f in engine.drain() if f.reference == "TR-05" and "exchanged" not in f.explanation
    )
    assert "the ancestor scheduler" in amended.explanation
    assert in_order[amended.id] == amended.explanation


NORMAL = {
    "the holder exchanges one token twice": """
        alice grant planner token=t0 scopes=read
        planner delegate a from=t0 token=t1 scopes=read
        planner delegate b from=t0 token=t2 scopes=read
        planner use t0
        a use t1
        b use t2
    """,
    "replicas of one service": """
        alice grant planner token=t0
        spiffe://corp/ns/agents/sa/planner/pod/a use t0
        spiffe://corp/ns/agents/sa/planner/pod/b use t0
        system:serviceaccount:agents:planner use t0 kind=client
    """,
    "a gateway in front of its service, reported by all three": """
        alice grant planner token=t0 aud=https://crm.example.com
        planner use t0 at=gw.example.com kind=client aud=https://crm.example.com
        planner use t0 at=gw.example.com by=gateway aud=https://crm.example.com
        gateway use t0 at=crm.example.com kind=client aud=https://crm.example.com
        gateway use t0 at=crm.example.com by=crm aud=https://crm.example.com
    """,
    "a renewed token, the old one replaced, children live on": """
        alice grant planner token=t0 scopes=read exp=600
        planner delegate worker from=t0 token=t1 scopes=read exp=600
        @500 planner renew t2 from=t0 scopes=read exp=1200
        @501 planner revoke t0 target=token reason=rotation
        @510 planner use t0
        @600 worker use t1
        @1100 planner use t2
        @1100 planner delegate helper from=t2 token=t3 scopes=read
        @1101 helper use t3
    """,
    "one exchange, told by the agent and by the issuer": """
        alice grant planner token=t0 scopes=read,write aud=https://a.example.com
        alice grant planner token=t0 scopes=read,write kind=server evidence=issuer
        planner delegate worker from=t0 token=t1 scopes=read parent-scopes=read,write
        planner delegate worker from=t0 token=t1 scopes=read kind=server evidence=issuer
        worker use t1 kind=client at=crm.example.com aud=https://crm.example.com
        worker use t1 by=crm at=crm.example.com aud=https://crm.example.com
    """,
    "the task ends: tokens are revoked, a request is still in flight": """
        alice grant planner token=t0 task=k1
        planner delegate worker from=t0 token=t1 task=k1
        @100 planner end - task=k1
        @100 planner revoke - task=k1 target=task root=dlg:t0
        @125 worker use t1
        @200 worker use t1 outcome=deny
    """,
    "refused attempts": """
        alice grant planner token=t0 scopes=read aud=https://crm.example.com
        planner delegate worker from=t0 scopes=read,admin outcome=deny
        planner use t0 at=mail.example.com by=mail outcome=deny
    """,
    "no hop but the grant names the root": """
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 scopes=read root=-
        worker use t1 root=-
        worker use t1 kind=client root=-
    """,
    "an in-process hand-off, by ids alone": """
        alice grant planner token=t0 scopes=read
        planner delegate worker parent=dlg:t0 id=d1 scopes=read root=-
        worker delegate tool parent=d1 id=d2 root=-
        tool use - id=d2 root=-
    """,
    "into another domain": """
        alice grant planner token=t0 scopes=read iss=https://a.example
        planner delegate planner from=t0 token=t1 method=id_jag type=id_jag iss=https://a.example
        planner delegate planner from=t1 token=t2 method=jwt_bearer scopes=lesen iss=https://b.example
        planner use t2 iss=https://b.example
    """,
    "a transaction token handed on": """
        alice grant planner token=t0 type=txn_token aud=https://crm.example.com
        planner use t0 by=crm at=crm.example.com
        crm use t0 by=billing at=billing.example.com
    """,
    "clocks that differ": """
        @30 alice grant planner token=t0 exp=100
        @0 planner delegate worker from=t0 token=t1 exp=100
        @150 worker use t1
    """,
}


@pytest.mark.parametrize("story", NORMAL.values(), ids=NORMAL)
def test_normal_life_is_silent(story: str) -> None:
    """Every span told, one of them twice, in many orders: nobody is ever paged, nothing stays."""
    hops = hops_of(story)
    shuffled = random.Random(len(hops))
    for order in (hops, hops[::-1], *(shuffled.sample(hops, len(hops)) for _ in range(50))):
        engine = Engine()
        heard: dict[str, Finding] = {}
        for hop in [*order, order[0]]:
            engine.add([hop])
            for finding in engine.drain():
                heard[finding.id] = finding
                assert finding.provisional or finding.status == "retracted"
        assert engine.finish() == []
        assert {finding.status for finding in heard.values()} <= {"retracted"}


_DEEP = """
planner delegate worker from=t0 token=t1 scopes=read root=dlg:t0
worker delegate tool from=t1 token=t2 scopes=read root=dlg:t0
"""


@pytest.mark.parametrize(
    "grant,then",
    [
        ("alice grant planner token=t0 scopes=read max-depth=1", ["open"]),
        ("alice grant planner token=t0 scopes=read max-depth=2", []),
        ("alice grant planner token=t0 scopes=read", ["open"]),
    ],
    ids=["and allows less", "and allows more", "and leaves it to the policy"],
)
def test_a_chain_is_not_too_deep_before_its_grant_is_seen(grant: str, then: list[str]) -> None:
    """Only the grant tells how deep it may be; nothing is said that would be taken back."""
    engine = Engine(Policy(max_depth=1))
    engine.add(hops_of(_DEEP))
    assert [f for f in engine.drain() if f.rule == "too-deep"] == []
    engine.add(hops_of(grant))
    assert [f.status for f in engine.drain() if f.rule == "too-deep"] == then


def test_a_chain_without_a_grant_is_too_deep_after_the_grace() -> None:
    engine = Engine(Policy(max_depth=1))
    engine.add(hops_of(_DEEP))
    engine.drain()
    engine.advance(GRACE_MS - 1)
    assert [f for f in engine.drain() if f.rule == "too-deep"] == []
    engine.advance(GRACE_MS)
    assert [f.status for f in engine.drain() if f.rule == "too-deep"] == ["open"]
