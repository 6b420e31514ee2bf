"""What findings say: attempts are attempts, who did it is who did it, short lags are short."""

from __future__ import annotations

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import SERVER
from grantline.model.policy import Policy
from grantline.model.policy_parts import IssuerPolicy
from grantline.rules import words
from grantline.rules.story import tell


def found(story: str, policy: Policy | None = None) -> list[Finding]:
    early, late = tell(story)
    engine = Engine(policy or Policy())
    engine.add([*early, *late])
    return list({one.id: one for one in engine.finish()}.values())


def says(story: str, reference: str) -> str:
    (said,) = [one.explanation for one in found(story) if one.reference == reference]
    return said


@pytest.mark.parametrize(
    "lag, told",
    [(1, "less than 1 ms"), (400_000_000, "400 ms"), (999_999_999, "999 ms"),
     (1_000_000_000, "1 s"), (90_000_000_000, "90 s"), (300_000_000_000, "5 min"),
     (9_000_000_000_000, "2.5 h")],
)  # fmt: skip
def test_a_lag_is_told_in_the_unit_it_has(lag: int, told: str) -> None:
    assert words.span(lag) == told


def test_a_refused_exchange_is_an_attempt() -> None:
    late = "alice grant planner token=t0 exp=10\n@400 planner delegate worker from=t0 token=t1"
    assert "worker exchanged token" in says(late, "TR-06")
    assert "worker tried to exchange token" in says(late + " outcome=deny", "TR-06")
    rootless = "planner delegate worker from=t0 token=t1 root=- outcome=deny"
    said = [one.explanation for one in found(rootless)]
    assert all("refused" in one and "acts" not in one for one in said)


def test_a_refused_use_is_an_attempt() -> None:
    assert " tried to use token" in says("mallory use t9 root=- outcome=deny", "CS-06")
    assert " used token" in says("mallory use t9 root=-", "CS-06")
    thief = "alice grant planner token=t0\nplanner use t0\nmallory use t0 outcome=deny"
    assert says(thief, "TR-01").endswith(", and was refused")


def test_who_exchanges_its_own_token_is_not_told_to_lack_what_it_gained() -> None:
    said = says(
        "alice grant planner token=t0 scopes=read\n"
        "planner delegate planner from=t0 token=t1 scopes=admin,read",
        "SE-01",
    )
    assert said == ("planner gained admin, which the token it exchanged for its own does not hold")


def test_who_revoked_is_named_and_a_verifier_is_not_who_used() -> None:
    hops = tell("""
        alice grant planner token=t0
        @100 idp revoke t0
        @300 planner use t0 by=crm
    """)[0]
    hops[2] = msgspec.structs.replace(hops[2], presenter_id=None, kind=SERVER)
    engine = Engine()
    engine.add(hops)
    (finding,) = [one for one in engine.finish() if one.reference == "TR-04"]
    assert finding.facts["revoked by"] == "idp"
    assert finding.explanation.startswith("someone used token")


def test_an_issuer_may_grant_no_leeway_past_expiry() -> None:
    story = """
        alice grant planner token=t0 exp=100 iss=https://as.example.com
        @110 planner use t0
    """
    strict = {"https://as.example.com/": IssuerPolicy(leeway_seconds=0)}
    assert [one.reference for one in found(story)] == []
    assert [one.reference for one in found(story, Policy(issuers=strict))] == ["TR-06"]


def test_who_revokes_or_ends_what_nobody_granted_is_not_said_to_act_with_it() -> None:
    assert says("alice revoke t1 target=token root=-", "CS-06").startswith("alice revoked token …")
    assert says("planner end - task=k1 root=-", "CS-06").startswith("planner ended task:k1, which")
