"""A hop whose parent nobody reported, after the grace for late spans.

One gap is one finding: what is missing is its identity, and all that hangs below is counted.
"""

from __future__ import annotations

from msgspec.structs import replace

from grantline.model.chain import UNSEEN, Chain, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.hop import EVIDENCE_RANK
from grantline.model.names import key_of
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule

_ISSUER = EVIDENCE_RANK["issuer"]


def check(taker: Delegation, where: InChain) -> Hits:
    chain = where.chain
    if not taker.seen or taker.id == chain.root_id:
        return NONE
    if chain.rootless:
        return NONE if chain.granted or chain.doubted else (_below_gap(taker, chain),)
    parent = taker.parent
    if parent is not None and parent.seen:
        return NONE
    facts = taker.facts
    if taker.claimed is None and facts.depth == 0:
        return NONE
    if parent is None and taker.claimed is not None:
        gap, missing = taker.id, f"{taker.claimed.id}, which descends from it"
    elif parent is not None:
        gap = parent.id
        missing = words.token(facts.parent_fingerprint) if facts.parent_fingerprint else gap
    else:
        gap, missing = taker.id, "not named"
    return (_hit(taker, chain, (chain.root_id, gap), missing),)


def _below_gap(taker: Delegation, chain: Chain) -> Hit:
    """Of a chain that has no root, everything hangs below the one gap that it is named by."""
    key = key_of(chain.root_id[1:])
    missing = f"what {words.name_of(key)} came from" if chain.unparented else words.name_of(key)
    if chain.of_identity:
        missing = f"the login that {words.name_of(key)} was issued at"
    hit = _hit(taker, chain, (chain.root_id,), missing)
    if chain.unparented and _issuer_told(taker):
        # As it does of each: transaction tokens, chaining grants, Keycloak's exchanges.
        return replace(hit, says=f"{hit.says}; its issuer does not tell", severity=Severity.LOW)
    return replace(hit, severity=Severity.LOW) if chain.of_identity or _unlogged(key) else hit


def _issuer_told(taker: Delegation) -> bool:
    """Whether who issued it tells of it: and names nothing that it came from."""
    views = (row.view for row in taker.rows if row.view is not None)
    return _ISSUER in taker.reports or any(_ISSUER in view.reports for view in views)


def _unlogged(key: str) -> bool:
    """Whether what is missing is of an issuer whose log does not tell of every credential."""
    kind, _, name = key.partition(":")
    return kind == "jti" and not words.logged(name.partition(" ")[0])


def _hit(taker: Delegation, chain: Chain, identity: tuple[str, ...], missing: str) -> Hit:
    facts = taker.facts
    return Hit(
        reference="CS-06",
        identity=identity,
        says=f"{facts.actor or UNSEEN} acts under authority nobody reported (missing: {missing})",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (facts.fingerprint,))),
        path=chain.path(taker),
        facts=(("missing", missing), ("delegator", facts.delegator or "not named")),
    )


RULE = Rule(
    id="orphan-hop",
    references=("CS-06",),
    reads=Delegation,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.BELOW,
    absence=True,
    title="Hop without a known parent",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="An unknown parent is a gap, never a root: what this hop may do cannot be traced to "
    "anyone's consent.",
    triage="Look for the missing emitter between the delegator named and this hop: an agent "
    "without instrumentation, a sampled pipeline, or an exchange that should not exist.",
    blind_spots="A hop that names a root and a parent that both exist but never met. Below an ID "
    "token it is low: who logged in is in the token, and that the issuer exchanged it is not in "
    "doubt, only which login it was; `grant(id_token=)` tells that. Where "
    "the issuer's own record names no parent (transaction tokens, chaining grants, Keycloak's exchanges) "
    "or its log does not tell of every key (AWS), it is low, too: the agents' own reports close it.",
    retracts_if="the parent's span arrives",
    maps=("ASI03", "ASI07", "NHI4", "MEASURE 2.8"),
    fires={
        "the parent's span never came": """
            alice grant planner token=t0
            worker delegate tool from=t1 token=t2 root=dlg:t0
        """,
        "reports go round in a circle": """
            alice grant planner token=t0 scopes=read
            worker delegate tool from=t2 token=t1 scopes=read root=dlg:t0
            tool delegate worker from=t1 token=t2 scopes=read root=dlg:t0
        """,
        "an issuer that does not tell what was exchanged: low": """
            app delegate planner jti=j1 iss=https://kc.example evidence=issuer root=-
        """,
        "a key of AWS, older than its log: low": """
            deployer delegate reader jti=ASIAFAKE iss=https://sts.amazonaws.com parent-jti=AKIAFAKE root=-
        """,
        "the grant itself never came": """
            planner delegate worker from=t0 token=t1 root=dlg:t0
        """,
        "the grant never came, and no hop names it": """
            planner delegate worker from=t0 token=t1 root=-
            worker delegate tool from=t1 token=t2 root=-
        """,
        "low: an ID token was exchanged, and nobody told at which login it was issued": """
            app delegate worker from=id0 token=t1 parent-type=id_token root=-
            worker delegate tool from=t1 token=t2 root=-
        """,
        "it names neither what it came from nor a root": """
            planner delegate worker token=t1 root=-
            worker delegate tool from=t1 token=t2 root=-
        """,
        "a hand-off that names nothing but its task, which is too weak a name": """
            alice grant planner token=t0 task=k1
            planner delegate worker token=t1 task=k1 root=-
        """,
    },
    quiet={
        "an ID token that was told as a second credential of its grant": """
            alice grant planner token=t0
            planner renew id0 from=t0 type=id_token
            planner delegate worker from=id0 token=t1 parent-type=id_token root=-
        """,
        "a complete chain": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            worker delegate tool from=t1 token=t2 scopes=read
        """,
        "a parent obtained by renewal": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0
            planner delegate worker from=t1 token=t2 scopes=read
        """,
    },
    late={
        "the parent comes after the grace": """
            alice grant planner token=t0 scopes=read
            @20 worker delegate tool from=t1 token=t2 scopes=read
            late: @10 planner delegate worker from=t0 token=t1 scopes=read
        """,
        "the grant that no hop names comes after the grace": """
            planner delegate worker from=t0 token=t1 root=-
            worker delegate tool from=t1 token=t2 root=-
            late: alice grant planner token=t0
        """,
        "another report tells what it came from": """
            alice grant planner token=t0 scopes=read
            planner delegate worker token=t1 scopes=read root=-
            worker delegate tool from=t1 token=t2 scopes=read root=-
            late: planner delegate worker from=t0 token=t1 scopes=read root=-
        """,
    },
)
