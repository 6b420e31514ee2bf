"""A delegate holds a scope the human never granted, and no recorded hop shows where it came in."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.policy import Policy
from grantline.model.scopes import in_common
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule
from grantline.rules.scope_comparison import claimed, giving, holding, recorded
from grantline.rules.scope_domain import Side, compared, nothing_new


def check(taker: Delegation, where: InChain) -> Hits:
    names = taker.facts.granted_scopes
    root = where.chain.root
    if names is None or root is None or taker is root or not taker.seen:
        return NONE
    if nothing_new(root.facts.granted_scopes, names, where.policy):
        return NONE
    holds = holding(taker, names)
    granted = giving(root, holds)
    if granted is None:
        return NONE
    beyond = compared(granted, holds, where.policy)
    if not beyond.gained or _strange(taker, granted, holds):
        return NONE
    extra = _unexplained(taker, holds, beyond.gained, where.policy, guessed=beyond.guessed)
    if not extra:
        return NONE
    who = taker.facts.actor or UNSEEN
    hit = Hit(
        reference="SE-02",
        identity=(where.chain.root_id, taker.id),
        says=f"{who} holds {words.scopes(extra)}, which {root.facts.subject or 'the root'} "
        "never granted",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("+ beyond the grant", words.scopes(extra)),
            ("granted at the root", words.scopes(granted.scopes)),
            ("delegate holds", words.scopes(holds.scopes)),
        ),
    )
    return (hit,)


def _strange(taker: Delegation, granted: Side, holds: Side) -> bool:
    """Whether nothing ties a token's names to those of the grant: whose token it is, nobody tells,
    nor what the one above it holds, and they have no name in common. So does a token vault give
    other issuers' tokens.
    """
    if (
        holds.issuer is not None
        or granted.issuer is None
        or in_common(granted.scopes, holds.scopes)
    ):
        return False
    return recorded(taker, holds) is None and claimed(taker) is None


def _unexplained(
    taker: Delegation, holds: Side, extra: tuple[str, ...], policy: Policy, *, guessed: bool
) -> tuple[str, ...]:
    """Scopes that came in here, as far as the records go, without this hop's own report failing.

    A scope the recorded parent holds came in further up and is reported there. One that this
    hop's own report admits to have gained is SE-01. Where the recorded parent is of another domain,
    it explains nothing: out and back is how authority is laundered. But then names in common with
    the root are not enough to call that one domain.
    """
    had, says = recorded(taker, holds), claimed(taker)
    names = set(extra)
    if had is not None:
        found = compared(had, holds, policy)
        foreign = {*found.elsewhere, *found.unproven}
        if guessed:
            names -= foreign
        if says is None:
            return tuple(sorted(names & foreign))
        names &= {*found.gained, *foreign}
    if says is not None:
        names.difference_update(compared(says, holds, policy).gained)
    return tuple(sorted(names))


RULE = Rule(
    id="scope-exceeds-root",
    references=("SE-02",),
    reads=Delegation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Delegate exceeds the original grant",
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    why="Every hop may look right by itself while the chain as a whole does what nobody agreed to: "
    "a hop is missing, crosses issuers and comes back, or reports a parent it does not have.",
    triage="Find the hop between the grant and this delegate that is not in the lineage, and ask "
    "the issuer what was presented there.",
    blind_spots="A root that reports no scopes, or whose list was cut; a delegate whose scopes are of another "
    "issuer or resource than the root's.",
    retracts_if="the missing hop arrives and shows where the scope came in",
    maps=("ASI03", "NHI5", "T1548.005", "T1134", "AML.T0012", "RFC 8693"),
    fires={
        "the hop in between is missing": """
            alice grant planner token=t0 scopes=read
            worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
        """,
        "the hop reports a parent it does not have": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read,admin
        """,
        "nobody tells whose it is, but a name in common does": """
            alice grant planner token=t0 scopes=read iss=https://as.example
            planner delegate worker from=t0 token=t1
            worker delegate tool from=t1 token=t2 scopes=read,admin
        """,
        "out to another issuer and back": """
            alice grant planner token=t0 scopes=read iss=https://a.example
            planner delegate b from=t0 token=t1 scopes=lesen iss=https://b.example
            b delegate c from=t1 token=t2 scopes=admin iss=https://a.example
        """,
    },
    quiet={
        "a recorded hop shows the gain (that is SE-01)": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read
            worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=read,admin
        """,
        "another resource of an issuer that defines scopes by resource": """
            alice grant planner token=t0 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
            worker delegate tool from=t1 token=t2 scopes=admin iss=https://t.eu.auth0.com aud=https://b.example root=dlg:t0
        """,
        "what a token vault gave: another issuer's token": """
            alice grant planner token=t0 scopes=use iss=https://cognito-idp.eu-west-1.amazonaws.com/p
            planner delegate planner from=t0 token=t1 dialect=agentcore
            planner delegate planner from=t1 token=t2 scopes=use,crm.read
        """,
        "whose token it is, nobody tells, nor what the one above holds": """
            alice grant planner token=t0 scopes=use iss=https://as.example
            planner delegate worker from=t0 token=t1
            worker delegate worker from=t1 token=t2 scopes=crm.read
        """,
        "narrowing across a gap": """
            alice grant planner token=t0 scopes=read,write
            worker delegate tool from=t1 token=t2 scopes=read root=dlg:t0
        """,
    },
    late={
        "the missing hop arrives and takes the blame": """
            alice grant planner token=t0 scopes=read
            @20 worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
            late: @10 planner delegate worker from=t0 token=t1 scopes=admin parent-scopes=read
        """,
    },
)
