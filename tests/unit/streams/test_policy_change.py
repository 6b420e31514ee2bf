"""From one policy to the next: what differs is said where the present one takes over, and once."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.alerts.decide import Alerting
from grantline.lineage.tiers import Dump
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy, digest
from grantline.notify.ledger import Incoming, Ledger
from grantline.rules.story import tell
from grantline.streams.engines import Chains, Engines
from grantline.streams.folds import Fold, Snapshot
from grantline.streams.policy_change import PolicyChange
from grantline.streams.snapshots import Snapshots
from tests.properties.strategies import exchanges

BEFORE = Policy(ignored_scopes=frozenset({"extra"}))
AFTER = Policy(ignored_scopes=frozenset({"own"}))
STORY = """
alice grant planner token=a scopes=read
planner delegate worker from=a token=b scopes=read,own
planner delegate helper from=a token=c scopes=read,extra
planner delegate third from=a token=d scopes=read,third
"""
FACTS = tell(STORY)[0]


def changing(live_from: int, before: Policy = BEFORE, after: Policy = AFTER) -> Fold[Hop]:
    fold = Engines().chain_fold(after)
    fold.live_from = live_from
    fold.change = PolicyChange(Chains(before))
    return fold


def said(fold: Fold[Hop], offset: int, hops: list[Hop]) -> list[tuple[str, str, int, bool]]:
    news = fold.take(offset, 1_000, hops).findings
    return [(change, f.path[-1], f.revision, f.policy_change) for change, f in news]


def test_what_differs_is_said_at_the_first_record_that_nobody_judged() -> None:
    """What both policies say is not said again; what comes is said as ever."""
    fold = changing(live_from=1)
    assert said(fold, 0, FACTS[:3]) == []
    assert fold.due(0), "a frame is asked for, so that it does not wait for the next span"
    assert not fold.changed, "a snapshot would keep what was not said"
    assert said(fold, 1, FACTS[3:]) == [
        ("opened", "helper", 2, True),
        ("retracted", "worker", 2, True),
        ("opened", "third", 3, False),
    ]
    assert not fold.due(0)
    assert fold.changed


def test_a_crash_before_the_commit_repeats_it() -> None:
    one, again = changing(live_from=1), changing(live_from=1)
    for fold in (one, again):
        said(fold, 0, FACTS[:3])
    assert one.take(1, 1_000, []).findings == again.take(1, 1_000, []).findings


def test_what_is_taken_back_bears_the_policy_that_said_it() -> None:
    fold = changing(live_from=1)
    fold.take(0, 1_000, FACTS)
    news = {f.path[-1]: f for _, f in fold.take(1, 1_000, []).findings}
    assert news["worker"].status == "retracted"
    assert (news["worker"].policy, news["helper"].policy) == (digest(BEFORE), digest(AFTER))
    assert "third" not in news


@settings(max_examples=100, deadline=None)
@given(st.data(), exchanges())
def test_it_ends_as_if_the_present_policy_had_judged_from_the_start(
    data: st.DataObject, hops: list[Hop]
) -> None:
    """Whoever heard the policy before, and then what differs, knows what the present one finds."""
    policies = st.sampled_from((BEFORE, AFTER, Policy(), Policy(max_depth=0)))
    before, after = data.draw(policies), data.draw(policies)
    cut = data.draw(st.integers(1, len(hops)))
    former, heard = Engines().chain_fold(before), dict[str, Finding]()
    for offset, hop in enumerate(hops[:cut]):
        heard |= {f.id: f for _, f in former.take(offset, 0, [hop]).findings}
    fold = changing(cut, before, after)
    for offset, hop in enumerate(hops):
        for _, finding in fold.take(offset, 0, [hop]).findings:
            known = heard.get(finding.id)
            assert known is None or finding.revision > known.revision
            assert known is not None or finding.status == "open"
            heard[finding.id] = finding
    heard |= {f.id: f for _, f in fold.take(len(hops), 10**9, []).findings}
    undisturbed = Engines().chain_fold(after)
    right = dict[str, Finding]()
    for offset, items in enumerate([*([hop] for hop in hops), []]):
        news = undisturbed.take(offset, 10**9 if offset == len(hops) else 0, items)
        right |= {finding.id: finding for _, finding in news.findings}
    right = {key: finding for key, finding in right.items() if finding.status == "open"}
    stands = {key: f for key, f in heard.items() if f.status == "open"}
    ours = {"revision": 0, "policy": "", "policy_change": False}
    assert {key: f.model_copy(update=ours) for key, f in stands.items()} == {
        key: f.model_copy(update=ours) for key, f in right.items()
    }


def test_nobody_is_paged_for_what_the_policy_alone_brought(tmp_path: Path) -> None:
    fold = changing(live_from=1)
    fold.take(0, 1_000, FACTS)
    news = {f.path[-1]: f for _, f in fold.take(1, 1_000, []).findings}
    by_facts = news["helper"].model_copy(update={"policy_change": False, "revision": 9})
    assert told_of(tmp_path / "new", news["helper"]) == []
    assert told_of(tmp_path / "facts", news["helper"], by_facts) == ["opened"]
    assert told_of(tmp_path / "untold", news["worker"]) == []
    stood = {"status": "open", "severity": "high", "policy_change": False, "revision": 0}
    before = news["worker"].model_copy(update=stood)
    assert told_of(tmp_path / "told", before, news["worker"]) == ["opened", "retracted"]


def told_of(path: Path, *states: Finding) -> list[str]:
    """What a destination is told of these states, one after the other."""
    ledger = Ledger(path, born_ms=0)
    out = []
    for state in states:
        incoming = Incoming(state, state.model_dump_json().encode())
        ledger.take([incoming], [], [], Alerting(destinations=("pager",)), 1_000)
        while (letter := ledger.next_letter("pager")) is not None:
            out.append(json.loads(letter.body)["event"])
            ledger.sent(letter, 2_000)
    ledger.close()
    return out


HOPS = ("hops", 0)
TAKEN = Snapshot(7, 1_000, ["fnd_1"], Dump([(b"0123456789abcdef", b"x")], []))


def test_the_policy_that_judged_a_partition_is_known_to_whoever_comes_with_another(
    tmp_path: Path,
) -> None:
    Snapshots(tmp_path, "one", None, BEFORE).write(*HOPS, TAKEN)
    assert Snapshots(tmp_path, "two", None, AFTER).judged_by(*HOPS) == ("one", BEFORE)
    assert Snapshots(tmp_path, "one", None, BEFORE).judged_by(*HOPS) is None
    assert Snapshots(tmp_path, "two", {"hops": "made anew"}, AFTER).judged_by(*HOPS) is None
    assert Snapshots(tmp_path, "two", None, AFTER).judged_by("hops", 1) is None


def test_what_is_damaged_says_nothing_of_a_policy(tmp_path: Path) -> None:
    Snapshots(tmp_path, "one", None, BEFORE).write(*HOPS, TAKEN)
    (policy,) = tmp_path.glob("*.policy.json")
    policy.write_text("{")
    assert Snapshots(tmp_path, "two", None, AFTER).judged_by(*HOPS) is None
    (snapshot,) = tmp_path.glob("*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    assert Snapshots(tmp_path, "two", None, AFTER).judged_by(*HOPS) is None


def test_a_policy_comes_back_from_its_file_as_it_was() -> None:
    """Its stamp tells whether nothing but the policy differs."""
    text = msgspec.json.encode(BEFORE)
    assert msgspec.json.decode(text, type=Policy) == BEFORE
