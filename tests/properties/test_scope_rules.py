"""What the scope rules say is a function of the set of facts and the policy, and of nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.policy_parts import Crossing, IssuerPolicy
from tests.properties.strategies import ISSUERS, deliveries, exchanges

_CRM = "https://crm.example.com"
POLICIES = st.builds(
    Policy,
    issuers=st.sampled_from(
        (
            {},
            {ISSUERS[0]: IssuerPolicy(scope_domain="issuer")},
            {ISSUERS[0]: IssuerPolicy(scope_domain="resource", aliases=frozenset({ISSUERS[1]}))},
            {ISSUERS[1]: IssuerPolicy(dialect="keycloak", ignored_scopes=frozenset({"admin"}))},
        )
    ),
    crossings=st.sampled_from(
        (
            (),
            (Crossing(to_audience=_CRM, allows={"read": frozenset({"admin"})}),),
            (Crossing(from_issuer=ISSUERS[0], to_issuer=ISSUERS[1]),),
        )
    ),
    action_tiers=st.sampled_from(({}, {"role:urn%3Acrm:boss": "critical"})),
    audience_aliases=st.sampled_from(({}, {"urn:crm": frozenset({"crm.example.com"})})),
)


def standing(findings: dict[str, Finding]) -> dict[str, Finding]:
    return {
        key: finding.model_copy(update={"revision": 0})
        for key, finding in findings.items()
        if finding.status == "open"
    }


def at_once(hops: list[Hop], policy: Policy) -> dict[str, Finding]:
    engine = Engine(policy)
    engine.add(hops)
    return standing({finding.id: finding for finding in engine.finish()})


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_scope_findings_do_not_depend_on_order(data: st.DataObject) -> None:
    """Any order, repetition and batches, under any policy."""
    hops, policy = data.draw(exchanges()), data.draw(POLICIES)
    engine, last = Engine(policy), dict[str, Finding]()
    for batch in data.draw(deliveries(hops)):
        engine.add(batch)
        last |= {finding.id: finding for finding in engine.drain()}
    last |= {finding.id: finding for finding in engine.finish()}
    assert standing(last) == at_once(hops, policy)


def test_the_strategy_reaches_every_verdict() -> None:
    """A property over facts that never fire would hold for nothing."""
    seen: set[tuple[str, str]] = set()

    @settings(max_examples=400, deadline=None, database=None)
    @given(exchanges(), POLICIES)
    def collect(hops: list[Hop], policy: Policy) -> None:
        seen.update((f.severity, f.rule) for f in at_once(hops, policy).values())

    collect()
    assert {
        ("high", "scope-exceeds-parent"),
        ("low", "scope-exceeds-parent"),
        ("critical", "scope-exceeds-root"),
        ("high", "renewal-gains-scope"),
    } <= seen
