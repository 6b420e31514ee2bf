"""A token is accepted for an action that needs scopes it does not hold."""

from __future__ import annotations

from grantline.dialects import taken_apart
from grantline.model.chain import Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.hop import USE
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule
from grantline.rules.scope_comparison import held, wanted
from grantline.rules.scope_domain import Side, compared


def check(use: Use, where: InChain) -> Hits:
    told, owner = use.told, use.token.owner
    needed = told.required_scopes if told is not None else None
    if needed is None:
        needed = tuple(sorted(where.policy.required_scopes.get(use.action or "", ())))
    if not needed or use.refused or use.operation != USE:
        return NONE
    if use.token.granted is None and owner is not None:
        scopes = owner.facts.granted_scopes
        if scopes is not None and (needed == scopes or set(scopes).issuperset(needed)):
            return NONE
    read = told.verified_scopes if told is not None else None
    has = held(use.token)
    if has is None and read is not None:
        has = Side(read)
    if has is None:
        return NONE
    found = compared(has, wanted(needed, has), where.policy)
    missing = (*found.gained, *found.unproven)
    # What somebody read in the verified token itself is believed before a report of its issue.
    if missing and read is not None:
        missing = compared(has._replace(scopes=read), wanted(missing, has), where.policy).gained
    missing = tuple(name for name in missing if not _as_role(name, has, read or ()))
    if not missing:
        return NONE
    return (_hit(use, where, needed, missing, has),)


def _as_role(name: str, has: Side, read: tuple[str, ...]) -> bool:
    """Whether the token has what is needed as a role or group: who takes a scope or an application's
    role for one action (Entra's `Orders.Read` and `Orders.Read.All`) names it without its kind.
    """
    for told in (*has.scopes, *read):
        kind, own, client = taken_apart(told)
        if kind != "scope" and own == name:
            return client is None or has.audiences is None or client in has.audiences
    return False


def _hit(
    use: Use, where: InChain, needed: tuple[str, ...], missing: tuple[str, ...], has: Side
) -> Hit:
    token, chain, who = use.token, where.chain, use.by or "someone"
    grave = words.grave(use.risk, where.policy, use.action, *missing)
    what = words.credential(token.fingerprint, token.key)
    owner = token.owner
    issued = owner is not None and owner.seen
    return Hit(
        reference="SE-07",
        identity=(chain.root_id, token.key),
        says=f"{who} used {what} for {use.action or 'an action'}, which needs "
        f"{words.scopes(missing)}; it holds {words.scopes(has.scopes)}",
        severity=Severity.CRITICAL if grave else RULE.severity,
        confidence=RULE.confidence if issued and use.stated else Confidence.MEDIUM,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(
            ("- missing", words.scopes(missing)),
            ("needed", words.scopes(needed)),
            ("held", words.scopes(has.scopes)),
        ),
    )


RULE = Rule(
    id="used-beyond-scopes",
    references=("SE-07",),
    reads=Use,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.USE,
    needs="required_scopes",
    title="Token used beyond its scopes",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="A scope limits nothing unless the system that takes the token asks for it. Here it says "
    "itself what the action needs, and let through a token that does not have it.",
    triage="Mend the check of the accepting system: it knows the scope and does not ask for it. "
    "Then see what else was done there with tokens that do not hold the scope.",
    blind_spots="Systems that do not say what an action needs (`delegation.required_scopes`), where the policy "
    "does not either (`required_scopes`). "
    "Authority that is not in the scopes (roles, entitlements of the person) and that the system "
    "looks up elsewhere looks like a gap; name it as a scope, or leave the attribute out.",
    retracts_if="a report of the token's issue, or of somebody who verified it, shows that it "
    "holds the scopes",
    maps=("ASI03", "NHI5", "T1548.005", "RFC 6750"),
    fires={
        "a reader's token writes": """
            alice grant planner token=t0 scopes=read
            planner use t0 by=crm action=crm.write required=write
        """,
        "a role of another client by that name": """
            alice grant planner token=t0 scopes=role:billing:write aud=crm
            planner use t0 by=crm required=write
        """,
        "renewed with less than before": """
            alice grant planner token=t0 scopes=read,write
            planner renew t1 from=t0 scopes=read
            planner use t1 by=crm required=write
        """,
        "a token without scopes": """
            alice grant planner token=t0 scopes=
            planner use t0 by=crm required=read
        """,
        "the grant is not seen, but the system read the token": """
            planner use t0 by=crm required=write scopes=read root=g1
        """,
    },
    quiet={
        "held": """
            alice grant planner token=t0 scopes=read,write
            planner use t0 by=crm required=write
        """,
        "held as an application's role, a group, or a role of the client it is for": """
            alice grant planner token=t0 scopes=role:Orders.Read.All
            planner use t0 by=crm required=Orders.Read.All
            alice grant planner token=t1 scopes=group:admins
            planner use t1 by=crm required=admins
            alice grant planner token=t2 scopes=role:crm:write aud=crm
            planner use t2 by=crm required=write
        """,
        "refused": """
            alice grant planner token=t0 scopes=read
            planner use t0 by=crm required=write outcome=deny
        """,
        "challenged for more, and stepped up": """
            alice grant planner token=t0 scopes=read
            planner use t0 by=crm required=write outcome=challenge
            alice grant planner token=t1 scopes=read,write
            planner use t1 by=crm required=write
        """,
        "the client reports it, and the server refused": """
            alice grant planner token=t0 scopes=read
            planner use t0 kind=client required=write call=c1
            planner use t0 by=crm required=write outcome=deny call=c1
        """,
        "nobody told what the token holds": """
            alice grant planner token=t0
            planner use t0 by=crm required=write
        """,
        "the report of the issue told less than the token says": """
            alice grant planner token=t0 scopes=read
            planner use t0 by=crm required=write scopes=read,write
        """,
        "renewed with more": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0 scopes=read,write
            planner use t1 by=crm required=write
        """,
    },
    late={
        "the grant comes last": """
            planner use t0 by=crm required=write root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
        "the renewal comes last and shows what its token holds": """
            alice grant planner token=t0 scopes=read
            planner use t1 by=crm required=write id=dlg:t0 root=dlg:t0
            late: planner renew t1 from=t0 scopes=read,write
        """,
    },
)
