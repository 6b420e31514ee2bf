"""An exchange is made with the actor token of somebody else."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.policy import Policy
from grantline.model.principals import identify
from grantline.model.sighting import ACTED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history, policy = where
    if shown.act != ACTED or not history.issued:
        return NONE
    issue = history.issue
    own = set(history.holders)
    if issue.actor_id is None and issue.client_id is None and issue.subject is not None:
        own.add(_name(issue.subject, policy))
    if not own:
        return NONE
    names = (shown.principal, shown.actor, shown.client)
    takers = {_name(name, policy) for name in names if name}
    if not takers or not takers.isdisjoint(policy.proxies):
        return NONE
    # The issuer may have taken the new actor from the token itself: then who presents it decides,
    # where the token's holder is known by that kind of name.
    certain = takers.isdisjoint(own)
    if not certain and (_presents(shown, where) or not history.asked):
        return NONE
    who = shown.principal or shown.actor or "someone"
    owners = " or ".join(sorted(own))
    hit = Hit(
        reference="TR-01",
        identity=(history.key, who),
        says=f"{who} {'tried to act' if shown.refused else 'acted'} with actor "
        f"{words.token(history.fingerprint)}, which belongs to {owners}"
        + (", and was refused" if shown.refused else ""),
        severity=Severity.LOW if shown.refused else RULE.severity,
        confidence=RULE.confidence if certain else Confidence.MEDIUM,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (issue.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(
            ("exchanged by", ", ".join(sorted(takers))),
            ("actor token issued to", owners),
        ),
    )
    return (hit,)


def _presents(shown: Presentation, where: InHistory) -> bool:
    """Whether who presents it is its holder, or gives the authority itself."""
    history, policy = where
    who = shown.principal
    if who is None or who in history.holders:
        return True
    return shown.giver is not None and _name(shown.giver, policy) == who


def _name(name: str, policy: Policy) -> str:
    return policy.principal(identify(name)[0])


RULE = Rule(
    id="actor-token-differs",
    references=("TR-01",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    needs="actor token",
    title="Exchange with somebody else's actor token",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="An actor token says who will act. Whoever gets hold of another agent's becomes that agent "
    "for every subject token it can find; the issuer validates each by itself.",
    triage="Revoke the actor token and the token that the exchange brought. Look for the place "
    "where the one could have read the other's credentials.",
    blind_spots="Exchanges that do not report `delegation.token.actor_fingerprint`, and actor "
    "tokens whose issue nobody reported. An issuer's own report names clients, an agent's names "
    "services: without an alias the two are taken for one party where either fits.",
    retracts_if="a span shows that the actor token was issued to the one that presented it; or an "
    "alias or proxy is configured",
    maps=("ASI03", "ASI07", "NHI9", "T1550.001", "T1134.003", "RFC 8693"),
    fires={
        "refused: an attempt, low": """
            worker grant worker token=w0
            alice grant planner token=t0 scopes=read
            planner delegate mallory from=t0 acting=w0 outcome=deny
        """,
        "a rogue with the worker's token": """
            worker grant worker token=w0
            alice grant planner token=t0 scopes=read
            planner delegate mallory from=t0 token=t1 acting=w0
        """,
        "and the issuer names the worker as the actor": """
            worker grant worker token=w0
            alice grant planner token=t0 scopes=read
            planner delegate mallory from=t0 token=t1 acting=w0 actor=worker
        """,
    },
    quiet={
        "its own": """
            worker grant worker token=w0
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 acting=w0
        """,
        "the planner exchanges on behalf of its worker": """
            worker grant worker token=w0
            alice grant planner token=t0 scopes=read
            planner delegate planner from=t0 token=t1 acting=w0 actor=worker
        """,
        "nobody reported the actor token's issue": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 acting=w0
        """,
    },
    late={
        "the actor token's issue is told last": """
            alice grant planner token=t0 scopes=read
            planner delegate mallory from=t0 token=t1 acting=w0
            late: worker grant worker token=w0
        """,
    },
)
