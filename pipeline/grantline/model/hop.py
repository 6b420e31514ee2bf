"""One delegation fact, as read from one span.

A `Hop` is immutable and knows nothing of its neighbours: what it *means* is decided by
`grantline.lineage`. Field names are the convention's attribute names without the
`delegation.` prefix, dots turned into underscores. `None` always means "not said", which is
different from an empty value: a token without scopes has `granted_scopes == ()`.
"""

from __future__ import annotations

from typing import Final

import msgspec

GRANT: Final = "grant"
DELEGATE: Final = "delegate"
RENEW: Final = "renew"
USE: Final = "use"
CONSENT: Final = "consent"
APPROVE: Final = "approve"
REVOKE: Final = "revoke"
END: Final = "end"

IDENTITIES: Final = frozenset({"id_token", "saml1", "saml2"})
"""Token types that say who somebody is: scopes are given for them, not out of them."""
OPERATIONS: Final = frozenset({GRANT, DELEGATE, RENEW, USE, CONSENT, APPROVE, REVOKE, END})
ISSUING: Final = frozenset({GRANT, DELEGATE, RENEW})
"""Operations that bring a token or a delegation into being."""

EVIDENCE_RANK: Final = {
    "asserted": 1,
    "context": 2,
    "unverified_token": 3,
    "introspection": 4,
    "verified_token": 5,
    "issuer": 6,
}
"""How far a reporter is to be believed, weakest first; an unknown value ranks 0."""
JOINS: Final = EVIDENCE_RANK["introspection"]
"""The least evidence by which an (issuer, jti) joins what two hops say."""

# OTLP SpanKind (opentelemetry/proto/trace/v1/trace.proto)
UNSPECIFIED: Final = 0
INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5

PRESENTS: Final = frozenset({CLIENT, PRODUCER})
"""Kinds of those who call."""
ANSWERS: Final = frozenset({SERVER, CONSUMER})
"""Kinds of those who are called, and decide."""

MAX_SCOPES: Final = 64
"""Entries at which the emitting library cuts a list, in silence (convention 1.5): a list that has
just as many may have had more. What others send is whole, or flagged."""

REFUSED: Final = frozenset({"deny", "challenge"})
"""`decision.outcome` values under which nothing was done with the token."""


class Hop(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One delegation span, normalised. The field order is the frame's wire format (version 1)."""

    span_id: str
    """16 lower-case hex digits."""
    trace_id: str
    """32 lower-case hex digits."""
    operation: str
    time: int
    """Span start, nanoseconds since the epoch."""
    kind: int = UNSPECIFIED
    """OTLP SpanKind number."""
    service: str | None = None
    """Resource `service.name` of the emitter."""
    service_instance: str | None = None
    received: int = 0
    """When the broker took the span's record: milliseconds since the epoch, 0 if unknown."""

    id: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    depth: int | None = None
    task_id: str | None = None
    method: str | None = None
    evidence: str | None = None
    purpose: str | None = None

    subject_id: str | None = None
    subject_issuer: str | None = None
    subject_type: str | None = None
    actor_id: str | None = None
    actor_issuer: str | None = None
    actor_type: str | None = None
    actor_client_id: str | None = None
    actor_instance_id: str | None = None
    presenter_id: str | None = None
    delegator_id: str | None = None
    delegator_issuer: str | None = None
    chain_actors: tuple[str, ...] | None = None
    """Root first; each entry is `<issuer> <subject>`."""
    chain_hash: str | None = None
    chain_parent_hash: str | None = None
    chain_truncated: bool | None = None

    granted_scopes: tuple[str, ...] | None = None
    requested_scopes: tuple[str, ...] | None = None
    parent_scopes: tuple[str, ...] | None = None
    required_scopes: tuple[str, ...] | None = None
    audiences: tuple[str, ...] | None = None
    rar_types: tuple[str, ...] | None = None
    rar_hash: str | None = None
    max_depth: int | None = None

    token_fingerprint: str | None = None
    """`sha256:<hex>` or `hmac-sha256:<kid>:<hex>`, normalised to hex."""
    token_parent_fingerprint: str | None = None
    token_actor_fingerprint: str | None = None
    token_type: str | None = None
    token_issuer: str | None = None
    token_jti: str | None = None
    token_issued_at: int | None = None
    """NumericDate, seconds."""
    token_expires_at: int | None = None
    """NumericDate, seconds."""
    token_binding_type: str | None = None
    token_binding_thumbprint: str | None = None
    token_single_use: bool | None = None
    token_may_act: tuple[str, ...] | None = None
    transaction_id: str | None = None

    decision_outcome: str | None = None
    decision_reason: str | None = None
    decision_policy_id: str | None = None
    action_name: str | None = None
    """`action.name`, else `gen_ai.tool.name`, else `mcp.method.name`."""
    action_risk: str | None = None
    server_address: str | None = None
    agent_name: str | None = None
    """`gen_ai.agent.name`: for display, never an identity."""
    environment: str | None = None
    """Resource `deployment.environment.name`."""
    error_type: str | None = None
    failed: bool = False
    """The span's status is ERROR."""

    consent_id: str | None = None
    consent_kind: str | None = None
    consent_hash: str | None = None
    approval_id: str | None = None
    approver_id: str | None = None
    approver_type: str | None = None
    approval_action_hash: str | None = None
    approval_expires_at: int | None = None
    revocation_target: str | None = None
    revocation_reason: str | None = None
    revocation_cascade: bool | None = None
    end_status: str | None = None

    flags: tuple[str, ...] = ()
    """Quality flags, sorted: `attributes_dropped`, `clock_skew`, `late`, `root_resolved` ..."""

    parent_span_id: str | None = None
    """The span above this one: a server's has the client's here."""
    task_granted_at: int | None = None
    """Only where nothing but the task's id told the root: when that grant was given, nanoseconds
    since the epoch."""

    ended: int | None = None
    """Span end, nanoseconds since the epoch; None where it is missing or before the start."""
    token_parent_jti: str | None = None
    """`jti` of the token that `token_parent_fingerprint` is of; its issuer is `token_parent_issuer`,
    else `token_issuer`."""
    token_parent_issuer: str | None = None
    token_parent_type: str | None = None
    token_parent_expires_at: int | None = None
    """NumericDate, seconds."""
    token_dialect: str | None = None
    """Advisory: how the emitter read the token's claims."""
    session_id: str | None = None
    """The issuer's session (`sid`), within `token_issuer` or, of a revocation, `subject_issuer`."""
    resource: str | None = None
    """URL of the protected resource (RFC 8707, RFC 9728); `server_address` is its host."""
    context_id: str | None = None
    """The delegation that baggage names, where it is not the token's."""
    context_root_id: str | None = None
    """The root that baggage names, where it is not the token's."""
    rar_details: str | None = None
    """`authorization_details` as JSON text."""
    conversation_id: str | None = None
    tool_call_id: str | None = None
    mcp_session_id: str | None = None
    a2a_task_id: str | None = None
    chain_key: str | None = None
    """Ours: of a hop whose root nobody saw, the key of the chain it is judged in (`names.gap_key`,
    `names.top_key`)."""

    @property
    def refused(self) -> bool:
        """The operation did not go through: denied, challenged, or failed without saying allow."""
        if self.decision_outcome is None:
            return self.failed
        return self.decision_outcome in REFUSED

    @property
    def presenter(self) -> str | None:
        """Who presented, as far as the span tells: a server verifies and presents nothing; the actor
        of an exchange is whom the new token is for.
        """
        if self.presenter_id is not None or self.kind in ANSWERS:
            return self.presenter_id
        if self.actor_id is not None and self.operation not in (DELEGATE, REVOKE):
            return self.actor_id
        return self.service if self.kind != UNSPECIFIED else None


ROOT_RESOLVED: Final = "root_resolved"
"""Flag of a hop whose root was not in its span but was found through its token."""
ROOT_WITHDRAWN: Final = "root_withdrawn"
"""Flag of a copy of a hop that takes another copy back: the task was another run's. With a
`chain_key` it closes that chain: what was in it stands elsewhere."""
ROOT_DOUBTED: Final = "root_doubted"
"""Flag of what is no hop: somebody tells of a root for that chain, on evidence that does not join."""
NAMES_JOINED: Final = "names_joined"
"""Flag of what is no hop: it tells the name in `id` of the root or the chain that it stands under."""
NAMES_SAME: Final = "names_same"
"""Flag beside it: what it tells was told of the same token, by its jti."""
NAMES_ASKED: Final = "names_asked"
"""Flag beside `names_joined`: the token `parent_id` asks the jti in `id` about its issue; without one,
the answer to the token in `id`."""
SCOPES_TRUNCATED: Final = "scopes_truncated"
"""Flag of a hop of whose scopes something was cut, unreadable or of another type."""
REACHED: Final = "reached"
"""Flag of a copy of a revocation for one delegation of the person, session or agent it names: its chain
is told so; the lineage keeps the revocation itself."""
LATE: Final = "late"
"""Flag of a hop that came after the lateness horizon: stored, shown, never alerted."""
