"""Delegation facts for Hypothesis: few names, so that they meet; every field may be missing.

Three worlds are mixed. `honest` hops agree with one another (a tree of tokens, as emitters report
it, with fields left out). `hostile` hops draw every field by itself: wrong roots, circles, one
token issued twice, reports that contradict one another. `twisted` ones are the rules' examples
with words changed: near to where verdicts change.
"""

from __future__ import annotations

import hashlib
from itertools import chain, pairwise
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from grantline.dialects import issuer_key
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import (
    APPROVE,
    CLIENT,
    DELEGATE,
    END,
    GRANT,
    RENEW,
    REVOKE,
    SCOPES_TRUNCATED,
    SERVER,
    USE,
    Hop,
)
from grantline.model.names import derived_id
from grantline.rules import every
from grantline.rules.story import EPOCH, fingerprint, tell

_T = TypeVar("_T")
NS = 1_000_000_000

TOKENS = ("t0", "t1", "t2", "t3", "t4")
FINGERPRINTS = tuple(map(fingerprint, TOKENS))
IDS = (*(derived_id(f) for f in FINGERPRINTS), "d1", "d2")
ROOTS = (IDS[0], IDS[0], IDS[0], IDS[1], "d1")
WHO = ("planner", "worker", "mallory", "spiffe://corp/ns/a/sa/planner", "spiffe://corp/b/planner")
SERVICES = ("planner", "worker", "gateway", "crm")
HOSTS = ("crm.example.com", "gw.example.com", "mail.example.com", "https://gw.example.com/mcp/crm")
RESOURCES = ("https://gw.example.com/mcp/crm", "https://gw.example.com/mcp/pay", "urn:crm")
AUDIENCES = (
    ("planner",),
    ("https://crm.example.com",),
    ("https://gw.example.com/mcp",),
    ("https://gw.example.com/mcp/crm", "urn:crm"),
    ("https://mail.example.com",),
    ("urn:crm",),
    (),
)
SCOPES = ((), ("read",), ("read", "write"), ("admin",), ("openid", "read"))
NAMES = (*SCOPES, ("files:/a", "read"), ("files:/a/b",), ("read,write",), ("*",),
         ("role:user",), ("role:boss", "role:user"), ("role:urn%3Acrm:boss",))  # fmt: skip
"""Scopes and roles as issuers write them."""
ISSUERS = ("https://a.example", "https://b.example", "https://A.example/")
JTIS = ("j0", "j1")
TASKS = ("k0", "k1")
INSTANCES = ("i0", "i1")
CALLS = (0, 1, 2, 3, 101, 102, 103)
"""Numbers of the spans that others may be below."""
EVIDENCE = ("asserted", "verified_token", "issuer", "no such evidence")
SECONDS = (0, 1, 60, 61, 90, 200, 400)
FRACTIONS = (0, 0, 0, 400_000_000, 400_000_001)
"""Nanoseconds beside the seconds, so that clocks tell the time in several resolutions."""
TARGETS = (
    "token",
    "delegation",
    "subtree",
    "task",
    "subject",
    "session",
    "agent",
    "no such target",
)
PEOPLE = ("alice", "bob")
SESSIONS = ("s0", "s1")


def _span(number: int) -> dict[str, Any]:
    digits = hashlib.sha256(str(number).encode()).hexdigest()
    return {"span_id": digits[:16], "trace_id": digits[16:48]}


def _maybe(values: tuple[_T, ...]) -> st.SearchStrategy[_T | None]:
    return st.sampled_from((None, *values))


_shared: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from((0, CLIENT, SERVER)),
    "service": _maybe(SERVICES),
    "presenter_id": _maybe(WHO),
    "id": _maybe(IDS),
    "root_id": _maybe(ROOTS),
    "task_id": _maybe(TASKS),
    "evidence": _maybe(EVIDENCE),
    "token_fingerprint": _maybe(FINGERPRINTS),
    "token_issuer": _maybe(ISSUERS),
    "token_jti": _maybe(JTIS),
    "decision_outcome": _maybe(("allow", "deny", "challenge", "approved", "denied")),
    "parent_span_id": _maybe(tuple(_span(number)["span_id"] for number in CALLS)),
    "failed": st.booleans(),
    "service_instance": _maybe(INSTANCES),
    "action_risk": _maybe(("low", "critical")),
    "context_root_id": _maybe(ROOTS),
    "flags": st.sampled_from(((), (CLOCK_UNUSABLE,))),
    "approval_id": _maybe(("a0", "a1")),
    "approval_action_hash": _maybe(("sha256:pay-10", "sha256:pay-99", "other:pay")),
    "token_binding_type": _maybe(("dpop", "mtls")),
    "token_binding_thumbprint": _maybe(("key1", "key2")),
}
_token: dict[str, st.SearchStrategy[Any]] = {
    "actor_id": _maybe(WHO),
    "token_expires_at": _maybe((EPOCH + 30, EPOCH + 300)),
    "token_type": _maybe(("access_token", "txn_token", "id_token", "id_jag")),
    "audiences": _maybe(AUDIENCES),
}
_issuing: dict[str, st.SearchStrategy[Any]] = _token | {
    "subject_id": _maybe(PEOPLE),
    "subject_issuer": _maybe(ISSUERS),
    "actor_issuer": _maybe(ISSUERS),
    "session_id": _maybe(SESSIONS),
    "delegator_id": _maybe(WHO),
    "token_parent_fingerprint": _maybe(FINGERPRINTS),
    "parent_id": _maybe(IDS),
    "granted_scopes": _maybe(NAMES),
    "parent_scopes": _maybe(NAMES),
    "token_dialect": _maybe(("authgent", "auth0", "keycloak", "no such dialect")),
    "token_parent_issuer": _maybe(ISSUERS),
    "token_parent_type": _maybe(("access_token", "id_token", "id_token")),
    "flags": st.sampled_from(((), (), (SCOPES_TRUNCATED,), (CLOCK_UNUSABLE,))),
    "requested_scopes": _maybe(SCOPES),
    "token_actor_fingerprint": _maybe(FINGERPRINTS),
    "token_may_act": _maybe((("https://a.example planner",), ("https://a.example c1",), ())),
    "method": _maybe(("token_exchange", "id_jag")),
    "depth": _maybe((0, 1, 9)),
    "max_depth": _maybe((0, 1, 3)),
    "actor_client_id": _maybe(WHO[:2]),
    "server_address": _maybe(HOSTS),
    "token_parent_jti": _maybe(JTIS),
    "chain_actors": _maybe((("https://a.example alice", "https://a.example planner"),)),
}
_BY_OPERATION: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    GRANT: _issuing,
    DELEGATE: _issuing,
    RENEW: _issuing,
    USE: _token
    | {
        "server_address": _maybe(HOSTS),
        "resource": _maybe(RESOURCES),
        "action_name": _maybe(("pay",)),
        "tool_call_id": _maybe(("call1",)),
        "required_scopes": _maybe(SCOPES),
        "granted_scopes": _maybe(SCOPES),
    },
    REVOKE: {
        "revocation_target": _maybe(TARGETS),
        "revocation_reason": _maybe(("rotation", "compromise")),
        "revocation_cascade": _maybe((True, False)),
        "subject_id": _maybe(PEOPLE),
        "subject_issuer": _maybe(ISSUERS),
        "session_id": _maybe(SESSIONS),
        "actor_id": _maybe(WHO),
        "ended": _maybe((EPOCH * NS + 61 * NS, EPOCH * NS + 61_400_000_000)),
    },
    END: {"end_status": _maybe(("completed",))},
    APPROVE: {
        "approver_id": _maybe(("carol",)),
        "approval_expires_at": _maybe((EPOCH + 30, EPOCH + 300)),
    },
}
_ALWAYS = ("root_id", "token_fingerprint", "token_parent_fingerprint")
_OPTIONAL = sorted({*_shared, *(f for by in _BY_OPERATION.values() for f in by)} - {*_ALWAYS})
_FREQUENT = (GRANT, DELEGATE, DELEGATE, RENEW, USE, USE, USE, REVOKE, REVOKE, END, APPROVE)


_SUBJECTS: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "what a jti names": (
        (GRANT, DELEGATE, DELEGATE, RENEW, REVOKE, REVOKE, USE, USE),
        frozenset({"evidence", "id", "parent_id", "revocation_reason", "revocation_target",
                   "token_issuer", "token_jti", "token_parent_jti", "token_parent_issuer"}),
    ),
    "where delegations hang": (
        (GRANT, DELEGATE, DELEGATE, DELEGATE, REVOKE, USE),
        frozenset({"evidence", "actor_id", "max_depth", "granted_scopes", "subject_id",
                   "token_parent_type"}),
    ),
    "what is gained": (
        (GRANT, DELEGATE, DELEGATE, RENEW),
        frozenset({"granted_scopes", "parent_scopes", "audiences", "token_issuer", "token_dialect",
                   "token_parent_issuer", "flags", "method", "token_type", "evidence", "actor_id"}),
    ),
    "what is revoked": (
        (GRANT, DELEGATE, RENEW, REVOKE, REVOKE, USE, USE),
        frozenset({"evidence", "revocation_target", "revocation_reason", "revocation_cascade",
                   "token_issuer", "token_jti", "task_id"}),
    ),
    "whom it reaches": (
        (GRANT, GRANT, DELEGATE, RENEW, REVOKE, REVOKE, USE, USE),
        frozenset({"subject_id", "session_id", "actor_id", "subject_issuer", "token_issuer",
                   "revocation_target", "revocation_cascade", "token_expires_at"}),
    ),
    "by which clock": (
        (GRANT, DELEGATE, RENEW, REVOKE, REVOKE, USE, USE),
        frozenset({"evidence", "service_instance", "token_issuer", "service", "ended", "flags",
                   "revocation_target", "revocation_cascade", "task_id"}),
    ),
    "who presents": (
        (GRANT, USE, USE, USE, DELEGATE),
        frozenset({"kind", "service", "presenter_id", "actor_id", "token_binding_thumbprint",
                   "flags"}),
    ),
    "to whom": (
        (GRANT, USE, USE, USE),
        frozenset({"kind", "service", "presenter_id", "audiences", "server_address", "resource",
                   "evidence",
                   "decision_outcome"}),
    ),
    "what was approved": (
        (GRANT, APPROVE, APPROVE, USE, USE, USE),
        frozenset({"approval_id", "approval_action_hash", "approval_expires_at", "task_id",
                   "decision_outcome", "kind", "service", "parent_span_id", "tool_call_id",
                   "approver_id"}),
    ),
    "which key": (
        (GRANT, RENEW, USE, USE, USE),
        frozenset({"token_binding_type", "token_binding_thumbprint", "kind", "service",
                   "presenter_id", "evidence", "decision_outcome"}),
    ),
    "whose token": (
        (GRANT, DELEGATE, DELEGATE, DELEGATE, USE, USE),
        frozenset({"token_actor_fingerprint", "kind", "service", "presenter_id", "actor_id",
                   "actor_client_id", "delegator_id", "audiences", "token_may_act", "evidence",
                   "chain_actors", "token_issuer"}),
    ),
    "what is over": (
        (GRANT, DELEGATE, DELEGATE, USE, USE, END, END),
        frozenset({"task_id", "id", "evidence", "parent_id"}),
    ),
    "what was asked for": (
        (GRANT, DELEGATE, DELEGATE, RENEW, USE, USE),
        frozenset({"evidence", "granted_scopes", "parent_scopes", "requested_scopes",
                   "required_scopes", "decision_outcome", "parent_id"}),
    ),
    "who acts for whom": (
        (GRANT, DELEGATE, DELEGATE, DELEGATE, USE),
        frozenset({"actor_id", "actor_client_id", "delegator_id", "token_may_act", "evidence",
                   "parent_id", "context_root_id", "granted_scopes"}),
    ),
    "which run of a task": (
        (GRANT, GRANT, REVOKE, REVOKE, USE, END),
        frozenset({"task_id", "revocation_target", "revocation_cascade"}),
    ),
    "who refused": (
        (GRANT, USE, USE, USE, DELEGATE, REVOKE),
        frozenset({"kind", "parent_span_id", "decision_outcome", "token_expires_at",
                   "server_address", "audiences", "revocation_target"}),
    ),
    "whose root": (
        (GRANT, DELEGATE, DELEGATE, RENEW, REVOKE, USE),
        frozenset({"id", "parent_id", "task_id", "token_issuer", "token_jti"}),
    ),
    "by which name": (
        (GRANT, DELEGATE, DELEGATE, DELEGATE, USE, REVOKE),
        frozenset({"id", "parent_id", "token_issuer", "token_jti", "token_parent_jti", "evidence"}),
    ),
}  # fmt: skip
"""What a collision of facts can be about: the operations that meet there, and their fields."""


@st.composite
def hostile(draw: st.DrawFn, size: int = 14) -> list[Hop]:
    """Hops whose fields need not fit one another.

    Each example settles on a few operations, tokens and fields and leaves the others out (swarm
    testing: Groce et al., ISSTA 2012), because facts only collide where there are few of them.
    """
    if draw(st.booleans()):
        operations, spoken = _SUBJECTS[draw(st.sampled_from(sorted(_SUBJECTS)))]
    else:
        few = st.lists(st.sampled_from(_FREQUENT), min_size=1, max_size=4, unique=True)
        operations = tuple(draw(few))
        spoken = frozenset(draw(st.sets(st.sampled_from(_OPTIONAL))))
    tokens = st.sampled_from(FINGERPRINTS[: draw(st.integers(1, len(FINGERPRINTS)))])
    roots = st.sampled_from(draw(st.sampled_from(((IDS[0],), (IDS[0], None), (*ROOTS, None)))))
    # Few span numbers at times: two different hops may claim to be the same span.
    spans = st.integers(0, draw(st.sampled_from((3, 10_000))))
    hops = []
    for _ in range(draw(st.integers(1, size))):
        operation = draw(st.sampled_from(operations))
        fields = _shared | _BY_OPERATION[operation]
        drawn = {name: draw(fields[name]) for name in sorted(fields.keys() & spoken)}
        if "token_parent_fingerprint" in fields:
            by_jti = "token_parent_jti" in spoken and draw(st.booleans())
            drawn["token_parent_fingerprint"] = None if by_jti else draw(tokens)
        time = (EPOCH + draw(st.sampled_from(SECONDS))) * NS + draw(st.sampled_from(FRACTIONS))
        some = (st.none(), tokens) if "token_jti" in spoken else (st.none(), *[tokens] * 4)
        drawn["token_fingerprint"] = draw(st.one_of(*some))
        drawn["root_id"] = draw(roots)
        hops.append(Hop(**_span(draw(spans)), operation=operation, time=time, **drawn))
    return hops


@st.composite
def exchanges(draw: st.DrawFn, size: int = 8) -> list[Hop]:
    """Grants, exchanges and renewals whose scopes are compared, with all that decides where."""
    operations, spoken = _SUBJECTS["what is gained"]
    tokens = st.sampled_from(FINGERPRINTS[:4])
    hops = []
    for number in range(draw(st.integers(2, size))):
        operation = draw(st.sampled_from(operations)) if number else GRANT
        fields = _shared | _BY_OPERATION[operation]
        drawn = {name: draw(fields[name]) for name in sorted(spoken)}
        drawn["token_fingerprint"] = draw(tokens) if number else FINGERPRINTS[0]
        drawn["token_parent_fingerprint"] = draw(tokens)
        at = (EPOCH + draw(st.sampled_from(SECONDS))) * NS
        hops.append(
            Hop(**_span(500 + number), operation=operation, time=at, root_id=IDS[0],
                id=derived_id(drawn["token_fingerprint"]), **drawn)
        )  # fmt: skip
    return hops


@st.composite
def honest(draw: st.DrawFn, length: int = 9) -> list[Hop]:
    """A tree of tokens under one grant, and what is done with them; fields may be left out."""
    hops: list[Hop] = []
    owner = {0: IDS[0]}
    for number in range(draw(st.integers(1, length))):
        operation = GRANT if number == 0 else draw(st.sampled_from(_FREQUENT[1:]))
        source = draw(st.sampled_from(sorted(owner)))
        fields: dict[str, Any] = {"root_id": draw(st.sampled_from((IDS[0], IDS[0], None)))}
        if operation in (DELEGATE, RENEW) and len(owner) < len(TOKENS):
            new = len(owner)
            owner[new] = IDS[new] if operation == DELEGATE else owner[source]
            fields |= {
                "token_parent_fingerprint": FINGERPRINTS[source],
                "parent_id": draw(st.sampled_from((owner[source], None))),
                "token_fingerprint": FINGERPRINTS[new],
                "id": owner[new],
            }
        elif operation == GRANT:
            fields |= {"token_fingerprint": FINGERPRINTS[0], "id": IDS[0], "subject_id": "alice"}
        elif operation in (DELEGATE, RENEW):
            operation = USE
        if operation not in (GRANT, DELEGATE, RENEW):
            fields |= {"token_fingerprint": FINGERPRINTS[source]}
        names = ("kind", "service", "presenter_id", "evidence", "decision_outcome",
                 "parent_span_id", "service_instance")  # fmt: skip
        drawn = _shared | _BY_OPERATION[operation]
        wanted = [*names, *(set(_BY_OPERATION[operation]) - fields.keys())]
        fields |= {name: draw(drawn[name]) for name in sorted(wanted) if name not in fields}
        at = EPOCH + draw(st.sampled_from(SECONDS))
        hops.append(Hop(**_span(100 + number), operation=operation, time=at * NS, **fields))
    return hops


_ISSUER = ISSUERS[0]
_WORD = st.sampled_from(("issuer", "issuer", "verified_token", "asserted"))
_MOSTLY = st.sampled_from((True, True, True, False))
_HALF = st.booleans()


def _as(draw: st.DrawFn, told: st.SearchStrategy[bool], **fields: Any) -> dict[str, Any]:
    return fields if draw(told) else {}


@st.composite
def two_views(draw: st.DrawFn, length: int = 4) -> list[Hop]:
    """A tree of tokens, told by agents (fingerprints) and by the issuer's log (jtis), with holes."""
    hops: list[Hop] = []
    parent = {0: 0}
    for number in range(1, draw(st.integers(1, length)) + 1):
        parent[number] = draw(st.integers(0, number - 1))
    for number, above in parent.items():
        later = st.sampled_from((DELEGATE, DELEGATE, RENEW))
        operation = draw(later) if number else GRANT
        granted = draw(_maybe(SCOPES[1:4]))
        own = {"token_issuer": _ISSUER, "token_jti": f"j{number}"}
        span: dict[str, Any] = {
            "token_fingerprint": FINGERPRINTS[number],
            "granted_scopes": granted,
        }
        span |= _as(draw, _HALF, **own) | _as(draw, _HALF, root_id=IDS[0])
        row: dict[str, Any] = own | {"granted_scopes": granted}
        row |= _as(draw, st.sampled_from((False, False, True)), id=IDS[number])
        if number:
            jti = {"token_parent_jti": f"j{above}", "token_parent_issuer": _ISSUER}
            span |= _as(draw, _MOSTLY, token_parent_fingerprint=FINGERPRINTS[above])
            span |= _as(draw, _HALF, **jti)
            row |= _as(draw, _MOSTLY, **jti)
        for at, fields in ((500, span), (520, row)):
            if draw(_MOSTLY):
                hops.append(_told(at + number, operation, draw(_WORD), fields))
    for number in range(draw(st.integers(0, 4))):
        which = draw(st.sampled_from(sorted(parent)))
        by_token = {"token_fingerprint": FINGERPRINTS[which]}
        by_jti = {"token_issuer": _ISSUER, "token_jti": f"j{which}"}
        fields = draw(st.sampled_from((by_token, by_jti, by_token | by_jti)))
        fields |= {"root_id": draw(st.sampled_from((None, None, IDS[0])))}
        operation = draw(st.sampled_from((USE, USE, REVOKE)))
        hops.append(_told(540 + number, operation, draw(_WORD), fields, 100 * number))
    return hops or [_told(500, GRANT, "issuer", {"token_issuer": _ISSUER, "token_jti": "j0"})]


def _told(
    number: int, operation: str, evidence: str, fields: dict[str, Any], second: int = 0
) -> Hop:
    time = (EPOCH + second) * NS
    return Hop(**_span(number), operation=operation, time=time, evidence=evidence, **fields)


@st.composite
def whom_it_reaches(draw: st.DrawFn, size: int = 12) -> list[Hop]:
    """Grants to few people and agents, in several sessions, and revocations that name those."""
    hops = []
    for number in range(draw(st.integers(2, size))):
        token = draw(st.integers(0, 1))
        at = (EPOCH + draw(st.sampled_from(SECONDS))) * NS
        operation = draw(st.sampled_from((GRANT, GRANT, DELEGATE, USE, USE, REVOKE, REVOKE)))
        fields: dict[str, Any] = {"subject_id": draw(st.sampled_from(PEOPLE))}
        fields["session_id"] = draw(st.sampled_from(SESSIONS))
        fields["actor_id"] = draw(st.sampled_from(WHO[:2]))
        if operation == REVOKE:
            fields["revocation_target"] = draw(_maybe(("subject", "session", "agent")))
            named = {"subject": "subject_id", "session": "session_id", "agent": "actor_id"}
            kept = {named.get(fields["revocation_target"] or ""), draw(_maybe(("subject_id",)))}
            fields = {k: v for k, v in fields.items() if k in kept or k == "revocation_target"}
        elif operation == GRANT:
            fields |= {"token_fingerprint": FINGERPRINTS[token], "id": IDS[token],
                       "root_id": IDS[token]}  # fmt: skip
        elif operation == DELEGATE:
            fields |= {"token_fingerprint": FINGERPRINTS[token + 2], "id": IDS[token + 2],
                       "root_id": draw(_maybe((IDS[token],))),
                       "token_parent_fingerprint": FINGERPRINTS[token]}  # fmt: skip
        else:
            shown = draw(st.sampled_from((token, token + 2)))
            fields = {"token_fingerprint": FINGERPRINTS[shown], "root_id": IDS[token]}
        hops.append(Hop(**_span(500 + number), operation=operation, time=at, **fields))
    return hops


@st.composite
def one_name_for_many_tasks(draw: st.DrawFn, size: int = 12) -> list[Hop]:
    """Runs that share a task id, and what is done by that name alone."""
    hops = []
    for number in range(draw(st.integers(2, size))):
        token = draw(st.integers(0, 1))
        at = (EPOCH + draw(st.sampled_from(SECONDS))) * NS
        operation = draw(st.sampled_from((GRANT, GRANT, USE, USE, REVOKE, END)))
        fields: dict[str, Any] = {"task_id": TASKS[0]}
        if operation == GRANT:
            fields |= {"token_fingerprint": FINGERPRINTS[token], "id": IDS[token],
                       "root_id": IDS[token]}  # fmt: skip
        elif operation == USE:
            fields = {"token_fingerprint": FINGERPRINTS[token], "root_id": IDS[token]}
        elif operation == REVOKE:
            fields |= {"revocation_cascade": draw(_maybe((False,)))}
        hops.append(Hop(**_span(400 + number), operation=operation, time=at, **fields))
    return hops


_STORIES = [
    list(chain(*tell(story)))
    for rule in every()
    for kind in (rule.fires, rule.quiet, rule.late)
    for story in kind.values()
]
_TWISTS: dict[str, st.SearchStrategy[Any]] = {
    "root_id": _maybe(ROOTS),
    "evidence": _maybe(EVIDENCE),
    "time": st.sampled_from([(EPOCH + second) * NS for second in SECONDS]),
    "actor_id": _maybe(WHO),
    "service": _maybe(SERVICES),
    "presenter_id": _maybe(WHO),
    "audiences": _maybe(AUDIENCES),
    "server_address": _maybe(HOSTS),
    "token_fingerprint": _maybe(FINGERPRINTS),
    "token_jti": _maybe(JTIS),
    "token_issuer": _maybe(ISSUERS),
    "task_id": _maybe(TASKS),
    "id": _maybe(IDS),
    "kind": st.sampled_from((0, CLIENT, SERVER)),
    "service_instance": _maybe(INSTANCES),
    "decision_outcome": _maybe(("allow", "deny")),
}


@st.composite
def twisted(draw: st.DrawFn, size: int = 14) -> list[Hop]:
    """The rules' own examples, two or three told at once, and here and there a word changed."""
    stories = draw(st.lists(st.sampled_from(_STORIES), min_size=1, max_size=3))
    hops = []
    for number, hop in enumerate(list(chain(*stories))[:size]):
        twists = draw(st.lists(st.sampled_from(sorted(_TWISTS)), max_size=2, unique=True))
        if not draw(st.booleans()):
            hops.append(hop)
        if twists:
            changed = {name: draw(_TWISTS[name]) for name in twists}
            hops.append(msgspec.structs.replace(hop, **_span(200 + number), **changed))
    return hops or stories[0]


def facts(size: int = 14) -> st.SearchStrategy[list[Hop]]:
    """Delegation facts, honest and hostile, in no order that matters."""
    return st.one_of(
        hostile(size),
        twisted(size),
        twisted(size),
        honest(),
        one_name_for_many_tasks(),
        whom_it_reaches(),
        exchanges(),
        two_views(),
        two_views(),
        st.tuples(honest(), hostile(4)).map(lambda both: both[0] + both[1]),
    )


@st.composite
def deliveries(draw: st.DrawFn, hops: list[Hop]) -> list[list[Hop]]:
    """`hops` in any order, some of them twice, split into batches."""
    repeated = draw(st.lists(st.sampled_from(hops), max_size=4))
    shuffled = draw(st.permutations(hops + repeated))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=len(shuffled))))
    edges = [0, *cuts, len(shuffled)]
    return [shuffled[start:end] for start, end in pairwise(edges)]


def one_report_a_span(hops: list[Hop]) -> list[Hop]:
    """`hops` with span ids that tell different facts apart, as honest emitters' do."""
    return [msgspec.structs.replace(hop, **_span(300 + n)) for n, hop in enumerate(hops)]


def round_without_a_root(hops: list[Hop]) -> bool:
    """Whether hand-offs that name no root go round in a circle: where such a one ends up depends on
    when its halves came (decision 030, the one limit that is known), so it is left out where time
    goes on between facts. Circles under a root are in.
    """
    above: dict[str, set[str]] = {}
    for hop in hops:
        if hop.operation != DELEGATE or hop.refused:
            continue
        own = _names(hop.token_fingerprint, hop.token_issuer, hop.token_jti, hop.id)
        issuer = hop.token_parent_issuer or hop.token_issuer
        parents = _names(hop.token_parent_fingerprint, issuer, hop.token_parent_jti, hop.parent_id)
        for name in own:
            above.setdefault(name, set()).update(parents)
            # What one hop calls one thing by several names is one thing.
            above[name] |= own - {name}
    rootless = [hop for hop in hops if hop.operation == DELEGATE and hop.root_id is None]
    return any(_returns(hop, above) for hop in rootless)


def _names(
    fingerprint: str | None, issuer: str | None, jti: str | None, identity: str | None
) -> set[str]:
    found = {identity} if identity else set()
    if fingerprint:
        found |= {fingerprint, derived_id(fingerprint)}
    if issuer and jti:
        found.add(f"{issuer_key(issuer)} {jti}")
    return found


def _returns(hop: Hop, above: dict[str, set[str]]) -> bool:
    """Whether what `hop` made is met again on the way up from what it was made from."""
    own = _names(hop.token_fingerprint, hop.token_issuer, hop.token_jti, hop.id)
    issuer = hop.token_parent_issuer or hop.token_issuer
    todo = _names(hop.token_parent_fingerprint, issuer, hop.token_parent_jti, hop.parent_id) - own
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in own:
            return True
        if name not in seen:
            seen.add(name)
            todo |= above.get(name, set())
    return False
