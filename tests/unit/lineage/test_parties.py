"""Whom a revocation reaches that names a person, a session or an agent; and for how long that is known."""

from __future__ import annotations

from itertools import permutations

import pytest

from grantline.engine import Engine
from grantline.lineage import parties
from grantline.lineage.parties import party_of
from grantline.model.history import Party
from grantline.model.hop import REACHED, REVOKE, Hop
from grantline.model.policy import Policy
from grantline.model.policy_parts import IssuerPolicy
from grantline.model.sighting import ISSUED, Sighting
from grantline.rules.story import EPOCH, tell

DAY_MS = 86_400_000


def reached(story: str, policy: Policy | None = None) -> list[str]:
    """The delegations that a story's revocations reach, by the hops that go out for them."""
    hops = Engine(policy or Policy()).add(tell(story)[0])
    return sorted(hop.id or "?" for hop in hops if REACHED in hop.flags)


STORY = """
    alice grant planner id=d0 root=d0 iss=https://as.example.com session=s1
    planner delegate worker id=d1 root=d0 parent=d0 iss=https://as.example.com
    @50 bob grant worker id=d9 root=d9 iss=https://as.example.com session=s2
    @100 idp revoke - {}
    @200 alice grant planner id=d5 root=d5 iss=https://as.example.com session=s1
"""
AS = "subject-iss=https://AS.example.com/"


@pytest.mark.parametrize(
    "revocation, ids",
    [
        (f"target=subject subject=alice {AS}", ["d0"]),
        (f"subject=alice {AS}", ["d0"]),
        (f"target=subject subject=alice actor=worker {AS}", []),
        ("target=subject subject=alice", []),
        (f"target=session session=s1 {AS}", ["d0"]),
        (f"session=s2 {AS}", ["d9"]),
        ("target=agent actor=worker", ["d1", "d9"]),
        ("target=agent actor=worker subject=bob", ["d9"]),
        ("target=agent actor=worker actor-iss=https://other.example.com", []),
        (f"target=token subject=alice {AS}", []),
        (f"target=subject subject=alice {AS} outcome=deny", []),
    ],
)
def test_what_was_given_before_is_reached_and_nothing_else(revocation: str, ids: list[str]) -> None:
    assert reached(STORY.format(revocation)) == ids


def test_every_order_reaches_the_same_once() -> None:
    hops = tell(STORY.format(f"target=session session=s1 {AS}"))[0]
    for order in permutations(hops):
        copies = [hop for hop in Engine().add([*order, *order]) if REACHED in hop.flags]
        assert [(hop.root_id, hop.id) for hop in copies] == [("d0", "d0")]


def test_an_issuer_is_one_by_its_other_names() -> None:
    story = STORY.format("target=subject subject=alice subject-iss=https://login.example.com")
    assert reached(story) == []
    names = {
        "https://as.example.com": IssuerPolicy(aliases=frozenset({"https://login.example.com"}))
    }
    assert reached(story, Policy(issuers=names)) == ["d0"]


def test_what_is_dead_and_cannot_come_late_is_forgotten() -> None:
    """A delegation with its token and the horizon; a revocation when only late grants precede it."""
    party, out, policy = Party("agt:planner", 0, 0), list[Hop](), Policy()
    now_ms = EPOCH * 1_000
    for number in range(50):
        at = now_ms + number * DAY_MS
        given = Sighting(
            party.key, ISSUED, f"{number:016x}", at * 1_000_000, f"r{number}", delegation_id="d",
            expires_at=at // 1_000 + 600,
        )  # fmt: skip
        parties.fold(party, given, policy, at, out)
        revocation = Hop(
            f"{number:016x}", "0" * 32, REVOKE, at * 1_000_000, actor_id="planner",
            revocation_target="agent",
        )  # fmt: skip
        sightings: list[Sighting] = []
        parties.waits(revocation, sightings)
        for sighting in sightings:
            parties.fold(party, sighting, policy, at, out)
        assert len(party.given) <= 3
        assert len(party.waiting) <= 3
    assert {hop.root_id for hop in out} == {f"r{number}" for number in range(50)}


def test_a_revocation_that_names_a_token_names_no_party() -> None:
    (named,) = tell("alice revoke t0 subject=alice")[0]
    assert party_of(named) is None
