"""What a policy says is what the rules do: tiers, allowances, leeways, names, exemptions."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.policy import Policy, digest
from grantline.model.policy_parts import Exemption, IssuerPolicy
from grantline.rules.story import EPOCH, tell

REVOKED = """
    alice grant planner token=t0 iss=https://as.example.com
    @100 alice revoke t0
    @300 planner use t0 by=crm action=pay
"""


def found(story: str, policy: Policy | None = None) -> list[Finding]:
    engine = Engine(policy)
    engine.add(tell(story)[0])
    last = {finding.id: finding for finding in engine.finish()}
    return [finding for finding in last.values() if finding.status == "open"]


def told(story: str, policy: Policy | None = None) -> list[tuple[str, str]]:
    return sorted((finding.reference, finding.severity) for finding in found(story, policy))


@pytest.mark.parametrize(
    "story, before, after",
    [
        (REVOKED, ("TR-04", "high"), ("TR-04", "critical")),
        ("alice grant p token=t0\np use t1 action=pay by=p", ("CS-06", "medium"), ("CS-06", "high")),
        ("alice grant p token=t0\np use t0\nmallory use t0 action=pay", ("TR-01", "high"), ("TR-01", "critical")),
        ("alice grant p token=t0 scopes=a\np delegate w from=t0 token=t1 scopes=a,pay",
         ("SE-01", "high"), ("SE-01", "critical")),
    ],
)  # fmt: skip
def test_a_tier_of_the_policy_raises_what_touches_it(
    story: str, before: tuple[str, str], after: tuple[str, str]
) -> None:
    assert before in told(story)
    assert after in told(story, Policy(action_tiers={"pay": "critical"}))


def test_a_tier_of_the_policy_goes_before_what_a_span_says_of_itself() -> None:
    story = REVOKED.replace("action=pay", "action=pay risk=critical")
    assert told(story) == [("TR-04", "critical")]
    assert told(story, Policy(action_tiers={"pay": "low"})) == [("TR-04", "high")]


def test_a_system_may_take_its_allowance_and_no_more() -> None:
    assert told(REVOKED, Policy(allowances={"crm": 150})) == []
    assert told(REVOKED, Policy(allowances={"crm": 100})) == [("TR-04", "high")]
    assert told(REVOKED, Policy(allowances={"mail": 3_600})) == [("TR-04", "high")]


def test_an_issuer_has_a_leeway_of_its_own() -> None:
    said = IssuerPolicy(leeway_seconds=300)
    assert told(REVOKED, Policy(issuers={"https://AS.example.com/": said})) == []
    assert told(REVOKED, Policy(issuers={"https://b.example": said})) == [("TR-04", "high")]


KEYCLOAK = "https://kc.example.com/realms/r"
UNKNOWN = "https://as.example.com"
LIVES_ON = """
    alice grant planner token=t0 iss={0}
    planner delegate worker from=t0 token=t1 iss={0}
    @100 alice revoke t0 {1}
    @300 worker use t1
"""


@pytest.mark.parametrize(
    "issuer, revoked, cascade, severity",
    [
        (KEYCLOAK, "target=token", None, "low"),
        (KEYCLOAK, "", None, "low"),
        (KEYCLOAK, "target=token reason=admin", None, "low"),
        (KEYCLOAK, "target=token reason=compromise", None, "high"),
        (KEYCLOAK, "target=token reason=logout", None, "high"),
        (KEYCLOAK, "target=subtree", None, "high"),
        (KEYCLOAK, "target=token cascade=yes", None, "high"),
        (KEYCLOAK, "target=token cascade=no", None, "low"),
        (KEYCLOAK, "target=token", True, "high"),
        (UNKNOWN, "target=token", None, "high"),
        (UNKNOWN, "target=token", False, "low"),
        (UNKNOWN, "target=token reason=compromise", False, "high"),
        # Whoever says it later, and before the use, says it as well.
        (KEYCLOAK, "target=token\n@110 alice revoke t0 target=token reason=compromise", None, "high"),
        (KEYCLOAK, "target=token\n@280 alice revoke t0 target=token reason=compromise", None, "low"),
    ],
)  # fmt: skip
def test_what_outlives_a_revocation_is_low_where_the_issuer_means_it_to(
    issuer: str, revoked: str, cascade: bool | None, severity: str
) -> None:
    policy = Policy(issuers={issuer: IssuerPolicy(cascade=cascade)})
    assert told(LIVES_ON.format(issuer, revoked), policy) == [("TR-05", severity)]


def test_whose_tokens_outlive_their_parents_may_be_told_last() -> None:
    hops = tell(LIVES_ON.format(KEYCLOAK, "target=token"))[0]
    for order in permutations(hops):
        engine, last = Engine(), dict[str, Finding]()
        for hop in order:
            engine.add([hop])
            last |= {finding.id: finding for finding in engine.drain()}
        last |= {finding.id: finding for finding in engine.finish()}
        stands = [finding for finding in last.values() if finding.status == "open"]
        assert [(finding.reference, finding.severity) for finding in stands] == [("TR-05", "low")]


def test_a_presenters_other_name_is_judged_as_the_name_it_stands_for() -> None:
    story = "alice grant planner token=t0\nplanner use t0\n10.0.0.7 use t0"
    assert ("TR-01", "high") in told(story)
    assert told(story, Policy(presenter_aliases={"10.0.0.7": "planner"})) == []


class TestExemptions:
    """A finding that is expected is told, as info, with who answers for it."""

    STORY = "alice grant a token=t0 scopes=r\na delegate b from=t0 token=t1 scopes=r,own"

    def policy(self, **changed: Any) -> Policy:
        said = {"reference": "SE-01", "until": "2027-01-31", "owner": "alice", "reason": "moves"}
        return Policy(exemptions=(Exemption(**{**said, **changed}),))

    def test_it_is_told_as_info_and_says_who_answers_for_it(self) -> None:
        (finding,) = [f for f in found(self.STORY, self.policy()) if f.reference == "SE-01"]
        assert finding.severity == "info"
        assert finding.facts["accepted"] == "moves (alice, until 2027-01-31)"

    @pytest.mark.parametrize("name", ["SE-01", "scope-exceeds-parent"])
    def test_it_names_a_rule_or_a_reference(self, name: str) -> None:
        assert ("SE-01", "info") in told(self.STORY, self.policy(reference=name))

    def test_it_holds_for_its_last_day_and_not_for_the_next(self) -> None:
        """By the time of the violation (2026-11-18), whenever that is judged."""
        assert EPOCH == 1_795_000_000
        assert ("SE-01", "info") in told(self.STORY, self.policy(until="2026-11-18"))
        assert ("SE-01", "high") in told(self.STORY, self.policy(until="2026-11-17"))

    def test_it_may_be_for_one_actor_only(self) -> None:
        assert ("SE-01", "info") in told(self.STORY, self.policy(actor="b"))
        assert ("SE-01", "high") in told(self.STORY, self.policy(actor="a"))

    def test_another_rule_is_not_exempt(self) -> None:
        assert ("SE-01", "high") in told(self.STORY, self.policy(reference="SE-02"))


def test_a_finding_keeps_its_identity_under_every_policy_and_bears_the_digest() -> None:
    one, other = Policy(), Policy(max_depth=9)
    (before,), (after,) = found(REVOKED, one), found(REVOKED, other)
    assert before.id == after.id
    assert (before.policy, after.policy) == (digest(one), digest(other))
    assert before.policy != after.policy


def test_a_policy_takes_what_json_has() -> None:
    """In a notebook nobody writes `frozenset`."""
    plain: dict[str, Any] = {
        "ignored_scopes": ["groups"],
        "implied_scopes": {"write": ["read"]},
        "issuers": {
            "https://as.example.com/": {"scope_domain": "issuer", "aliases": ["https://x"]}
        },
        "crossings": [{"from_audience": "a", "to_audience": "b", "allows": {"use": ["read"]}}],
        "exemptions": [{"reference": "SE-01", "until": "2030-01-01", "owner": "o", "reason": "r"}],
    }
    policy = Policy(**plain)
    assert policy.ignored_scopes == frozenset({"groups"})
    assert policy.implied_scopes == {"write": frozenset({"read"})}
    assert policy.issuer("https://x/") == "https://as.example.com"
    assert digest(policy) == digest(Policy(**{**plain, "issuers": policy.issuers}))
    said = "alice grant a token=t0 scopes=write\na delegate b from=t0 token=t1 scopes=read,groups"
    assert found(said, policy) == []
