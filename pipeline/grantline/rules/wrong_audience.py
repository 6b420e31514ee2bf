"""A system accepts a token that was issued for another one."""

from __future__ import annotations

from grantline.model.audience import address_place
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.hop import PRESENTS
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history = where.history
    issue = history.issue
    if shown.meant is not False or shown.refused or _on_the_way(shown, where):
        return NONE
    if issue.token_type in words.HANDED_ON_BY_DESIGN:
        return NONE
    where_to = str(address_place(shown.host)) if shown.host else "?"
    who = shown.service or where_to
    meant = ", ".join(issue.audiences or ())
    by_client = shown.kind in PRESENTS
    hit = Hit(
        reference="TR-11",
        identity=(history.key, where_to),
        says=f"{where_to} accepted {words.token(history.fingerprint)}, which is for {meant}",
        severity=RULE.severity,
        confidence=Confidence.MEDIUM if by_client or not shown.stated else RULE.confidence,
        time=shown.time,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(("audience", meant), ("resource", where_to)),
        # The first stop of a token may be a gateway; the one behind it has yet to report.
        provisional=not history.matched,
    )
    return (hit,)


def _on_the_way(shown: Presentation, where: InHistory) -> bool:
    """The token passed a gateway on its way to where it is meant for."""
    history, policy = where
    if shown.kind in PRESENTS:
        # The client sees only the first stop; what accepted the token reports for itself.
        return history.matched or not shown.stated
    return shown.service is not None and (
        shown.service in history.accepted_from or shown.service in policy.proxies
    )


RULE = Rule(
    id="wrong-audience",
    references=("TR-11",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.USE,
    title="Token accepted by a system it was not issued for",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="A system that accepts any audience turns every token into a master key; MCP forbids it "
    "(security best practices: servers must not accept tokens not issued for them).",
    triage="Fix the audience check of the accepting system first. Then find who sent the token "
    "there: a tool that passes its caller's token upstream is the usual cause.",
    blind_spots="Systems that report no `server.address`, and audiences that are not host names "
    "and have no alias configured. A passthrough within one host name, where no "
    "resource is told by its URL. A call that only its client "
    "tells of, who did not see how it ended.",
    retracts_if="a span shows that the system handed the token on to the one it is meant for, or "
    "stronger evidence names other audiences",
    maps=("ASI03", "ASI07", "NHI5", "RFC 8707", "RFC 9700"),
    fires={
        "a tool passes its caller's token upstream": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=crm.example.com by=crm aud=https://crm.example.com
            crm use t0 at=mail.example.com by=mail aud=https://crm.example.com
        """,
        "two resources of one host": """
            alice grant planner token=t0 aud=https://gw.example.com/mcp/crm
            planner use t0 at=gw.example.com resource=https://gw.example.com/mcp/payroll by=payroll
        """,
        "a resource whose name begins like the audience's": """
            alice grant planner token=t0 aud=https://gw.example.com/mcp/crm
            planner use t0 at=https://gw.example.com/mcp/crmx by=crmx
        """,
        "beside the audience, by dots that are spelt out": """
            alice grant planner token=t0 aud=https://gw.example.com/mcp/crm
            planner use t0 resource=https://gw.example.com/mcp/crm/%2e%2e/payroll by=payroll
        """,
        "two ports of one host": """
            alice grant planner token=t0 aud=http://localhost:8001
            planner use t0 resource=http://localhost:8002/mcp by=other
        """,
        "only the client reports it": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=mail.example.com kind=client outcome=allow
        """,
    },
    quiet={
        "a gateway in front of its service": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=gw.example.com kind=client
            planner use t0 at=gw.example.com by=gateway aud=https://crm.example.com
            gateway use t0 at=crm.example.com by=crm aud=https://crm.example.com
        """,
        "two gateways in a row": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=edge.example.com by=edge
            edge use t0 at=gw.example.com by=gateway
            gateway use t0 at=crm.example.com by=crm
        """,
        "refused": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=mail.example.com by=mail outcome=deny
        """,
        "the client saw it let in, the server refused": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=mail.example.com kind=client outcome=allow call=c1
            planner use t0 at=mail.example.com by=mail outcome=deny call=c1
        """,
        "a client that does not know how its call ended": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=mail.example.com kind=client
        """,
        "the host that an issuing span names is the issuer's": """
            alice grant planner token=t0 at=as.example.com aud=https://crm.example.com
            planner use t0 at=crm.example.com by=crm
        """,
        "one resource in other spellings, and what lies below it": """
            alice grant planner token=t0 aud=https://GW.example.com:443/mcp/crm/
            planner use t0 resource=https://gw.example.com/mcp/crm by=crm
            planner use t0 at=https://gw.example.com/mcp//./crm/v2?page=1 by=crm
        """,
        "an audience without a path is the whole host": """
            alice grant planner token=t0 aud=https://gw.example.com/
            planner use t0 resource=https://gw.example.com/mcp/payroll by=payroll
        """,
        "a use that tells no path is compared by host": """
            alice grant planner token=t0 aud=https://gw.example.com/mcp/crm
            planner use t0 at=gw.example.com by=crm
            planner use t0 resource=https://gw.example.com/ by=crm
        """,
        "a resource that is no URL says nothing of the host": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=crm.example.com resource=urn:example:crm by=crm
        """,
        "one of several audiences": """
            alice grant planner token=t0 aud=https://crm.example.com,https://mail.example.com
            planner use t0 at=mail.example.com by=mail
        """,
        "an audience that names no host": """
            alice grant planner token=t0 aud=urn:crm
            planner use t0 at=mail.example.com by=mail
        """,
    },
    late={
        "stronger evidence names other audiences, after the token's issue at some host": """
            alice grant planner token=t0 at=as.example.com
            late: planner use t0 at=mail.example.com by=mail evidence=issuer aud=https://crm.example.com
        """,
        "the server that refused reports last": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=mail.example.com kind=client outcome=allow call=c1
            late: planner use t0 at=mail.example.com by=mail outcome=challenge call=c1
        """,
        "the service behind the gateway reports last": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=gw.example.com by=gateway aud=https://crm.example.com
            late: gateway use t0 at=crm.example.com by=crm aud=https://crm.example.com
        """,
    },
)
