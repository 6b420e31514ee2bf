"""Delegation spans as an emitter fills them in: 36 attributes a delegate, 33 a use.

Values only; which spans make up a chain is `tests.benchmarks.chains`' business. Every token here
is a name whose fingerprint is a hash: there is nothing to leak.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

ISSUER = "https://as.example.com"
SERVER = 2
CLIENT = 3
LIFE_SECONDS = 3_600


class Span(NamedTuple):
    """One span and who emits it."""

    service: str
    name: str
    kind: int
    time: int
    """Nanoseconds since the epoch."""
    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class Held(NamedTuple):
    """A delegation as its holder knows it."""

    token: str
    """Fingerprint."""
    id: str
    depth: int
    actor: str
    scopes: list[str]
    host: str
    """The one resource its token is for."""
    actors: list[str]
    issued: int
    """Seconds since the epoch."""
    life: int = LIFE_SECONDS
    parent: Held | None = None
    claimed: list[str] | None = None
    """What its parent is said to hold, where that is a lie."""


class Names(NamedTuple):
    """What all spans of one chain share."""

    number: int
    person: str
    root_id: str
    task: str
    trace_id: str


def fingerprint(token: str) -> str:
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def delegation_id(token: str) -> str:
    """The id that convention 1.5 derives from a fingerprint."""
    return "dlg_" + token.partition(":")[2][:32]


def workload(actor: str) -> str:
    return f"spiffe://corp.example/ns/agents/sa/{actor}"


def grant(names: Names, held: Held, max_depth: int) -> dict[str, Any]:
    """26 attributes."""
    return {
        "delegation.operation.name": "grant",
        "delegation.method": "authorization_code",
        "delegation.max_depth": max_depth,
        "delegation.purpose": "book-travel",
        "delegation.subject.id": names.person,
        "delegation.subject.issuer": ISSUER,
        "delegation.subject.type": "user",
        "delegation.consent.id": f"cns_{names.number}",
        "gen_ai.agent.name": held.actor,
        **_authority(names, held),
        **_token(held),
    }


def delegate(names: Names, held: Held, parent: Held) -> dict[str, Any]:
    """36 attributes."""
    return {
        "delegation.operation.name": "delegate",
        "delegation.parent.id": parent.id,
        "delegation.method": "token_exchange",
        "delegation.purpose": "book-travel",
        "delegation.subject.id": names.person,
        "delegation.subject.issuer": ISSUER,
        "delegation.subject.type": "user",
        "delegation.actor.instance.id": f"{held.actor}-7c9",
        "delegation.presenter.id": workload(held.actor),
        "delegation.delegator.id": parent.actor,
        "delegation.delegator.issuer": ISSUER,
        "delegation.chain.actors": held.actors,
        "delegation.chain.hash": _hash(held.actors),
        "delegation.chain.parent_hash": _hash(parent.actors),
        "delegation.requested_scopes": held.scopes,
        "delegation.parent_scopes": held.claimed or parent.scopes,
        "delegation.token.parent_fingerprint": parent.token,
        "delegation.decision.outcome": "allow",
        "gen_ai.agent.name": held.actor,
        **_authority(names, held),
        **_token(held),
    }


def use(names: Names, held: Held, tool: str, host: str, presenter: str) -> dict[str, Any]:
    """33 attributes."""
    return {
        "delegation.operation.name": "use",
        "delegation.actor.instance.id": f"{held.actor}-7c9",
        "delegation.presenter.id": workload(presenter),
        "delegation.chain.actors": held.actors,
        "delegation.chain.hash": _hash(held.actors),
        "delegation.required_scopes": held.scopes[:1],
        "delegation.token.binding.type": "none",
        "delegation.transaction.id": f"txn-{names.number}",
        "delegation.decision.outcome": "allow",
        "delegation.action.risk": "medium",
        "gen_ai.tool.name": tool,
        "gen_ai.agent.name": held.actor,
        "gen_ai.conversation.id": f"conversation-{names.number}",
        "mcp.method.name": "tools/call",
        "session.id": f"session-{names.number}",
        "server.address": host,
        **_authority(names, held),
        **_token(held),
    }


def rootless(attributes: dict[str, Any]) -> dict[str, Any]:
    """The same, from a verifier that knows the token and nothing of the chain."""
    unknown = ("delegation.root.id", "delegation.task.id", "delegation.depth")
    return {name: value for name, value in attributes.items() if name not in unknown}


def revoke(names: Names, held: Held) -> dict[str, Any]:
    """12 attributes."""
    return {
        "delegation.operation.name": "revoke",
        "delegation.id": held.id,
        "delegation.root.id": names.root_id,
        "delegation.task.id": names.task,
        "delegation.evidence": "issuer",
        "delegation.token.fingerprint": held.token,
        "delegation.token.type": "access_token",
        "delegation.token.issuer": ISSUER,
        "delegation.token.jti": _jti(held.token),
        "delegation.revocation.target": "subtree",
        "delegation.revocation.reason": "user_request",
        "delegation.revocation.cascade": True,
    }


def _authority(names: Names, held: Held) -> dict[str, Any]:
    return {
        "delegation.id": held.id,
        "delegation.root.id": names.root_id,
        "delegation.depth": held.depth,
        "delegation.task.id": names.task,
        "delegation.evidence": "verified_token",
        "delegation.actor.id": held.actor,
        "delegation.actor.issuer": ISSUER,
        "delegation.actor.type": "ai_agent",
        "delegation.actor.client_id": held.actor,
        "delegation.granted_scopes": held.scopes,
        "delegation.audiences": [f"https://{held.host}"],
    }


def _token(held: Held) -> dict[str, Any]:
    return {
        "delegation.token.fingerprint": held.token,
        "delegation.token.type": "access_token",
        "delegation.token.issuer": ISSUER,
        "delegation.token.jti": _jti(held.token),
        "delegation.token.issued_at": held.issued,
        "delegation.token.expires_at": held.issued + held.life,
    }


def _jti(token: str) -> str:
    return "at-" + token[-12:]


def _hash(actors: list[str]) -> str:
    return "sha256:" + hashlib.sha256("\0".join(actors).encode()).hexdigest()
