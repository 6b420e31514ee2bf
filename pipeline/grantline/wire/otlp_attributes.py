"""Which attribute of a span or a resource goes to which field of a hop, through which converter.

These two tables are the decoder's whole knowledge of names; `schemas/otel/attributes.yaml`
documents the same list, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from grantline.model.flags import (
    ATTRIBUTES_DROPPED,
    ATTRIBUTES_UNREADABLE,
    CLOCK_UNUSABLE,
    INVALID,
    NORMALISED,
    RESOURCE_UNREADABLE,
)
from grantline.model.hop import SCOPES_TRUNCATED, Hop
from grantline.wire.otlp_values import (
    details,
    fingerprint,
    instant,
    integer,
    operation,
    scopes,
    text,
    texts,
    truth,
)

OPERATION_NAME: Final = "delegation.operation.name"
"""Marks a span as a delegation span; a span without it is passed over."""

FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Hop))
WIDTH: Final = len(FIELDS)

# Slots behind the hop's own fields, for what does not go into one as it stands.
IGNORED: Final = WIDTH
PROBLEM: Final = WIDTH + 1
TOOL_NAME: Final = WIDTH + 2
METHOD_NAME: Final = WIDTH + 3
ODD: Final = WIDTH + 4
"""An attribute that is not as the convention has it, as an `otlp_spans.Odd`."""
UNREADABLE: Final = WIDTH + 5
SLOTS: Final = WIDTH + 6

_EXTRA = {"tool_name": TOOL_NAME, "method_name": METHOD_NAME}
_NAMES = {slot: name for name, slot in _EXTRA.items()}


class Attribute(NamedTuple):
    """One attribute the decoder reads."""

    name: str
    slot: int
    convert: Callable[[Any], Any]

    @property
    def field(self) -> str:
        """The field it goes to; `tool_name` and `method_name` have none of their own."""
        return FIELDS[self.slot] if self.slot < WIDTH else _NAMES[self.slot]


def slot_of(field: str) -> int:
    """Where `field` stands in a hop."""
    return _EXTRA[field] if field in _EXTRA else FIELDS.index(field)


_DELEGATION: Final[dict[str, Callable[[Any], Any]]] = {
    "id": text,
    "parent.id": text,
    "root.id": text,
    "depth": integer,
    "task.id": text,
    "method": text,
    "evidence": text,
    "purpose": text,
    "subject.id": text,
    "subject.issuer": text,
    "subject.type": text,
    "actor.id": text,
    "actor.issuer": text,
    "actor.type": text,
    "actor.client_id": text,
    "actor.instance.id": text,
    "presenter.id": text,
    "delegator.id": text,
    "delegator.issuer": text,
    "chain.actors": texts,
    "chain.hash": text,
    "chain.parent_hash": text,
    "chain.truncated": truth,
    "granted_scopes": scopes,
    "requested_scopes": scopes,
    "parent_scopes": scopes,
    "required_scopes": scopes,
    "audiences": texts,
    "rar.types": texts,
    "rar.hash": text,
    "max_depth": integer,
    "token.fingerprint": fingerprint,
    "token.parent_fingerprint": fingerprint,
    "token.actor_fingerprint": fingerprint,
    "token.type": text,
    "token.issuer": text,
    "token.jti": text,
    "token.issued_at": instant,
    "token.expires_at": instant,
    "token.binding.type": text,
    "token.binding.thumbprint": text,
    "token.single_use": truth,
    "token.may_act": texts,
    "token.parent_jti": text,
    "token.parent_issuer": text,
    "token.parent_type": text,
    "token.parent_expires_at": instant,
    "token.dialect": text,
    "session.id": text,
    "resource": text,
    "context.id": text,
    "context.root.id": text,
    "rar.details": details,
    "transaction.id": text,
    "decision.outcome": text,
    "decision.reason": text,
    "decision.policy.id": text,
    "action.name": text,
    "action.risk": text,
    "consent.id": text,
    "consent.kind": text,
    "consent.hash": text,
    "approval.id": text,
    "approver.id": text,
    "approver.type": text,
    "approval.action_hash": text,
    "approval.expires_at": instant,
    "revocation.target": text,
    "revocation.reason": text,
    "revocation.cascade": truth,
    "end.status": text,
}
"""`delegation.` + name -> converter; the field is the name with its dots made underscores."""

SPAN: Final = {
    attribute.name: attribute
    for attribute in (
        *(
            Attribute(f"delegation.{name}", slot_of(name.replace(".", "_")), convert)
            for name, convert in _DELEGATION.items()
        ),
        Attribute(OPERATION_NAME, slot_of("operation"), operation),
        Attribute("gen_ai.tool.name", slot_of("tool_name"), text),
        Attribute("mcp.method.name", slot_of("method_name"), text),
        Attribute("gen_ai.agent.name", slot_of("agent_name"), text),
        Attribute("gen_ai.conversation.id", slot_of("conversation_id"), text),
        Attribute("gen_ai.tool.call.id", slot_of("tool_call_id"), text),
        Attribute("mcp.session.id", slot_of("mcp_session_id"), text),
        Attribute("a2a.task.id", slot_of("a2a_task_id"), text),
        Attribute("server.address", slot_of("server_address"), text),
        Attribute("error.type", slot_of("error_type"), text),
    )
}
"""Read from a span's attributes."""

RESOURCE: Final = {
    attribute.name: attribute
    for attribute in (
        Attribute("service.name", slot_of("service"), text),
        Attribute("service.instance.id", slot_of("service_instance"), text),
        Attribute("deployment.environment.name", slot_of("environment"), text),
    )
}
"""Read from the attributes of the resource a span belongs to."""

FLAGS: Final = frozenset(
    {
        ATTRIBUTES_DROPPED,
        ATTRIBUTES_UNREADABLE,
        CLOCK_UNUSABLE,
        RESOURCE_UNREADABLE,
        SCOPES_TRUNCATED,
    }
    | {attribute.field + NORMALISED for attribute in (*SPAN.values(), *RESOURCE.values())}
    | {
        attribute.field + INVALID
        for attribute in (*SPAN.values(), *RESOURCE.values())
        if attribute.convert is not scopes
    }
) - {f"operation{odd}" for odd in (INVALID, NORMALISED)}
"""Every flag that decoding may put on a hop."""
